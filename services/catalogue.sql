-- name: hold_rules_alone
SELECT pg_advisory_xact_lock(hashtextextended('warroom.rules', 0))

-- name: newest
SELECT version, document FROM hub.catalogue ORDER BY version DESC LIMIT 1

-- name: local_day
SELECT (now() AT TIME ZONE %s)::date

-- name: add
INSERT INTO hub.catalogue (document) VALUES (%s) RETURNING version

-- name: other_zone_in_use
-- The zone that the stored local days were cut by, if it is another one than the catalogue now says.
SELECT timezone FROM hub.city WHERE timezone <> %s AND EXISTS (SELECT FROM hub.rollup_day)

-- name: set_city
INSERT INTO hub.city (name, code, timezone, late_after) VALUES (%s, %s, %s, %s)
ON CONFLICT (only_one) DO UPDATE
SET name = excluded.name, code = excluded.code, timezone = excluded.timezone, late_after = excluded.late_after

-- name: drop_limits
DELETE FROM hub.duration_limit d USING hub.measure m
WHERE d.measure_id = m.measure_id
  AND NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[], %s::bigint[]) w(kind, name, limit_us)
                  WHERE (w.kind, w.name, w.limit_us) = (m.kind, m.name, d.limit_us))

-- name: drop_within_hour
DELETE FROM hub.within_hour w WHERE NOT EXISTS (
    SELECT FROM hub.duration_limit d WHERE (d.measure_id, d.limit_us) = (w.measure_id, w.limit_us))

-- name: drop_within_day
DELETE FROM hub.within_day w WHERE NOT EXISTS (
    SELECT FROM hub.duration_limit d WHERE (d.measure_id, d.limit_us) = (w.measure_id, w.limit_us))

-- name: add_limits
INSERT INTO hub.duration_limit (measure_id, limit_us)
SELECT m.measure_id, w.limit_us
FROM unnest(%s::text[], %s::text[], %s::bigint[]) w(kind, name, limit_us)
JOIN hub.measure m ON m.role = 'duration' AND (m.kind, m.name) = (w.kind, w.name)
ON CONFLICT DO NOTHING
RETURNING measure_id, limit_us

-- name: count_within_hour
INSERT INTO hub.within_hour (measure_id, limit_us, hour, series_id, n)
SELECT c.measure_id, l.limit_us, date_trunc('hour', c.at, 'UTC'), c.series_id, count(*)
FROM unnest(%s::smallint[], %s::bigint[]) l(measure_id, limit_us)
JOIN hub.contribution c ON c.measure_id = l.measure_id AND c.value <= l.limit_us
GROUP BY 1, 2, 3, 4

-- name: count_within_day
INSERT INTO hub.within_day (measure_id, limit_us, day, series_id, n)
SELECT c.measure_id, l.limit_us, (c.at AT TIME ZONE z.name)::date, c.series_id, count(*)
FROM unnest(%s::smallint[], %s::bigint[]) l(measure_id, limit_us)
CROSS JOIN (SELECT %s::text AS name) z
JOIN hub.contribution c ON c.measure_id = l.measure_id AND c.value <= l.limit_us
GROUP BY 1, 2, 3, 4
