-- name: city
SELECT timezone, (SELECT max(version) FROM hub.catalogue) FROM hub.city

-- name: catalogue
SELECT document FROM hub.catalogue WHERE version = %s

-- name: measures
SELECT kind, role, name, measure_id FROM hub.measure

-- name: sources
SELECT source_id, opd, app FROM hub.source

-- name: add_sources
INSERT INTO hub.source (opd, app)
SELECT * FROM unnest(%s::text[], %s::text[]) ORDER BY 1, 2
ON CONFLICT DO NOTHING

-- name: series
SELECT series_id, opd, kind, unit, service, channel FROM hub.series

-- name: add_series
INSERT INTO hub.series (opd, kind, unit, service, channel)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) ORDER BY 1, 2, 3, 4, 5
ON CONFLICT DO NOTHING

-- name: hold_terms
SELECT pg_advisory_xact_lock_shared(hashtextextended('warroom.terms', 0))

-- name: add_terms
SELECT hub.add_terms(ARRAY(
    SELECT series_id FROM hub.series JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
        k(opd, kind, unit, service, channel) USING (opd, kind, unit, service, channel)))

-- name: temporary_tables
-- Once per connection; they empty themselves at commit.
CREATE TEMPORARY TABLE IF NOT EXISTS batch (
    ord integer, source_id integer, event_id text, digest bytea, inbox_created timestamptz, inbox_seq bigint,
    at timestamptz, state text, series_id integer, case_id text, voids text, received_at timestamptz, history boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS merged (
    case_no bigint, opd text, kind text, case_id text, opened_at timestamptz, closed_at timestamptz,
    last_at timestamptz, state text, series_id integer, channel text, flags text[], transitions jsonb, voids jsonb,
    due_at timestamptz, due_done_at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS delta (
    case_no bigint, series_id integer, measure_id smallint, at timestamptz, value bigint, sign smallint, stored boolean
) ON COMMIT DELETE ROWS

-- name: hold_rules
-- Shared with other workers; whoever changes limits, lifecycles or figures wholesale takes it alone.
SELECT pg_advisory_xact_lock_shared(hashtextextended('warroom.rules', 0)), nextval('hub.batch_id')

-- name: hold_rules_alone
SELECT pg_advisory_xact_lock(hashtextextended('warroom.rules', 0)), nextval('hub.batch_id')

-- name: copy_batch
COPY batch FROM STDIN (FORMAT BINARY)

-- name: enter_ledger
-- The ledger first: only what comes back is new and counts. Sorted, so that two workers never wait for each other
-- in a ring.
WITH fresh AS (
    INSERT INTO hub.ledger (source_id, event_id, digest, inbox_created, inbox_seq, batch_id)
    SELECT source_id, event_id, digest, inbox_created, inbox_seq, %(batch)s FROM batch ORDER BY source_id, event_id
    ON CONFLICT DO NOTHING
    RETURNING source_id, event_id
), raw AS (
    INSERT INTO hub.event (at, source_id, event_id, series_id, case_id, state, voids, received_at, history, batch_id)
    SELECT b.at, b.source_id, b.event_id, b.series_id, b.case_id, b.state, b.voids, b.received_at, b.history, %(batch)s
    FROM batch b JOIN fresh USING (source_id, event_id)
)
SELECT b.ord FROM batch b JOIN fresh USING (source_id, event_id)

-- name: in_ledger
SELECT l.source_id, l.event_id, l.digest, l.inbox_created, l.inbox_seq
FROM unnest(%s::integer[], %s::text[]) k(source_id, event_id) JOIN hub.ledger l USING (source_id, event_id)

-- name: add_duplicates
INSERT INTO hub.duplicate (inbox_created, inbox_seq, source_id, event_id, batch_id)
SELECT k.*, %s FROM unnest(%s::timestamptz[], %s::bigint[], %s::integer[], %s::text[]) k ORDER BY 1, 2
ON CONFLICT DO NOTHING

-- name: add_rejects
INSERT INTO hub.reject (inbox_created, inbox_seq, reason, field, detail, subject, opd, app, event_id, payload,
                        received_at, batch_id)
SELECT k.*, %s
FROM unnest(%s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::text[], %s::timestamptz[]) k ORDER BY 1, 2
ON CONFLICT DO NOTHING

-- name: lock_cases
-- Keys are hashes of the cases' names, sorted; a collision only makes one wait.
SELECT count(pg_advisory_xact_lock(k)) FROM unnest(%s::bigint[]) k

-- name: read_cases
-- Case by case through the index, whatever the planner thinks of it: joined as a whole, it would read all of hub.cases
-- for each batch, and go on doing so with the plan that it made while the table was small.
SELECT k.ord, coalesce(c.case_no, nextval('hub.case_no')), c.transitions, c.voids
FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY k(case_id, kind, opd, ord)
LEFT JOIN LATERAL (
    SELECT case_no, transitions, voids FROM hub.cases
    WHERE (case_id, kind, opd) = (k.case_id, k.kind, k.opd) LIMIT 1
) c ON true

-- name: read_contributions
SELECT case_no, series_id, measure_id, at, value FROM hub.contribution WHERE case_no = ANY (%s)

-- name: copy_merged
COPY merged FROM STDIN (FORMAT BINARY)

-- name: put_cases
-- New and changed ones alike, so that the index finds each.
INSERT INTO hub.cases (case_no, opd, kind, case_id, opened_at, closed_at, last_at, state, series_id, channel, flags,
                       transitions, voids, due_at, due_done_at)
SELECT case_no, opd, kind, case_id, opened_at, coalesce(closed_at, 'infinity'), last_at, state, series_id, channel,
       flags, transitions, voids, due_at, due_done_at
FROM merged
ON CONFLICT (case_no) DO UPDATE
SET opened_at = excluded.opened_at, closed_at = excluded.closed_at, last_at = excluded.last_at, state = excluded.state,
    series_id = excluded.series_id, channel = excluded.channel, flags = excluded.flags,
    transitions = excluded.transitions, voids = excluded.voids,
    due_at = excluded.due_at, due_done_at = excluded.due_done_at

-- name: forget_contributions
DELETE FROM hub.contribution WHERE case_no = ANY (%s)

-- name: copy_delta
COPY delta FROM STDIN (FORMAT BINARY)

-- name: add_contributions
INSERT INTO hub.contribution (case_no, series_id, measure_id, at, value, closes)
SELECT d.case_no, d.series_id, d.measure_id, d.at, d.value, m.terminal AND d.value = 1
FROM delta d JOIN hub.measure m USING (measure_id) WHERE d.stored

-- name: roll_up_hour
-- rollup += after - before; keys sorted.
INSERT INTO hub.rollup_hour AS r (measure_id, hour, series_id, bin, n, total)
SELECT measure_id, date_trunc('hour', at, 'UTC'), series_id, hub.bin_of(value), sum(sign), sum(sign * value)
FROM delta WHERE sign <> 0
GROUP BY 1, 2, 3, 4 HAVING sum(sign) <> 0 OR sum(sign * value) <> 0 ORDER BY 1, 2, 3, 4
ON CONFLICT (measure_id, hour, series_id, bin) DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total

-- name: roll_up_day
INSERT INTO hub.rollup_day AS r (measure_id, day, series_id, bin, n, total)
SELECT measure_id, (at AT TIME ZONE %(zone)s)::date, series_id, hub.bin_of(value), sum(sign), sum(sign * value)
FROM delta WHERE sign <> 0
GROUP BY 1, 2, 3, 4 HAVING sum(sign) <> 0 OR sum(sign * value) <> 0 ORDER BY 1, 2, 3, 4
ON CONFLICT (measure_id, day, series_id, bin) DO UPDATE SET n = r.n + excluded.n, total = r.total + excluded.total

-- name: within_hour
INSERT INTO hub.within_hour AS r (measure_id, limit_us, hour, series_id, n)
SELECT d.measure_id, l.limit_us, date_trunc('hour', d.at, 'UTC'), d.series_id, sum(d.sign)
FROM delta d JOIN hub.duration_limit l USING (measure_id) WHERE d.value <= l.limit_us AND d.sign <> 0
GROUP BY 1, 2, 3, 4 HAVING sum(d.sign) <> 0 ORDER BY 1, 2, 3, 4
ON CONFLICT (measure_id, limit_us, hour, series_id) DO UPDATE SET n = r.n + excluded.n

-- name: within_day
INSERT INTO hub.within_day AS r (measure_id, limit_us, day, series_id, n)
SELECT d.measure_id, l.limit_us, (d.at AT TIME ZONE %(zone)s)::date, d.series_id, sum(d.sign)
FROM delta d JOIN hub.duration_limit l USING (measure_id) WHERE d.value <= l.limit_us AND d.sign <> 0
GROUP BY 1, 2, 3, 4 HAVING sum(d.sign) <> 0 ORDER BY 1, 2, 3, 4
ON CONFLICT (measure_id, limit_us, day, series_id) DO UPDATE SET n = r.n + excluded.n

-- name: drop_empty
-- Only a retraction can empty a row; the rows it touched are looked up by key.
WITH hour AS (
    DELETE FROM hub.rollup_hour r USING (
        SELECT DISTINCT measure_id, date_trunc('hour', at, 'UTC') AS hour, series_id, hub.bin_of(value) AS bin
        FROM delta WHERE sign < 0) d
    WHERE r.n = 0 AND (r.measure_id, r.hour, r.series_id, r.bin) = (d.measure_id, d.hour, d.series_id, d.bin)
), day AS (
    DELETE FROM hub.rollup_day r USING (
        SELECT DISTINCT measure_id, (at AT TIME ZONE %(zone)s)::date AS day, series_id, hub.bin_of(value) AS bin
        FROM delta WHERE sign < 0) d
    WHERE r.n = 0 AND (r.measure_id, r.day, r.series_id, r.bin) = (d.measure_id, d.day, d.series_id, d.bin)
), within_hour AS (
    DELETE FROM hub.within_hour r USING (
        SELECT DISTINCT measure_id, date_trunc('hour', at, 'UTC') AS hour, series_id FROM delta WHERE sign < 0) d
    WHERE r.n = 0 AND (r.measure_id, r.hour, r.series_id) = (d.measure_id, d.hour, d.series_id)
)
DELETE FROM hub.within_day r USING (
    SELECT DISTINCT measure_id, (at AT TIME ZONE %(zone)s)::date AS day, series_id FROM delta WHERE sign < 0) d
WHERE r.n = 0 AND (r.measure_id, r.day, r.series_id) = (d.measure_id, d.day, d.series_id)

-- name: move_figures
-- The sums of each KPI's figure, of cases that it counts already; hours and local days in one reading of the change.
WITH moved AS MATERIALIZED (
    SELECT t.figure_no, date_trunc('hour', d.at, 'UTC') AS hour, (d.at AT TIME ZONE %(zone)s)::date AS day,
           CASE WHEN t.binned THEN hub.bin_of(d.value) ELSE 0 END AS bin,
           coalesce(sum(d.sign * CASE WHEN t.weighted THEN d.value ELSE 1 END) FILTER (WHERE t.counted), 0) AS n,
           coalesce(sum(d.sign * d.value) FILTER (WHERE t.binned), 0) AS total,
           coalesce(sum(d.sign * CASE WHEN t.weighted THEN d.value ELSE 1 END) FILTER (WHERE d.value <= t.limit_us), 0)
               AS hits
    FROM delta d JOIN hub.term t USING (measure_id, series_id) JOIN hub.figure f USING (figure_no)
    WHERE d.sign <> 0 AND d.case_no <= f.counted_to
    GROUP BY 1, 2, 3, 4
), hours AS (
    INSERT INTO hub.figure_hour AS r (figure_no, hour, bin, n, total, hits)
    SELECT figure_no, hour, bin, sum(n), sum(total), sum(hits) FROM moved
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (figure_no, hour, bin) DO UPDATE
    SET n = r.n + excluded.n, total = r.total + excluded.total, hits = r.hits + excluded.hits
), days AS (
    INSERT INTO hub.figure_day AS r (figure_no, day, bin, n, total, hits)
    SELECT figure_no, day, bin, sum(n), sum(total), sum(hits) FROM moved
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (figure_no, day, bin) DO UPDATE
    SET n = r.n + excluded.n, total = r.total + excluded.total, hits = r.hits + excluded.hits
)
-- The last to write a day is the last to commit, for the rows of its sums are locked until then.
INSERT INTO hub.figure_revision AS r (figure_no, day, batch_id)
SELECT DISTINCT figure_no, day, %(batch)s::bigint FROM moved ORDER BY 1, 2
ON CONFLICT (figure_no, day) DO UPDATE SET batch_id = excluded.batch_id

-- name: drop_empty_figures
WITH touched AS MATERIALIZED (
    SELECT DISTINCT t.figure_no, date_trunc('hour', d.at, 'UTC') AS hour, (d.at AT TIME ZONE %(zone)s)::date AS day,
           CASE WHEN t.binned THEN hub.bin_of(d.value) ELSE 0 END AS bin
    FROM (SELECT * FROM delta WHERE sign < 0 OR (sign > 0 AND measure_id = ANY (%(levels)s)) OFFSET 0) d
    JOIN hub.term t USING (measure_id, series_id)
), hours AS (
    DELETE FROM hub.figure_hour r USING (SELECT DISTINCT figure_no, hour, bin FROM touched) d
    WHERE (r.n, r.total, r.hits) = (0, 0, 0) AND (r.figure_no, r.hour, r.bin) = (d.figure_no, d.hour, d.bin)
)
DELETE FROM hub.figure_day r USING (SELECT DISTINCT figure_no, day, bin FROM touched) d
WHERE (r.n, r.total, r.hits) = (0, 0, 0) AND (r.figure_no, r.day, r.bin) = (d.figure_no, d.day, d.bin)

-- name: count_arrivals
-- How timely the events of a local day came: of those that counted, how many were late. History is neither.
INSERT INTO hub.arrival_day AS r (source_id, kind, day, events, late)
SELECT b.source_id, s.kind, (b.at AT TIME ZONE c.timezone)::date, count(*),
       count(*) FILTER (WHERE b.received_at - b.at > c.late_after)
FROM batch b JOIN hub.series s USING (series_id) CROSS JOIN hub.city c
WHERE NOT b.history AND b.ord = ANY (%s)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (source_id, kind, day) DO UPDATE SET events = r.events + excluded.events, late = r.late + excluded.late

-- name: hear
-- By slots of five minutes, so that who was heard at a past moment can be told too.
INSERT INTO hub.heard AS h (source_id, slot, last_at)
SELECT source_id, date_bin('5 minutes', at, 'epoch'), max(at)
FROM unnest(%s::integer[], %s::timestamptz[]) k(source_id, at) GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (source_id, slot) DO UPDATE SET last_at = excluded.last_at WHERE h.last_at < excluded.last_at

-- name: number_commit
WITH counted AS (UPDATE hub.commit_counter SET commit_no = commit_no + 1 RETURNING commit_no)
INSERT INTO hub.commit_log (commit_no, batch_id, committed_at, counted, duplicates, rejected, received_at)
SELECT commit_no, %(batch)s, clock_timestamp(), %(counted)s, %(duplicates)s, %(rejected)s, %(received)s
FROM counted RETURNING commit_no

-- name: beat
INSERT INTO hub.pulse (at, waiting_since) VALUES (now(), %s)
ON CONFLICT (only_one) DO UPDATE SET at = excluded.at, waiting_since = excluded.waiting_since

-- name: note_statuses
SELECT hub.note_statuses()

-- name: end_long_reads
SELECT hub.end_long_reads(%s)
