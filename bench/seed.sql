-- A city's events in bulk: cases of every series over twelve months by its units' opening hours, and what the hub's own code
-- would have made of them. All "chance" is a hash of numbers, so the same size and moment give the same city.

-- name: functions
-- Evenly from 0 (included) to 1 (excluded); then log-normal about 1, with sigma 0.6.
CREATE FUNCTION pg_temp.even(key bigint, draw bigint) RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(key, draw) & 4503599627370495) / 4503599627370496.0::double precision;
CREATE FUNCTION pg_temp.spread(key bigint, draw bigint) RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN exp(0.6 * sqrt(-2 * ln(1 - pg_temp.even(key, draw))) * cos(2 * pi() * pg_temp.even(key, draw + 100)));
CREATE FUNCTION pg_temp.until() RETURNS timestamptz LANGUAGE sql STABLE
RETURN current_setting('seed.until')::timestamptz;
CREATE FUNCTION pg_temp.at(us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN 'epoch'::timestamptz + us * interval '1 microsecond';
CREATE FUNCTION pg_temp.us(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (extract(epoch FROM at) * 1000000)::bigint

-- name: order
-- How many events, and up to when.
SELECT set_config('seed.events', %s, false), set_config('seed.until', %s, false)

-- name: session
SET synchronous_commit = off;
SET work_mem = '2GB';
SET maintenance_work_mem = '1GB';
SET temp_buffers = '512MB'

-- name: kinds
-- Of a hundred events, how many are of a kind; of a hundred cases of a kind, how many come by a channel, and how many take
-- which steps. `usual`: before each step after the first, minutes of a ticket or visit, open hours of a permit.
CREATE TEMPORARY TABLE seed_kind AS
SELECT * FROM (VALUES ('queue', 60), ('visit', 30), ('permit', 10)) k(kind, share);
CREATE TEMPORARY TABLE seed_channel AS
SELECT * FROM (VALUES
    ('queue', 'onsite', 75), ('queue', 'online', 25), ('visit', 'onsite', 70), ('visit', 'online', 30),
    ('permit', 'online', 70), ('permit', 'onsite', 30)
) c(kind, channel, share);
CREATE TEMPORARY TABLE seed_steps AS
SELECT row_number() OVER () AS steps, kind, share,
       sum(share) OVER (PARTITION BY kind ORDER BY share DESC) - share AS above, states, usual
FROM (VALUES
    ('queue', 78, '{issued,called,served}'::text[], '{0,14,9}'::double precision[]),
    ('queue', 10, '{issued,called,transferred,called,served}', '{0,10,4,12,8}'),
    ('queue', 8, '{issued,called,no_show}', '{0,20,3}'),
    ('queue', 4, '{issued,abandoned}', '{0,35}'),
    ('visit', 84, '{registered,examined,completed}', '{0,28,16}'),
    ('visit', 10, '{registered,examined,referred}', '{0,30,20}'),
    ('visit', 6, '{registered,cancelled}', '{0,40}'),
    ('permit', 70, '{submitted,verified,approved,issued}', '{0,8,40,8}'),
    ('permit', 15, '{submitted,returned,resubmitted,verified,approved,issued}', '{0,8,30,8,40,8}'),
    ('permit', 10, '{submitted,verified,rejected}', '{0,8,40}'),
    ('permit', 5, '{submitted,withdrawn}', '{0,20}')
) s(kind, share, states, usual);
-- Where a duration of a ticket or visit starts and ends among those steps.
CREATE TEMPORARY TABLE seed_duration AS
SELECT s.steps, m.measure_id, array_position(s.states, d.start) AS start_ord, array_position(s.states, d.until) AS end_ord
FROM (VALUES ('queue', 'wait', 'issued', 'called'), ('queue', 'service', 'called', 'served'),
             ('visit', 'wait', 'registered', 'examined'), ('visit', 'visit', 'registered', 'completed')
) d(kind, name, start, until)
JOIN seed_steps s USING (kind) JOIN hub.measure m USING (kind, name)
WHERE m.role = 'duration' AND d.start = ANY (s.states) AND d.until = ANY (s.states)

-- name: places
-- Every unit with every service of its kind, through every channel; of two applications the one of queues has the queues.
CREATE TEMPORARY TABLE seed_place AS
SELECT a ->> 'opd' AS opd, p.app, k.kind, u ->> 'unit' AS unit, s ->> 'service' AS service, c.channel, c.share,
       coalesce(u ->> 'calendar', '') AS calendar, k.share AS kind_share
FROM hub.catalogue v
CROSS JOIN jsonb_array_elements(v.document -> 'agencies') a
CROSS JOIN jsonb_array_elements(a -> 'units') u
CROSS JOIN jsonb_array_elements(a -> 'services') s
JOIN seed_kind k ON (u -> 'kinds') ? k.kind AND (s -> 'kinds') ? k.kind
JOIN seed_channel c USING (kind)
CROSS JOIN LATERAL (
    SELECT app ->> 'app' AS app FROM jsonb_array_elements(a -> 'apps') app
    ORDER BY (app ->> 'app' LIKE '%antrean%') <> (k.kind = 'queue'), 1 LIMIT 1
) p
WHERE v.version = (SELECT max(version) FROM hub.catalogue);
INSERT INTO hub.source (opd, app) SELECT DISTINCT opd, app FROM seed_place ORDER BY 1, 2;
INSERT INTO hub.series (opd, kind, unit, service, channel)
SELECT opd, kind, unit, service, channel FROM seed_place ORDER BY 1, 2, 3, 4, 5

-- name: slots
-- The open hours of each calendar, in order. Mornings are busy.
CREATE TEMPORARY TABLE seed_slot (
    calendar text, slot bigint, starts bigint, length bigint, weight double precision, PRIMARY KEY (calendar, slot)
);
INSERT INTO seed_slot
SELECT calendar, row_number() OVER (PARTITION BY calendar ORDER BY starts), pg_temp.us(starts),
       pg_temp.us(ends) - pg_temp.us(starts),
       (pg_temp.us(ends) - pg_temp.us(starts)) / 3600000000.0
       * coalesce((ARRAY[6, 10, 9, 8, 5, 3, 5, 4, 2])[extract(hour FROM starts AT TIME ZONE hub.timezone())::integer - 6], 0.3)
FROM (
    SELECT o.calendar, greatest(h, o.starts, w.since) AS starts, least(h + interval '1 hour', o.ends, w.until) AS ends
    FROM (SELECT pg_temp.until() - interval '365 days' AS since, pg_temp.until() AS until) w
    CROSS JOIN LATERAL generate_series(date_trunc('hour', w.since), w.until, interval '1 hour') h
    JOIN (SELECT calendar, starts, ends FROM hub.opening UNION ALL VALUES ('', '-infinity'::timestamptz, 'infinity'::timestamptz)) o
      ON o.starts < h + interval '1 hour' AND o.ends > h
) t WHERE starts < ends

-- name: cases
-- So many cases of each series in each open hour as its share is. `key` is the same for the same case of another run.
CREATE TEMPORARY TABLE seed_case (
    case_no bigint, key bigint, kind text, opd text, case_id text, source_id integer, series_id integer, channel text,
    calendar text, slot double precision, start_us bigint, steps bigint, passed double precision[]
);
INSERT INTO seed_case
WITH place AS (
    SELECT p.*, s.series_id, o.source_id, p.share * pg_temp.spread(s.series_id, 50) AS weight
    FROM seed_place p JOIN hub.series s USING (opd, kind, unit, service, channel) JOIN hub.source o USING (opd, app)
), wanted AS (
    SELECT p.*, current_setting('seed.events')::bigint * p.kind_share / 100.0 / k.events * p.weight / sum(p.weight) OVER (PARTITION BY p.kind) AS cases
    FROM place p JOIN (
        SELECT kind, sum(share * cardinality(states)) / 100.0 AS events FROM seed_steps GROUP BY kind
    ) k USING (kind)
), busy AS (
    SELECT calendar, slot, starts, length, weight / sum(weight) OVER (PARTITION BY calendar) AS weight FROM seed_slot
), begun AS (
    SELECT w.*, b.slot, b.starts, b.length, (w.series_id * 100000 + b.slot) * 100000 + i AS key
    FROM wanted w JOIN busy b USING (calendar)
    CROSS JOIN LATERAL generate_series(
        1, floor(w.cases * b.weight + pg_temp.even(w.series_id * 100000 + b.slot, 51))::integer) i
), placed AS (
    SELECT b.*, pg_temp.even(b.key, 0) AS within, s.steps, s.usual
    FROM begun b CROSS JOIN LATERAL (SELECT 100 * pg_temp.even(b.key, 1) AS pick) p
    JOIN seed_steps s ON s.kind = b.kind AND p.pick >= s.above AND p.pick < s.above + s.share
), timed AS (
    SELECT p.*, p.starts + (p.within * p.length)::bigint AS start_us FROM placed p
)
SELECT row_number() OVER (ORDER BY start_us, key), key, kind, opd,
       unit || ':' || (pg_temp.at(start_us) AT TIME ZONE z.name)::date || ':' || key,
       source_id, series_id, channel, calendar, slot + within, start_us, steps,
       ARRAY[0, a.p, b.p, c.p, d.p, e.p]
FROM timed
CROSS JOIN (SELECT hub.timezone() AS name) z
CROSS JOIN LATERAL (SELECT usual[2] * pg_temp.spread(key, 2) AS p) a
CROSS JOIN LATERAL (SELECT a.p + usual[3] * pg_temp.spread(key, 3) AS p) b
CROSS JOIN LATERAL (SELECT b.p + usual[4] * pg_temp.spread(key, 4) AS p) c
CROSS JOIN LATERAL (SELECT c.p + usual[5] * pg_temp.spread(key, 5) AS p) d
CROSS JOIN LATERAL (SELECT d.p + usual[6] * pg_temp.spread(key, 6) AS p) e;
ANALYZE seed_case

-- name: events
-- The steps that have been taken by now, as they were received; one in a hundred came late. A commit is what came in ten
-- seconds.
CREATE TEMPORARY TABLE seed_event (
    inbox_seq bigint, commit_no bigint, case_no bigint, source_id integer, series_id integer, case_id text, kind text,
    ord integer, first boolean, state text, at_us bigint, received_us bigint, hash text, event_id text
);
INSERT INTO seed_event
WITH step AS (
    SELECT c.*, t.state, t.ord::integer AS ord, array_position(s.states, t.state) = t.ord AS first, t.p
    FROM seed_case c JOIN seed_steps s USING (steps)
    CROSS JOIN LATERAL unnest(s.states, c.passed) WITH ORDINALITY t(state, p, ord)
    WHERE t.state IS NOT NULL
), taken AS (
    SELECT s.*, s.start_us + (s.p * 60000000)::bigint AS at_us FROM step s WHERE s.kind <> 'permit'
    UNION ALL
    SELECT s.*, h.starts + ((s.slot + s.p - floor(s.slot + s.p)) * h.length)::bigint
    FROM step s JOIN seed_slot h ON h.calendar = s.calendar AND h.slot = floor(s.slot + s.p)::bigint
    WHERE s.kind = 'permit'
), received AS (
    SELECT t.*, least((SELECT pg_temp.us(pg_temp.until())),
                      t.at_us + CASE WHEN pg_temp.even(t.key * 10 + t.ord, 7) < 0.01
                                     THEN (pg_temp.spread(t.key * 10 + t.ord, 8) * 3600000000)::bigint
                                     ELSE (pg_temp.spread(t.key * 10 + t.ord, 8) * 200000)::bigint END) AS received_us,
           md5((t.key * 10 + t.ord)::text) AS hash
    FROM taken t WHERE t.at_us < (SELECT pg_temp.us(pg_temp.until()))
)
SELECT row_number() OVER (ORDER BY received_us / 10000000, received_us, key, ord),
       dense_rank() OVER (ORDER BY received_us / 10000000), case_no, source_id, series_id, case_id, kind, ord, first, state,
       at_us, received_us, hash,
       -- A UUIDv7, as the SDK gives it.
       overlay(lpad(to_hex(at_us / 1000), 12, '0') PLACING '-' FROM 9 FOR 0) || '-7' || substr(hash, 1, 3) || '-8'
       || substr(hash, 4, 3) || '-' || substr(hash, 7, 12)
FROM received;
ANALYZE seed_event

-- name: set_indexes_aside
-- They are built faster after the rows.
CREATE TEMPORARY TABLE seed_index AS
SELECT i.indrelid::regclass::text AS of_table, i.indexrelid::regclass::text AS index, c.conname,
       coalesce('ALTER TABLE ' || i.indrelid::regclass || ' ADD CONSTRAINT ' || c.conname || ' '
                || pg_get_constraintdef(c.oid), pg_get_indexdef(i.indexrelid)) AS definition
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
WHERE i.indrelid = ANY ('{hub.ledger,hub.cases,hub.contribution,hub.rollup_hour,hub.rollup_day,hub.within_hour,hub.within_day,
                          hub.figure_hour,hub.figure_day}'::regclass[]);
DO $$
DECLARE
    i record;
BEGIN
    FOR i IN SELECT * FROM seed_index LOOP
        EXECUTE CASE WHEN i.conname IS NULL THEN 'DROP INDEX ' || i.index
                     ELSE 'ALTER TABLE ' || i.of_table || ' DROP CONSTRAINT ' || i.conname END;
    END LOOP;
END $$

-- name: build_indexes
DO $$
DECLARE
    i record;
BEGIN
    FOR i IN SELECT * FROM seed_index LOOP
        EXECUTE i.definition;
    END LOOP;
END $$

-- name: store_events
INSERT INTO hub.event (at, source_id, event_id, series_id, case_id, state, received_at, history, batch_id)
SELECT pg_temp.at(at_us), source_id, event_id, series_id, case_id, state, pg_temp.at(received_us), false, commit_no
FROM seed_event;
INSERT INTO hub.ledger (source_id, event_id, digest, inbox_created, inbox_seq, batch_id)
SELECT source_id, event_id, decode(hash, 'hex'), pg_temp.at(f.us), inbox_seq, commit_no
FROM seed_event CROSS JOIN (SELECT min(received_us) AS us FROM seed_event) f;
INSERT INTO hub.commit_log (commit_no, batch_id, committed_at, counted, received_at)
SELECT commit_no, commit_no, pg_temp.at(max(received_us)) + interval '50 milliseconds', count(*),
       pg_temp.at(min(received_us))
FROM seed_event GROUP BY commit_no ORDER BY commit_no;
UPDATE hub.commit_counter SET commit_no = (SELECT max(commit_no) FROM hub.commit_log);
SELECT setval('hub.batch_id', (SELECT max(commit_no) FROM hub.commit_log)),
       setval('hub.case_no', (SELECT max(case_no) FROM seed_case))

-- name: store_cases
-- Tickets and visits: they end with their last step or their local day, and nothing is due.
INSERT INTO hub.cases (case_no, opd, kind, case_id, opened_at, closed_at, last_at, state, series_id, channel, flags,
                       transitions, voids)
SELECT c.case_no, c.opd, c.kind, c.case_id, pg_temp.at(c.start_us),
       least(hub.day_start((pg_temp.at(c.start_us) AT TIME ZONE z.name)::date + 1, z.name),
             CASE WHEN e.ord = cardinality(s.states) THEN pg_temp.at(e.last_us) END),
       pg_temp.at(e.last_us), s.states[e.ord], c.series_id, c.channel, '{}', e.transitions, '[]'
FROM (
    SELECT case_no, max(at_us) AS last_us, max(ord) AS ord, ('[' || string_agg(transition, ',') || ']')::jsonb AS transitions
    FROM (
        -- Several times as fast as the functions that build jsonb.
        SELECT case_no, at_us, ord,
               '[' || at_us || ',"' || state || '",' || series_id || ',' || source_id || ',"' || event_id || '"]' AS transition
        FROM seed_event WHERE kind <> 'permit' ORDER BY case_no, ord
    ) t GROUP BY case_no
) e JOIN seed_case c USING (case_no) JOIN seed_steps s USING (steps)
CROSS JOIN (SELECT hub.timezone() AS name) z

-- name: store_contributions
INSERT INTO hub.contribution (case_no, series_id, measure_id, at, value, closes)
SELECT e.case_no, e.series_id, m.measure_id, pg_temp.at(e.at_us), e.first::integer, m.terminal AND e.first
FROM seed_event e JOIN hub.measure m ON m.kind = e.kind AND m.role = 'state' AND m.name = e.state
WHERE e.kind <> 'permit';
INSERT INTO hub.contribution (case_no, series_id, measure_id, at, value)
SELECT c.case_no, c.series_id, d.measure_id, pg_temp.at(t.end_us), t.end_us - t.start_us
FROM seed_case s JOIN seed_duration d USING (steps) JOIN hub.cases c USING (case_no)
CROSS JOIN LATERAL (
    SELECT (c.transitions -> (d.start_ord - 1) ->> 0)::bigint AS start_us,
           (c.transitions -> (d.end_ord - 1) ->> 0)::bigint AS end_us
) t WHERE t.end_us IS NOT NULL

-- name: permits
SELECT c.case_no, c.case_id, c.opd, e.transitions
FROM (
    SELECT case_no, jsonb_agg(jsonb_build_array(at_us, state, series_id, source_id, event_id)) AS transitions
    FROM seed_event WHERE kind = 'permit' GROUP BY case_no
) e JOIN seed_case c USING (case_no) ORDER BY c.case_no

-- name: copy_cases
COPY hub.cases (case_no, opd, kind, case_id, opened_at, closed_at, last_at, state, series_id, channel, flags, transitions,
                voids, due_at, due_done_at) FROM STDIN (FORMAT BINARY)

-- name: copy_contributions
COPY hub.contribution (case_no, series_id, measure_id, at, value) FROM STDIN (FORMAT BINARY)

-- name: count_figures
UPDATE hub.contribution c SET closes = true
FROM hub.measure m WHERE m.measure_id = c.measure_id AND m.terminal AND m.kind = 'permit' AND c.value = 1;
ANALYZE hub.contribution, hub.term;
UPDATE hub.figure SET counted_to = 9223372036854775807

-- name: finish
-- As if the last event of a kind on a local day had moved every figure of that day.
INSERT INTO hub.figure_revision (figure_no, day, batch_id)
SELECT r.figure_no, r.day, coalesce(e.commit_no, c.commit_no)
FROM (SELECT DISTINCT figure_no, day FROM hub.figure_day) r JOIN hub.figure f USING (figure_no)
LEFT JOIN (
    SELECT kind, (pg_temp.at(quarter * 900000000) AT TIME ZONE z.name)::date AS day, max(commit_no) AS commit_no
    FROM (
        -- No zone's days begin within a quarter of an hour.
        SELECT kind, at_us / 900000000 AS quarter, max(commit_no) AS commit_no FROM seed_event GROUP BY 1, 2
    ) q CROSS JOIN (SELECT hub.timezone() AS name) z GROUP BY 1, 2
) e USING (kind, day)
CROSS JOIN hub.commit_counter c;
INSERT INTO hub.pulse (at) VALUES (pg_temp.until())

-- name: in_order
-- Cases and contributions came as time went by, so those of an hour lie side by side; the sums were made in order.
CLUSTER hub.cases USING cases_pkey;
CLUSTER hub.contribution USING contribution_at_idx

-- name: analyze
VACUUM ANALYZE
