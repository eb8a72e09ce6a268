-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ

-- name: commit_no
SELECT commit_no FROM hub.commit_counter

-- name: commit_gaps
SELECT c.commit_no, count(l.commit_no), coalesce(max(l.commit_no), 0)
FROM hub.commit_counter c LEFT JOIN hub.commit_log l ON true GROUP BY c.commit_no

-- name: count_events
SELECT count(*) FROM hub.event

-- name: only_in_ledger
SELECT s.opd, s.app, l.event_id FROM hub.ledger l JOIN hub.source s USING (source_id)
WHERE NOT EXISTS (SELECT FROM hub.event e WHERE (e.source_id, e.event_id) = (l.source_id, l.event_id))
ORDER BY 1, 2, 3

-- name: only_in_events
SELECT s.opd, s.app, e.event_id, count(*) FROM hub.event e JOIN hub.source s USING (source_id)
LEFT JOIN hub.ledger l USING (source_id, event_id)
GROUP BY 1, 2, 3 HAVING count(*) > 1 OR count(l.event_id) = 0
ORDER BY 1, 2, 3

-- name: events_by_case
-- A raw event that stands twice is one event.
SELECT DISTINCT ON (e.case_id COLLATE "C", s.kind COLLATE "C", s.opd COLLATE "C", e.source_id, e.event_id)
       e.case_id, s.kind, s.opd, (extract(epoch FROM e.at) * 1000000)::bigint, e.state, e.series_id, e.source_id,
       e.event_id, e.voids
FROM hub.event e JOIN hub.series s USING (series_id)
ORDER BY e.case_id COLLATE "C", s.kind COLLATE "C", s.opd COLLATE "C", e.source_id, e.event_id

-- name: cases
SELECT case_id, kind, opd, case_no, opened_at, nullif(closed_at, 'infinity'), last_at, state, series_id, channel, flags,
       transitions, voids, due_at, due_done_at
FROM hub.cases ORDER BY case_id COLLATE "C", kind COLLATE "C", opd COLLATE "C"

-- name: contributions
SELECT c.case_id, c.kind, c.opd, x.series_id, x.measure_id, (extract(epoch FROM x.at) * 1000000)::bigint, x.value
FROM hub.contribution x JOIN hub.cases c USING (case_no)
ORDER BY c.case_id COLLATE "C", c.kind COLLATE "C", c.opd COLLATE "C"

-- name: orphan_contributions
SELECT case_no, count(*) FROM hub.contribution x
WHERE NOT EXISTS (SELECT FROM hub.cases c WHERE c.case_no = x.case_no) GROUP BY case_no ORDER BY 1

-- name: closings
SELECT m.kind, m.name, count(*) FILTER (WHERE x.closes), count(*) FILTER (WHERE m.terminal AND x.value = 1)
FROM hub.contribution x JOIN hub.measure m USING (measure_id)
GROUP BY m.measure_id HAVING bool_or(x.closes <> (m.terminal AND x.value = 1)) ORDER BY 1, 2

-- name: mark_closings
UPDATE hub.contribution x SET closes = m.terminal AND x.value = 1
FROM hub.measure m WHERE m.measure_id = x.measure_id AND x.closes <> (m.terminal AND x.value = 1)

-- name: rollup_hour
SELECT m.kind, m.role, m.name, s.opd, s.unit, s.service, s.channel, d.bin, d.hour, d.n, d.total, d.n2, d.total2
FROM (SELECT measure_id, series_id, bin, hour, r.n, r.total, c.n AS n2, c.total AS total2
      FROM hub.rollup_hour r FULL JOIN (
          SELECT measure_id, date_trunc('hour', at, 'UTC') AS hour, series_id, hub.bin_of(value) AS bin, count(*) AS n,
                 sum(value)::bigint AS total FROM hub.contribution GROUP BY 1, 2, 3, 4
      ) c USING (measure_id, hour, series_id, bin)
      WHERE (r.n, r.total) IS DISTINCT FROM (c.n, c.total)) d
LEFT JOIN hub.measure m USING (measure_id) LEFT JOIN hub.series s USING (series_id)
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9

-- name: rollup_day
SELECT m.kind, m.role, m.name, s.opd, s.unit, s.service, s.channel, d.bin, d.day, d.n, d.total, d.n2, d.total2
FROM (SELECT measure_id, series_id, bin, day, r.n, r.total, c.n AS n2, c.total AS total2
      FROM hub.rollup_day r FULL JOIN (
          SELECT measure_id, (at AT TIME ZONE hub.timezone())::date AS day, series_id, hub.bin_of(value) AS bin,
                 count(*) AS n, sum(value)::bigint AS total FROM hub.contribution GROUP BY 1, 2, 3, 4
      ) c USING (measure_id, day, series_id, bin)
      WHERE (r.n, r.total) IS DISTINCT FROM (c.n, c.total)) d
LEFT JOIN hub.measure m USING (measure_id) LEFT JOIN hub.series s USING (series_id)
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9

-- name: within_hour
SELECT m.kind, m.role, m.name, s.opd, s.unit, s.service, s.channel, d.limit_us, d.hour, d.n, NULL, d.n2, NULL
FROM (SELECT measure_id, series_id, limit_us, hour, r.n, c.n AS n2
      FROM hub.within_hour r FULL JOIN (
          SELECT x.measure_id, l.limit_us, date_trunc('hour', x.at, 'UTC') AS hour, x.series_id, count(*) AS n
          FROM hub.contribution x JOIN hub.duration_limit l ON l.measure_id = x.measure_id AND x.value <= l.limit_us
          GROUP BY 1, 2, 3, 4
      ) c USING (measure_id, limit_us, hour, series_id)
      WHERE r.n IS DISTINCT FROM c.n) d
LEFT JOIN hub.measure m USING (measure_id) LEFT JOIN hub.series s USING (series_id)
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9

-- name: within_day
SELECT m.kind, m.role, m.name, s.opd, s.unit, s.service, s.channel, d.limit_us, d.day, d.n, NULL, d.n2, NULL
FROM (SELECT measure_id, series_id, limit_us, day, r.n, c.n AS n2
      FROM hub.within_day r FULL JOIN (
          SELECT x.measure_id, l.limit_us, (x.at AT TIME ZONE hub.timezone())::date AS day, x.series_id, count(*) AS n
          FROM hub.contribution x JOIN hub.duration_limit l ON l.measure_id = x.measure_id AND x.value <= l.limit_us
          GROUP BY 1, 2, 3, 4
      ) c USING (measure_id, limit_us, day, series_id)
      WHERE r.n IS DISTINCT FROM c.n) d
LEFT JOIN hub.measure m USING (measure_id) LEFT JOIN hub.series s USING (series_id)
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9

-- name: figure_hour
SELECT f.kind, f.form, f.figure_no::text, NULL, NULL, NULL, NULL, d.bin, d.hour, d.n, d.total, d.n2, d.total2
FROM (SELECT figure_no, hour, bin, r.n, r.total, r.hits, c.n AS n2, c.total AS total2, c.hits AS hits2
      FROM hub.figure_hour r FULL JOIN (
          SELECT figure_no, hour, bin, sum(n)::bigint AS n, sum(total)::bigint AS total, sum(hits)::bigint AS hits
          FROM hub.figured WHERE case_no <= counted_to GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0
      ) c USING (figure_no, hour, bin)
      WHERE (r.n, r.total, r.hits) IS DISTINCT FROM (c.n, c.total, c.hits)) d
LEFT JOIN hub.figure f USING (figure_no)
ORDER BY 3, 9, 8

-- name: figure_day
SELECT f.kind, f.form, f.figure_no::text, NULL, NULL, NULL, NULL, d.bin, d.day, d.n, d.total, d.n2, d.total2
FROM (SELECT figure_no, day, bin, r.n, r.total, r.hits, c.n AS n2, c.total AS total2, c.hits AS hits2
      FROM hub.figure_day r FULL JOIN (
          SELECT figure_no, day, bin, sum(n)::bigint AS n, sum(total)::bigint AS total, sum(hits)::bigint AS hits
          FROM hub.figured WHERE case_no <= counted_to GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0
      ) c USING (figure_no, day, bin)
      WHERE (r.n, r.total, r.hits) IS DISTINCT FROM (c.n, c.total, c.hits)) d
LEFT JOIN hub.figure f USING (figure_no)
ORDER BY 3, 9, 8

-- name: terms
SELECT measure_id, series_id, figure_no FROM (
    (SELECT * FROM hub.term EXCEPT SELECT * FROM hub.terms_of(ARRAY(SELECT series_id FROM hub.series)))
    UNION ALL
    (SELECT * FROM hub.terms_of(ARRAY(SELECT series_id FROM hub.series)) EXCEPT SELECT * FROM hub.term)
) d ORDER BY 3, 2, 1

-- name: heard
SELECT s.opd, s.app, slot, h.last_at, e.last_at
FROM hub.heard h
FULL JOIN (SELECT source_id, date_bin('5 minutes', received_at, 'epoch') AS slot, max(received_at) AS last_at
           FROM hub.event WHERE NOT history GROUP BY 1, 2) e USING (source_id, slot)
JOIN hub.source s USING (source_id)
WHERE h.last_at IS DISTINCT FROM e.last_at
ORDER BY 1, 2, 3

-- name: arrival_day
SELECT s.opd, s.app, kind, day, a.late || ' late of ' || a.events, e.late || ' late of ' || e.events
FROM hub.arrival_day a
FULL JOIN (SELECT e.source_id, s.kind, (e.at AT TIME ZONE c.timezone)::date AS day, count(*) AS events,
                  count(*) FILTER (WHERE e.received_at - e.at > c.late_after) AS late
           FROM hub.event e JOIN hub.series s USING (series_id) CROSS JOIN hub.city c
           WHERE NOT e.history GROUP BY 1, 2, 3) e USING (source_id, kind, day)
JOIN hub.source s USING (source_id)
WHERE (a.events, a.late) IS DISTINCT FROM (e.events, e.late)
ORDER BY 1, 2, 3, 4

-- name: drop_surplus_events
DELETE FROM hub.event e WHERE (e.tableoid, e.ctid) IN (
    SELECT t, c FROM (SELECT tableoid AS t, ctid AS c,
                             row_number() OVER (PARTITION BY source_id, event_id ORDER BY batch_id) AS copy
                      FROM hub.event) every WHERE copy > 1)

-- name: missing_in_ledger
SELECT e.source_id, e.batch_id, o.opd, o.app, coalesce(s.kind, 'app'), e.state, e.event_id, e.at, s.unit, s.service,
       s.channel, e.case_id, e.voids
FROM hub.event e JOIN hub.source o USING (source_id) LEFT JOIN hub.series s USING (series_id)
WHERE NOT EXISTS (SELECT FROM hub.ledger l WHERE (l.source_id, l.event_id) = (e.source_id, e.event_id))

-- name: restore_ledger
-- Which INBOX message it came from is lost; sequence 0 is none.
INSERT INTO hub.ledger (source_id, event_id, digest, inbox_created, inbox_seq, batch_id)
VALUES (%s, %s, %s, 'epoch', 0, %s)
ON CONFLICT DO NOTHING

-- name: drop_cases
DELETE FROM hub.cases WHERE case_no = ANY (%s)

-- name: drop_orphans
DELETE FROM hub.contribution x WHERE NOT EXISTS (SELECT FROM hub.cases c WHERE c.case_no = x.case_no)

-- name: rebuild_rollups
-- In order of time, as the days would have written them: a window then lies close together.
TRUNCATE hub.rollup_hour, hub.rollup_day, hub.within_hour, hub.within_day;
INSERT INTO hub.rollup_hour (measure_id, hour, series_id, bin, n, total)
SELECT measure_id, date_trunc('hour', at, 'UTC'), series_id, hub.bin_of(value), count(*), sum(value)
FROM hub.contribution GROUP BY 1, 2, 3, 4 ORDER BY 2;
INSERT INTO hub.rollup_day (measure_id, day, series_id, bin, n, total)
SELECT measure_id, (at AT TIME ZONE hub.timezone())::date, series_id, hub.bin_of(value), count(*), sum(value)
FROM hub.contribution GROUP BY 1, 2, 3, 4 ORDER BY 2;
INSERT INTO hub.within_hour (measure_id, limit_us, hour, series_id, n)
SELECT x.measure_id, l.limit_us, date_trunc('hour', x.at, 'UTC'), x.series_id, count(*)
FROM hub.contribution x JOIN hub.duration_limit l ON l.measure_id = x.measure_id AND x.value <= l.limit_us
GROUP BY 1, 2, 3, 4 ORDER BY 3;
INSERT INTO hub.within_day (measure_id, limit_us, day, series_id, n)
SELECT x.measure_id, l.limit_us, (x.at AT TIME ZONE hub.timezone())::date, x.series_id, count(*)
FROM hub.contribution x JOIN hub.duration_limit l ON l.measure_id = x.measure_id AND x.value <= l.limit_us
GROUP BY 1, 2, 3, 4 ORDER BY 3;
TRUNCATE hub.figure_hour, hub.figure_day;
INSERT INTO hub.figure_hour (figure_no, hour, bin, n, total, hits)
SELECT figure_no, hour, bin, sum(n), sum(total), sum(hits) FROM hub.figured WHERE case_no <= counted_to
GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0 ORDER BY 2;
INSERT INTO hub.figure_day (figure_no, day, bin, n, total, hits)
SELECT figure_no, day, bin, sum(n), sum(total), sum(hits) FROM hub.figured WHERE case_no <= counted_to
GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0 ORDER BY 2

-- name: rebuild_terms
DELETE FROM hub.term;
SELECT hub.add_terms(ARRAY(SELECT series_id FROM hub.series))

-- name: rebuild_arrivals
DELETE FROM hub.heard;
INSERT INTO hub.heard (source_id, slot, last_at)
SELECT source_id, date_bin('5 minutes', received_at, 'epoch'), max(received_at)
FROM hub.event WHERE NOT history GROUP BY 1, 2;
DELETE FROM hub.arrival_day;
INSERT INTO hub.arrival_day (source_id, kind, day, events, late)
SELECT e.source_id, s.kind, (e.at AT TIME ZONE c.timezone)::date, count(*),
       count(*) FILTER (WHERE e.received_at - e.at > c.late_after)
FROM hub.event e JOIN hub.series s USING (series_id) CROSS JOIN hub.city c WHERE NOT e.history GROUP BY 1, 2, 3
