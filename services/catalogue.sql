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

-- name: hold_terms_alone
SELECT pg_advisory_xact_lock(hashtextextended('warroom.terms', 0))

-- name: add_figure
-- NULL where the figure is known.
INSERT INTO hub.figure (definition, kind, form, opds, units, services, channels) VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (definition) DO NOTHING RETURNING figure_no

-- name: figure
SELECT figure_no FROM hub.figure WHERE definition = %s

-- name: add_figure_part
INSERT INTO hub.figure_part (figure_no, measure_id, counted, weighted, binned, hit, channel, limit_us)
SELECT %(figure)s, measure_id, %(counted)s, %(weighted)s, %(binned)s, %(hit)s, %(channel)s, %(limit_us)s
FROM hub.measure WHERE (kind, role, name) = (%(kind)s, %(role)s, %(name)s)

-- name: add_figure_limit
INSERT INTO hub.figure_limit (figure_no, opd, unit, limit_us) VALUES (%s, %s, %s, %s)

-- name: add_all_terms
SELECT hub.add_terms(ARRAY(SELECT series_id FROM hub.series))

-- name: add_kpi
INSERT INTO hub.kpi (version, kpi, position, figure_no, statistic, scale, per_units, span, local, direction,
                     minimum_sample, warning_at, warning_clear, critical_at, critical_clear, target_days, targets, since,
                     until, block)
VALUES (%(version)s, %(kpi)s, %(position)s, %(figure)s, %(statistic)s, %(scale)s, %(per_units)s, %(span)s, %(local)s,
        %(direction)s, %(minimum_sample)s, %(warning_at)s, %(warning_clear)s, %(critical_at)s, %(critical_clear)s,
        %(target_days)s, %(targets)s, %(since)s, %(until)s, %(block)s)

-- name: add_kpi_feed
INSERT INTO hub.kpi_feed (version, kpi, opd, app, expected_every, calendars) VALUES (%s, %s, %s, %s, %s, %s)

-- name: forget_openings
DELETE FROM hub.opening

-- name: copy_openings
COPY hub.opening (calendar, starts, ends) FROM STDIN (FORMAT BINARY)

-- name: recount_arrivals
-- What is late has changed: every local day is counted again.
DELETE FROM hub.arrival_day;
INSERT INTO hub.arrival_day (source_id, kind, day, events, late)
SELECT e.source_id, s.kind, (e.at AT TIME ZONE c.timezone)::date, count(*),
       count(*) FILTER (WHERE e.received_at - e.at > c.late_after)
FROM hub.event e JOIN hub.series s USING (series_id) CROSS JOIN hub.city c WHERE NOT e.history GROUP BY 1, 2, 3

-- name: late_after
SELECT late_after FROM hub.city

-- name: rewritten
SELECT kind, opd, digest FROM hub.rewritten

-- name: forget_rewritten
DELETE FROM hub.rewritten r USING unnest(%s::text[], %s::text[]) k(kind, opd) WHERE (r.kind, r.opd) = (k.kind, k.opd)

-- name: retire_figures
-- Due dates are those of the newest limits; what was overdue by others cannot be told any more.
UPDATE hub.figure f SET retired = f.form = 'overdue' AND NOT EXISTS (
    SELECT FROM hub.kpi k WHERE k.figure_no = f.figure_no AND k.version = (SELECT max(version) FROM hub.catalogue))
WHERE f.form = 'overdue'
