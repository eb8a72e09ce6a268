-- Queues. A duration belongs to the moment of its end; levels (waiting, oldest) are those at the end of the window.
-- {lang} is id or en.

-- name: now
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT o.waiting, extract(epoch FROM to_at - o.oldest_waiting) / 60 AS oldest_min
FROM ask CROSS JOIN LATERAL wall.open('queue', to_at, opd, unit, service) o

-- name: summary
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service, nullif(${limit:sqlstring}, '')::interval AS limit_
)
SELECT d.median_s / 60 AS median_min, d.p90_s / 60 AS p90_min, d.within_share,
       s.abandoned::double precision / nullif(s.issued, 0) AS abandoned_share,
       s.online::double precision / nullif(s.issued, 0) AS online_share
FROM ask
CROSS JOIN LATERAL wall.duration('queue', 'wait', from_at, to_at, limit_, opd, unit, service) d
CROSS JOIN LATERAL (
    SELECT coalesce(sum(cases) FILTER (WHERE state = 'abandoned'), 0) AS abandoned,
           sum(cases) FILTER (WHERE state = 'issued') AS issued,
           coalesce(sum(cases) FILTER (WHERE state = 'issued' AND key = 'online'), 0) AS online
    FROM wall.states_by('queue', from_at, to_at, 'channel', opd, unit, service, states => '{issued,abandoned}')
) s

-- name: by_unit
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service, nullif(${limit:sqlstring}, '')::interval AS limit_
), state AS (
    SELECT s.opd, s.key, sum(cases) FILTER (WHERE state = 'issued') AS issued,
           sum(cases) FILTER (WHERE state = 'served') AS served,
           sum(cases) FILTER (WHERE state = 'abandoned') AS abandoned
    FROM ask
    CROSS JOIN LATERAL wall.states_by('queue', from_at, to_at, 'unit', ask.opd, unit, service,
                                      states => '{issued,served,abandoned}') s
    GROUP BY 1, 2
), level AS (
    SELECT o.opd, o.unit AS key, sum(o.open) AS waiting, min(o.oldest) AS oldest
    FROM ask CROSS JOIN LATERAL wall.open_by_state('queue', to_at, ask.opd, ask.unit, ask.service) o
    WHERE o.waiting GROUP BY 1, 2
), duration AS (
    SELECT d.opd, d.key, d.median_s, d.p90_s, d.within_share
    FROM ask
    CROSS JOIN LATERAL wall.duration_by('queue', 'wait', from_at, to_at, 'unit', limit_, ask.opd, unit, service) d
), place AS (
    SELECT opd, key, l.waiting, l.oldest, s.issued, s.served, s.abandoned,
           d.median_s, d.p90_s, d.within_share
    FROM state s FULL JOIN level l USING (opd, key) FULL JOIN duration d USING (opd, key)
)
SELECT coalesce(u.name_{lang}, p.key) AS name, upper(p.opd) AS owner, coalesce(p.waiting, 0) AS waiting,
       extract(epoch FROM ask.to_at - p.oldest) / 60 AS oldest_min, coalesce(p.served, 0) AS served,
       p.median_s / 60 AS median_min, p.p90_s / 60 AS p90_min, p.within_share,
       coalesce(p.abandoned, 0)::double precision / nullif(p.issued, 0) AS abandoned_share
FROM ask CROSS JOIN place p LEFT JOIN wall.unit u ON (u.opd, u.unit) = (p.opd, p.key)
ORDER BY waiting DESC, p90_min DESC NULLS LAST, name

-- name: flow
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT s.at AS "time", coalesce(sum(cases) FILTER (WHERE state = 'issued'), 0) AS issued,
       coalesce(sum(cases) FILTER (WHERE state = 'served'), 0) AS served,
       coalesce(sum(cases) FILTER (WHERE state = 'abandoned'), 0) AS abandoned
FROM ask
CROSS JOIN LATERAL wall.states_over(
    'queue', from_at, to_at,
    CASE WHEN to_at - from_at <= interval '3 days' THEN interval '1 hour' ELSE interval '1 day' END,
    opd, unit, service, states => '{issued,served,abandoned}') s
GROUP BY 1 ORDER BY 1

-- name: wait
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT d.at AS "time", d.median_s / 60 AS median_min, d.p90_s / 60 AS p90_min
FROM ask
CROSS JOIN LATERAL wall.duration_over(
    'queue', 'wait', from_at, to_at,
    CASE WHEN to_at - from_at <= interval '3 days' THEN interval '1 hour' ELSE interval '1 day' END,
    opd, unit, service) d
ORDER BY 1

-- name: waiting
WITH ask AS (
    SELECT $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT coalesce(u.name_{lang}, o.unit) AS name, sum(o.open) AS waiting
FROM ask
CROSS JOIN LATERAL wall.open_by_state('queue', to_at, ask.opd, ask.unit, ask.service) o
LEFT JOIN wall.unit u ON (u.opd, u.unit) = (o.opd, o.unit)
WHERE o.waiting
GROUP BY o.opd, o.unit, u.name_{lang}
ORDER BY 2 DESC, 1
LIMIT 14
