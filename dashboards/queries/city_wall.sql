-- The city wall: three queries a refresh. {lang} is id or en.

-- name: status
-- All that is said of KPIs, in one answer that several panels share: `part` says which panel takes the row, `shown` is
-- the status with its figures, by the decimal mark of the language, put into words by the panel.
WITH now_ AS MATERIALIZED (
    SELECT k.dimension, k.programme, k.programme_{lang} AS programme_name, k.name_{lang} AS name,
           upper(k.owner) AS owner, k.position, k.unit, k.direction, n.value, n.target, n.achievement, n.status,
           array_position(ARRAY['critical', 'warning', 'stale', 'no_data', 'ok'], n.status) AS severity
    FROM wall.kpi_at(now(), trust => false) n JOIN wall.kpi k USING (kpi)
), promise AS (
    -- A quick win is as good as the worst of its KPIs.
    SELECT dimension, programme, programme_name, min(severity) AS severity, count(*) AS kpis,
           (array_agg(status ORDER BY severity))[1] AS status
    FROM now_ GROUP BY dimension, programme, programme_name
)
SELECT p.dimension AS part, p.severity AS place, p.programme_name AS name,
       p.status || '|' || (SELECT count(*) FROM now_ n
                           WHERE n.dimension = p.dimension AND n.programme = p.programme
                             AND n.severity = p.severity) || '/' || p.kpis AS shown
FROM promise p
UNION ALL
SELECT 'count', array_position(ARRAY['critical', 'warning', 'stale', 'no_data', 'ok'], s.status), '',
       s.status || '|' || (SELECT count(*) FROM now_ n WHERE n.status = s.status)
FROM unnest(ARRAY['critical', 'warning', 'ok', 'stale', 'no_data']) AS s(status)
UNION ALL
(SELECT 'worst', row_number() OVER (ORDER BY severity, achievement, position), name || ' · ' || owner,
        status || '|' || translate(
            round(value::numeric, CASE WHEN abs(value) < 10 THEN 1 ELSE 0 END) || '|' || unit || '|'
            || CASE direction WHEN 'lower' THEN '≤ ' ELSE '≥ ' END || round(target::numeric, 1)::double precision,
            '.', CASE '{lang}' WHEN 'id' THEN ',' ELSE '.' END)
 FROM now_ WHERE status IN ('critical', 'warning')
 ORDER BY severity, achievement, position LIMIT 6)
ORDER BY 1, 2, 3

-- name: events
-- How fresh the figures are, and what is going on in the city now. `freshness` is put into words by the panel.
SELECT CASE WHEN h.pulse_at IS NULL OR now() - h.pulse_at > interval '60 seconds' OR h.lag_s > 60 THEN 'stale'
            WHEN h.lag_s > 10 THEN 'late' ELSE 'fresh' END || '|'
       || to_char(coalesce(h.waiting_since, h.pulse_at) AT TIME ZONE c.timezone, 'HH24:MI:SS') AS freshness,
       h.events_last_minute AS events,
       q.waiting AS queue_waiting, v.waiting AS visit_waiting, p.open AS permit_open
FROM wall.hub h
CROSS JOIN wall.city c
CROSS JOIN wall.open('queue') q
CROSS JOIN wall.open('permit') p
CROSS JOIN wall.open('visit') v

-- name: throughput
SELECT at AS "time", counted
FROM wall.throughput($__timeFrom(), $__timeTo(), interval '1 minute')
ORDER BY 1
