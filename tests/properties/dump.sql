-- name: figures
-- All figures of one agency by their natural keys: no number that the store gave, no time of arrival.
WITH series AS (
    SELECT series_id, kind, unit, service, channel FROM hub.series WHERE opd = %(opd)s
), measure AS (
    SELECT measure_id, kind, role, name FROM hub.measure
), rows AS (
    SELECT 'rollup_hour' AS part, to_jsonb(t) AS row FROM (
        SELECT m.kind, m.role, m.name, r.hour, s.unit, s.service, s.channel, r.bin, r.n, r.total
        FROM hub.rollup_hour r JOIN series s USING (series_id) JOIN measure m USING (measure_id)) t
    UNION ALL
    SELECT 'rollup_day', to_jsonb(t) FROM (
        SELECT m.kind, m.role, m.name, r.day, s.unit, s.service, s.channel, r.bin, r.n, r.total
        FROM hub.rollup_day r JOIN series s USING (series_id) JOIN measure m USING (measure_id)) t
    UNION ALL
    SELECT 'within_hour', to_jsonb(t) FROM (
        SELECT m.kind, m.name, w.limit_us, w.hour, s.unit, s.service, s.channel, w.n
        FROM hub.within_hour w JOIN series s USING (series_id) JOIN measure m USING (measure_id)) t
    UNION ALL
    SELECT 'within_day', to_jsonb(t) FROM (
        SELECT m.kind, m.name, w.limit_us, w.day, s.unit, s.service, s.channel, w.n
        FROM hub.within_day w JOIN series s USING (series_id) JOIN measure m USING (measure_id)) t
    UNION ALL
    SELECT 'case', to_jsonb(t) FROM (
        SELECT c.kind, c.case_id, c.opened_at, c.closed_at, c.last_at, c.due_at, c.due_done_at, c.state, s.unit, s.service,
               s.channel AS last_channel, c.channel, c.flags,
               (SELECT jsonb_agg(jsonb_build_array(e.value -> 0, e.value -> 1, es.unit, es.service, es.channel,
                                                   a.app, e.value -> 4) ORDER BY e.ord)
                FROM jsonb_array_elements(c.transitions) WITH ORDINALITY e(value, ord)
                JOIN series es ON es.series_id = (e.value ->> 2)::integer
                JOIN hub.source a ON a.source_id = (e.value ->> 3)::integer) AS transitions,
               (SELECT jsonb_agg(jsonb_build_array(a.app, v.value -> 1) ORDER BY a.app, v.value ->> 1)
                FROM jsonb_array_elements(c.voids) v
                JOIN hub.source a ON a.source_id = (v.value ->> 0)::integer) AS voids
        FROM hub.cases c LEFT JOIN series s ON s.series_id = c.series_id WHERE c.opd = %(opd)s) t
    UNION ALL
    SELECT 'contribution', to_jsonb(t) FROM (
        SELECT m.kind, m.role, m.name, c.case_id, s.unit, s.service, s.channel, x.at, x.value, count(*) AS n
        FROM hub.cases c JOIN hub.contribution x USING (case_no) JOIN series s ON s.series_id = x.series_id
        JOIN measure m USING (measure_id)
        WHERE c.opd = %(opd)s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9) t
    UNION ALL
    SELECT 'event', to_jsonb(t) FROM (
        SELECT a.app, e.event_id, e.at, e.state, e.case_id, e.voids, s.kind, s.unit, s.service, s.channel
        FROM hub.event e JOIN hub.source a USING (source_id) LEFT JOIN series s USING (series_id)
        WHERE a.opd = %(opd)s) t
)
SELECT part, row::text FROM rows ORDER BY part, row::text COLLATE "C"

-- name: books
-- Where each INBOX message of one agency went, and in which commit.
SELECT 'counted', l.inbox_seq, a.app, l.event_id, b.commit_no, NULL
FROM hub.ledger l JOIN hub.source a USING (source_id) LEFT JOIN hub.commit_log b USING (batch_id) WHERE a.opd = %(opd)s
UNION ALL
SELECT 'duplicate', d.inbox_seq, a.app, d.event_id, b.commit_no, NULL
FROM hub.duplicate d JOIN hub.source a USING (source_id) LEFT JOIN hub.commit_log b USING (batch_id)
WHERE a.opd = %(opd)s
UNION ALL
SELECT 'reject', r.inbox_seq, r.app, r.event_id, b.commit_no, r.reason
FROM hub.reject r LEFT JOIN hub.commit_log b USING (batch_id) WHERE r.opd = %(opd)s
ORDER BY 2, 1
