-- Permits. Net time is the unit's working time without the pauses in which the applicant has the case.
-- {lang} is id or en.

-- name: now
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT o.open, o.overdue, extract(epoch FROM to_at - o.oldest_open) / 86400 AS oldest_days
FROM ask CROSS JOIN LATERAL wall.open('permit', to_at, opd, NULL, service) o

-- name: lead_time
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT gross.median_s / 86400 AS gross_median_days, gross.p90_s / 86400 AS gross_p90_days,
       net.median_s / 3600 AS net_median_hours, net.p90_s / 3600 AS net_p90_hours
FROM ask
CROSS JOIN LATERAL wall.duration('permit', 'lead', from_at, to_at, NULL, opd, NULL, service, NULL, 'gross') gross
CROSS JOIN LATERAL wall.duration('permit', 'lead', from_at, to_at, NULL, opd, NULL, service, NULL, 'net') net

-- name: shares
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT s.returned::double precision / nullif(s.submitted, 0) AS returned_share,
       s.online::double precision / nullif(s.submitted, 0) AS online_share
FROM ask
CROSS JOIN LATERAL (
    SELECT coalesce(sum(cases) FILTER (WHERE state = 'returned'), 0) AS returned,
           sum(cases) FILTER (WHERE state = 'submitted') AS submitted,
           coalesce(sum(cases) FILTER (WHERE state = 'submitted' AND key = 'online'), 0) AS online
    FROM wall.states_by('permit', from_at, to_at, 'channel', opd, NULL, service, states => '{submitted,returned}')
) s

-- name: by_service
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
), state AS (
    SELECT s.opd, s.key, sum(cases) FILTER (WHERE state = 'submitted') AS submitted,
           sum(cases) FILTER (WHERE state = 'issued') AS issued,
           sum(cases) FILTER (WHERE state = 'returned') AS returned
    FROM ask
    CROSS JOIN LATERAL wall.states_by('permit', from_at, to_at, 'service', ask.opd, NULL, service,
                                      states => '{submitted,issued,returned}') s
    GROUP BY 1, 2
), level AS (
    SELECT o.opd, o.service AS key, sum(o.open) AS open, sum(o.overdue) AS overdue
    FROM ask CROSS JOIN LATERAL wall.open_by_state('permit', to_at, ask.opd, NULL, ask.service) o GROUP BY 1, 2
), place AS (
    SELECT opd, key, s.submitted, s.issued, s.returned, l.open, l.overdue
    FROM state s FULL JOIN level l USING (opd, key)
)
SELECT coalesce(v.name_{lang}, p.key) AS name, upper(p.opd) AS owner, coalesce(p.submitted, 0) AS submitted,
       coalesce(p.open, 0) AS open, coalesce(p.overdue, 0) AS overdue, coalesce(p.issued, 0) AS issued,
       coalesce(p.returned, 0)::double precision / nullif(p.submitted, 0) AS returned_share
FROM place p LEFT JOIN wall.service v ON (v.opd, v.service) = (p.opd, p.key)
ORDER BY overdue DESC, open DESC, name

-- name: lead_by_service
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
), net AS MATERIALIZED (
    SELECT n.opd, n.key, n.median_s
    FROM ask
    CROSS JOIN LATERAL wall.duration_by('permit', 'lead', from_at, to_at, 'service', NULL, ask.opd, NULL, service, NULL,
                                        'net') n
)
SELECT coalesce(v.name_{lang}, g.key) AS name, upper(g.opd) AS owner, g.n, g.median_s / 86400 AS gross_median_days,
       g.p90_s / 86400 AS gross_p90_days, net.median_s / 3600 AS net_median_hours
FROM ask
CROSS JOIN LATERAL wall.duration_by('permit', 'lead', from_at, to_at, 'service', NULL, ask.opd, NULL, ask.service, NULL,
                                    'gross') g
LEFT JOIN net ON (net.opd, net.key) = (g.opd, g.key)
LEFT JOIN wall.service v ON (v.opd, v.service) = (g.opd, g.key)
ORDER BY gross_p90_days DESC, name

-- name: by_stage
WITH ask AS (
    SELECT $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT o.state, sum(o.open) AS open, extract(epoch FROM min(to_at) - min(o.oldest)) / 86400 AS oldest_days
FROM ask CROSS JOIN LATERAL wall.open_by_state('permit', to_at, ask.opd, NULL, ask.service) o
GROUP BY 1
ORDER BY array_position(ARRAY['submitted', 'returned', 'resubmitted', 'verified', 'approved'], o.state)

-- name: flow
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT s.at AS "time", coalesce(sum(cases) FILTER (WHERE state = 'submitted'), 0) AS submitted,
       coalesce(sum(cases) FILTER (WHERE state = 'issued'), 0) AS issued,
       coalesce(sum(cases) FILTER (WHERE state = 'rejected'), 0) AS rejected,
       coalesce(sum(cases) FILTER (WHERE state = 'returned'), 0) AS returned
FROM ask
CROSS JOIN LATERAL wall.states_over('permit', from_at, to_at, interval '1 day', opd, NULL, service,
                                    states => '{submitted,issued,rejected,returned}') s
GROUP BY 1 ORDER BY 1

-- name: lead
WITH ask AS (
    SELECT $__timeFrom()::timestamptz AS from_at, $__timeTo()::timestamptz AS to_at,
           nullif(ARRAY[${opd:sqlstring}], '{*}') AS opd, nullif(ARRAY[${service:sqlstring}], '{*}') AS service
)
SELECT d.at AS "time", d.median_s / 86400 AS gross_median_days, d.p90_s / 86400 AS gross_p90_days
FROM ask
CROSS JOIN LATERAL wall.duration_over(
    'permit', 'lead', from_at, to_at, interval '1 day', opd, NULL, service, NULL, 'gross') d
ORDER BY 1
