-- Health visits. The wall hides counts of 1 to 4 (NULL) and rounds the others to 5; a place without any row had none.
-- {lang} is id or en.

-- name: wait_now
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service, nullif(${limit:sqlstring}, '')::interval AS limit_
)
SELECT o.waiting, d.median_s / 60 AS median_min, d.p90_s / 60 AS p90_min, d.within_share
FROM ask
CROSS JOIN LATERAL wall.open('visit', to_at, opd, unit, service) o
CROSS JOIN LATERAL wall.duration('visit', 'wait', from_at, to_at, limit_, opd, unit, service) d

-- name: shares
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT s.registered, s.referred::double precision / nullif(s.registered, 0) AS referred_share, c.share AS online_share
FROM ask
CROSS JOIN LATERAL (
    SELECT max(cases) FILTER (WHERE state = 'registered') AS registered,
           CASE WHEN bool_or(state = 'referred') THEN max(cases) FILTER (WHERE state = 'referred') ELSE 0 END AS referred
    FROM wall.states('visit', from_at, to_at, opd, unit, service)
) s
CROSS JOIN LATERAL wall.channel_share('visit', 'registered', 'online', from_at, to_at, opd, unit, service) c

-- name: by_unit
-- Every unit that takes visits, with its place on the map; `registered` and `referred` NULL: hidden, 1 to 4.
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service, nullif(${limit:sqlstring}, '')::interval AS limit_
), state AS (
    SELECT s.opd, s.key, s.state, s.cases
    FROM ask
    CROSS JOIN LATERAL wall.states_by('visit', from_at, to_at, 'unit', ask.opd, unit, service,
                                      states => '{registered,referred}') s
), duration AS (
    SELECT d.*
    FROM ask
    CROSS JOIN LATERAL wall.duration_by('visit', 'wait', from_at, to_at, 'unit', limit_, ask.opd, unit, service) d
)
SELECT u.name_{lang} AS name, upper(u.opd) AS owner,
       CASE WHEN registered.key IS NULL THEN 0 ELSE registered.cases END AS registered,
       d.median_s / 60 AS median_min, d.p90_s / 60 AS p90_min, d.within_share,
       CASE WHEN referred.key IS NULL THEN 0 ELSE referred.cases END AS referred,
       u.latitude, u.longitude
FROM ask
JOIN wall.unit u ON 'visit' = ANY (u.kinds) AND (ask.opd IS NULL OR u.opd = ANY (ask.opd))
 AND (ask.unit IS NULL OR u.unit = ANY (ask.unit))
LEFT JOIN state registered ON (registered.opd, registered.key, registered.state) = (u.opd, u.unit, 'registered')
LEFT JOIN state referred ON (referred.opd, referred.key, referred.state) = (u.opd, u.unit, 'referred')
LEFT JOIN duration d ON (d.opd, d.key) = (u.opd, u.unit)
ORDER BY d.p90_s DESC NULLS LAST, name

-- name: flow
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${unit:sqlstring}], '{*}') AS unit,
           nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT s.at AS "time", max(cases) FILTER (WHERE state = 'registered') AS registered,
       max(cases) FILTER (WHERE state = 'completed') AS completed,
       max(cases) FILTER (WHERE state = 'referred') AS referred
FROM ask
CROSS JOIN LATERAL wall.states_over(
    'visit', from_at, to_at,
    CASE WHEN to_at - from_at <= interval '3 days' THEN interval '1 hour' ELSE interval '1 day' END,
    opd, unit, service, states => '{registered,completed,referred}') s
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
    'visit', 'wait', from_at, to_at,
    CASE WHEN to_at - from_at <= interval '3 days' THEN interval '1 hour' ELSE interval '1 day' END,
    opd, unit, service) d
ORDER BY 1
