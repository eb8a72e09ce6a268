-- The wall at ten million events. What is new in meaning: open cases tell how many are overdue, and time_bucket.

-- The percentiles of sums by bin, by nearest rank, as the mean of the bin in which each lies; and what they are of. Bins
-- ascend. mean, median and p90 in microseconds; *_bin: in which bin.
CREATE TYPE hub.spread AS (
    n bigint, total numeric, median numeric, median_bin smallint, p90 numeric, p90_bin smallint
);
CREATE FUNCTION hub.spread_of(bins smallint[], ns bigint[], totals bigint[]) RETURNS hub.spread
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    found hub.spread;
    up_to bigint := 0;
    median_rank bigint;
    p90_rank bigint;
BEGIN
    found.n := coalesce((SELECT sum(x) FROM unnest(ns) x), 0);
    found.total := (SELECT sum(x) FROM unnest(totals) x);
    median_rank := hub.rank_of('median', found.n);
    p90_rank := hub.rank_of('p90', found.n);
    FOR i IN 1 .. coalesce(cardinality(bins), 0) LOOP
        up_to := up_to + ns[i];
        IF found.median IS NULL AND up_to >= median_rank THEN
            found.median := totals[i] / ns[i]::numeric;
            found.median_bin := bins[i];
        END IF;
        IF up_to >= p90_rank THEN
            found.p90 := totals[i] / ns[i]::numeric;
            found.p90_bin := bins[i];
            EXIT;
        END IF;
    END LOOP;
    RETURN found;
END $$;
-- The same as a screen may show it, in seconds.
CREATE TYPE hub.shown_spread AS (
    n bigint, mean_s double precision, median_s double precision, p90_s double precision
);
CREATE FUNCTION hub.shown_spread_of(s hub.spread, health boolean) RETURNS hub.shown_spread
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    mean hub.shown_value := hub.value_of('mean', 1000000, NULL, health, s.n, 0, s.total, NULL, NULL);
    median hub.shown_value := hub.value_of('median', 1000000, NULL, health, s.n, 0, NULL, s.median, s.median_bin);
    p90 hub.shown_value := hub.value_of('p90', 1000000, NULL, health, s.n, 0, NULL, s.p90, s.p90_bin);
BEGIN
    RETURN (mean.n, mean.value, median.value, p90.value)::hub.shown_spread;
END $$;

-- What stands in the sums and edges of a window, row by row. Each local day and hour is looked up by measure and series,
-- so that one agency is read without the others. PL/pgSQL remembers the plan.
CREATE OR REPLACE FUNCTION hub.readings(
    kind text, role text, names text[], from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (measure_id smallint, series_id integer, bin smallint, n bigint, total bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    measures smallint[] := ARRAY(
        SELECT m.measure_id FROM hub.measure m WHERE m.kind = $1 AND m.role = $2 AND ($3 IS NULL OR m.name = ANY ($3)));
    series integer[] := ARRAY(SELECT s FROM hub.series_of($1, $6, $7, $8, $9) s ORDER BY 1);
BEGIN
    RETURN QUERY
    WITH piece AS MATERIALIZED (
        SELECT * FROM hub.window_pieces(hub.cut_from($4, $1), hub.cut_to($5, $1))
    )
    SELECT m.m, r.series_id, r.bin, r.n, r.total
    FROM piece p CROSS JOIN LATERAL generate_series(0, p.end_day - p.first_day - 1) d(d) CROSS JOIN unnest(measures) m(m)
    CROSS JOIN LATERAL (
        SELECT x.series_id, x.bin, x.n, x.total FROM hub.rollup_day x
        WHERE x.measure_id = m.m AND x.day = p.first_day + d.d AND x.series_id = ANY (series) OFFSET 0) r
    WHERE p.grain = 'day'
    UNION ALL
    SELECT m.m, r.series_id, r.bin, r.n, r.total
    FROM piece p CROSS JOIN LATERAL generate_series(p.starts, p.ends - interval '1 hour', interval '1 hour') h(h)
    CROSS JOIN unnest(measures) m(m)
    CROSS JOIN LATERAL (
        SELECT x.series_id, x.bin, x.n, x.total FROM hub.rollup_hour x
        WHERE x.measure_id = m.m AND x.hour = h.h AND x.series_id = ANY (series) OFFSET 0) r
    WHERE p.grain = 'hour'
    UNION ALL
    SELECT c.measure_id, c.series_id, hub.bin_of(c.value), p.sign, p.sign * c.value
    FROM piece p CROSS JOIN LATERAL (
        SELECT x.measure_id, x.series_id, x.value FROM hub.contribution x
        WHERE x.at >= p.starts AND x.at < p.ends OFFSET 0) c
    WHERE p.grain = 'edge' AND c.measure_id = ANY (measures) AND c.series_id = ANY (series);
END $$;
-- The same step by step: whole hours, or whole local days, weeks or months.
CREATE OR REPLACE FUNCTION hub.parts_over(
    kind text, role text, names text[], from_at timestamptz, to_at timestamptz, step interval,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (at timestamptz, measure_id smallint, bin smallint, n bigint, total bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    zone text := hub.timezone();
    days boolean := step = date_trunc('day', step) AND step >= interval '1 day';
    measures smallint[] := ARRAY(
        SELECT m.measure_id FROM hub.measure m WHERE m.kind = $1 AND m.role = $2 AND ($3 IS NULL OR m.name = ANY ($3)));
    series integer[] := ARRAY(SELECT s FROM hub.series_of($1, $7, $8, $9, $10) s ORDER BY 1);
    first timestamptz := hub.clamp(from_at);
    last timestamptz := hub.clamp(to_at);
    first_day date := CASE WHEN step >= interval '28 days' THEN date_trunc('month', first AT TIME ZONE zone)
                           WHEN step = interval '7 days' THEN date_trunc('week', first AT TIME ZONE zone)
                           ELSE first AT TIME ZONE zone END::date;
BEGIN
    PERFORM hub.is_health(kind), hub.check_step(first, last, step);
    IF days THEN
        RETURN QUERY
        SELECT s.starts, m.m, r.bin, sum(r.n)::bigint, sum(r.total)::bigint
        FROM (SELECT hub.day_start(x::date, zone) AS starts, x::date AS d0, (x + step)::date AS d1
              FROM generate_series(first_day::timestamp, last AT TIME ZONE zone, step) x) s
        CROSS JOIN LATERAL generate_series(0, s.d1 - s.d0 - 1) d(d) CROSS JOIN unnest(measures) m(m)
        CROSS JOIN LATERAL (
            SELECT x.bin, x.n, x.total FROM hub.rollup_day x
            WHERE x.measure_id = m.m AND x.day = s.d0 + d.d AND x.series_id = ANY (series) OFFSET 0) r
        WHERE s.starts < last
        GROUP BY 1, 2, 3;
    ELSIF step >= interval '1 hour' AND step = date_trunc('hour', step) THEN
        RETURN QUERY
        SELECT s.starts, m.m, r.bin, sum(r.n)::bigint, sum(r.total)::bigint
        FROM (SELECT x AS starts FROM generate_series(date_trunc('hour', first, 'UTC'), last, step) x WHERE x < last) s
        CROSS JOIN LATERAL generate_series(s.starts, s.starts + step - interval '1 hour', interval '1 hour') h(h)
        CROSS JOIN unnest(measures) m(m)
        CROSS JOIN LATERAL (
            SELECT x.bin, x.n, x.total FROM hub.rollup_hour x
            WHERE x.measure_id = m.m AND x.hour = h.h AND x.series_id = ANY (series) OFFSET 0) r
        GROUP BY 1, 2, 3;
    ELSE
        RAISE EXCEPTION 'a step is whole hours, or whole days, weeks or months; write such as 1 hour'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;

-- As before, a day and hour at a time.
CREATE OR REPLACE FUNCTION hub.within(
    kind text, role text, name text, limit_us bigint, from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (series_id integer, n bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    wanted smallint := (SELECT m.measure_id FROM hub.measure m WHERE (m.kind, m.role, m.name) = ($1, $2, $3));
    series integer[] := ARRAY(SELECT s FROM hub.series_of($1, $7, $8, $9, $10) s ORDER BY 1);
    a timestamptz := hub.cut_from($5, $1);
    b timestamptz := hub.cut_to($6, $1);
BEGIN
    IF EXISTS (SELECT FROM hub.duration_limit d WHERE d.measure_id = wanted AND d.limit_us = $4) THEN
        RETURN QUERY
        WITH piece AS MATERIALIZED (
            SELECT * FROM hub.window_pieces(a, b)
        ), part AS (
            SELECT w.series_id, w.n
            FROM piece p CROSS JOIN LATERAL generate_series(0, p.end_day - p.first_day - 1) d(d) CROSS JOIN LATERAL (
                SELECT x.series_id, x.n FROM hub.within_day x
                WHERE x.measure_id = wanted AND x.limit_us = $4 AND x.day = p.first_day + d.d
                  AND x.series_id = ANY (series) OFFSET 0) w
            WHERE p.grain = 'day'
            UNION ALL
            SELECT w.series_id, w.n
            FROM piece p CROSS JOIN LATERAL generate_series(p.starts, p.ends - interval '1 hour', interval '1 hour') h(h)
            CROSS JOIN LATERAL (
                SELECT x.series_id, x.n FROM hub.within_hour x
                WHERE x.measure_id = wanted AND x.limit_us = $4 AND x.hour = h.h AND x.series_id = ANY (series) OFFSET 0) w
            WHERE p.grain = 'hour'
            UNION ALL
            SELECT c.series_id, p.sign
            FROM piece p CROSS JOIN LATERAL (
                SELECT x.series_id, x.measure_id, x.value FROM hub.contribution x
                WHERE x.at >= p.starts AND x.at < p.ends OFFSET 0) c
            WHERE p.grain = 'edge' AND c.measure_id = wanted AND c.value <= $4 AND c.series_id = ANY (series)
        )
        SELECT part.series_id, sum(part.n)::bigint FROM part GROUP BY 1;
    ELSIF NOT hub.is_health($1) THEN
        RETURN QUERY SELECT c.series_id, count(*) FROM hub.contribution c
        WHERE c.measure_id = wanted AND c.value <= $4 AND c.at >= a AND c.at < b AND c.series_id = ANY (series)
        GROUP BY 1;
    END IF;
END $$;

-- The place that each series of a kind stands for, and a number of it. A unit or service is known within its OPD.
CREATE FUNCTION hub.places(kind text, by text) RETURNS TABLE (series_id integer, place integer, key text, opd text)
LANGUAGE sql STABLE AS $$
    SELECT p.series_id, dense_rank() OVER (ORDER BY p.opd, p.key)::integer, p.key, p.opd
    FROM (SELECT s.series_id, hub.place(s, $2) AS key, CASE WHEN $2 <> 'channel' THEN s.opd END AS opd
          FROM hub.series s WHERE s.kind = $1) p
$$;

CREATE OR REPLACE FUNCTION wall.channel_share(
    kind text, state text, channel text, from_at timestamptz, to_at timestamptz,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL
)
RETURNS TABLE (n bigint, of_n bigint, share double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT hub.shown(c.n, c.health), hub.shown(c.of_n, c.health), hub.share(c.n, c.of_n, c.health)
    FROM (SELECT coalesce(sum(r.total) FILTER (WHERE p.key = $3), 0)::bigint AS n,
                 coalesce(sum(r.total), 0)::bigint AS of_n, hub.is_health($1) AS health
          FROM hub.readings($1, 'state', ARRAY[$2], $4, $5, $6, $7, $8, NULL) r
          JOIN hub.places($1, 'channel') p USING (series_id)) c
$$;

-- `states`: only these are looked up; NULL: all.
DROP FUNCTION wall.states_by(text, timestamptz, timestamptz, text, text[], text[], text[], text[]);
CREATE FUNCTION wall.states_by(
    kind text, from_at timestamptz, to_at timestamptz, by text,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL,
    states text[] DEFAULT NULL
)
RETURNS TABLE (key text, opd text, state text, events bigint, cases bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH places AS MATERIALIZED (
        SELECT * FROM hub.places($1, $4)
    ), counted AS (
        SELECT p.place, r.measure_id, sum(r.n)::bigint AS events, sum(r.total)::bigint AS cases
        FROM hub.readings($1, 'state', $9, $2, $3, $5, $6, $7, $8) r JOIN places p USING (series_id)
        GROUP BY 1, 2 HAVING sum(r.n) <> 0
    )
    SELECT p.key, p.opd, m.name, hub.shown(c.events, a.health), hub.shown(c.cases, a.health)
    FROM counted c JOIN hub.measure m USING (measure_id) JOIN (SELECT DISTINCT place, key, opd FROM places) p USING (place)
    CROSS JOIN (SELECT hub.is_health($1) AS health OFFSET 0) a
$$;

DROP FUNCTION wall.states_over(text, timestamptz, timestamptz, interval, text[], text[], text[], text[]);
CREATE FUNCTION wall.states_over(
    kind text, from_at timestamptz, to_at timestamptz, step interval,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL,
    states text[] DEFAULT NULL
)
RETURNS TABLE (at timestamptz, state text, events bigint, cases bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.at, m.name, hub.shown(p.n, a.health), hub.shown(p.total, a.health)
    FROM hub.parts_over($1, 'state', $9, $2, $3, $4, $5, $6, $7, $8) p JOIN hub.measure m USING (measure_id)
    CROSS JOIN (SELECT hub.is_health($1) AS health OFFSET 0) a
    ORDER BY 1, 2
$$;

CREATE OR REPLACE FUNCTION wall.duration(
    kind text, name text, from_at timestamptz, to_at timestamptz, within_limit interval DEFAULT NULL,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL,
    clock text DEFAULT 'gross'
)
RETURNS TABLE (
    n bigint, negative bigint, mean_s double precision, median_s double precision, p90_s double precision,
    within bigint, within_share double precision
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH asked AS (
        SELECT hub.role_of($1, $2, $10) AS role, hub.is_health($1) AS health
    ), told AS MATERIALIZED (
        SELECT hub.spread_of(array_agg(s.bin ORDER BY s.bin), array_agg(s.n ORDER BY s.bin),
                             array_agg(s.total ORDER BY s.bin)) AS t
        FROM asked a CROSS JOIN LATERAL hub.sums($1, a.role, ARRAY[$2], $3, $4, $6, $7, $8, $9) s
    ), inside AS (
        SELECT CASE WHEN hub.may_tell($1, a.role, $2, $5) THEN (
            SELECT coalesce(sum(w.n), 0)::bigint
            FROM hub.within($1, a.role, $2, hub.micros($5), $3, $4, $6, $7, $8, $9) w) END AS n
        FROM asked a
    )
    SELECT s.n,
           (SELECT hub.shown(coalesce(sum(x.n), 0)::bigint, a.health)
            FROM hub.sums($1, 'negative', ARRAY[$2], $3, $4, $6, $7, $8, $9) x),
           s.mean_s, s.median_s, s.p90_s,
           CASE WHEN hub.shown((d.t).n - i.n, a.health) IS NOT NULL THEN hub.shown(i.n, a.health) END,
           hub.share(i.n, (d.t).n, a.health)
    FROM told d CROSS JOIN inside i CROSS JOIN asked a CROSS JOIN LATERAL hub.shown_spread_of(d.t, a.health) s
$$;

CREATE OR REPLACE FUNCTION wall.duration_by(
    kind text, name text, from_at timestamptz, to_at timestamptz, by text, within_limit interval DEFAULT NULL,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL,
    clock text DEFAULT 'gross'
)
RETURNS TABLE (
    key text, opd text, n bigint, mean_s double precision, median_s double precision, p90_s double precision,
    within bigint, within_share double precision
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH asked AS (
        SELECT hub.role_of($1, $2, $11) AS role, hub.is_health($1) AS health
    ), places AS MATERIALIZED (
        SELECT * FROM hub.places($1, $5)
    ), binned AS MATERIALIZED (
        SELECT p.place, r.bin, sum(r.n)::bigint AS n, sum(r.total)::bigint AS total
        FROM asked a CROSS JOIN LATERAL hub.readings($1, a.role, ARRAY[$2], $3, $4, $7, $8, $9, $10) r
        JOIN places p USING (series_id) GROUP BY 1, 2 HAVING sum(r.n) <> 0
    ), told AS MATERIALIZED (
        SELECT place, hub.spread_of(array_agg(bin ORDER BY bin), array_agg(n ORDER BY bin),
                                    array_agg(total ORDER BY bin)) AS t
        FROM binned GROUP BY place
    ), inside AS MATERIALIZED (
        SELECT p.place, sum(w.n)::bigint AS n
        FROM asked a CROSS JOIN LATERAL hub.within($1, a.role, $2, hub.micros($6), $3, $4, $7, $8, $9, $10) w
        JOIN places p USING (series_id) WHERE $6 IS NOT NULL GROUP BY 1
    )
    SELECT p.key, p.opd, s.n, s.mean_s, s.median_s, s.p90_s,
           CASE WHEN hub.shown((d.t).n - i.n, a.health) IS NOT NULL THEN hub.shown(i.n, a.health) END,
           hub.share(i.n, (d.t).n, a.health)
    FROM told d JOIN (SELECT DISTINCT place, key, opd FROM places) p USING (place) CROSS JOIN asked a
    LEFT JOIN LATERAL (
        SELECT CASE WHEN hub.may_tell($1, a.role, $2, $6)
                    THEN coalesce((SELECT x.n FROM inside x WHERE x.place = d.place), 0) END AS n) i ON true
    CROSS JOIN LATERAL hub.shown_spread_of(d.t, a.health) s
$$;

CREATE OR REPLACE FUNCTION wall.duration_over(
    kind text, name text, from_at timestamptz, to_at timestamptz, step interval,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL,
    clock text DEFAULT 'gross'
)
RETURNS TABLE (at timestamptz, n bigint, mean_s double precision, median_s double precision, p90_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.at, s.n, s.mean_s, s.median_s, s.p90_s
    FROM (
        SELECT p.at, hub.spread_of(array_agg(p.bin ORDER BY p.bin), array_agg(p.n ORDER BY p.bin),
                                   array_agg(p.total ORDER BY p.bin)) AS t
        FROM (SELECT hub.role_of($1, $2, $10) AS role) a
        CROSS JOIN LATERAL hub.parts_over($1, a.role, ARRAY[$2], $3, $4, $5, $6, $7, $8, $9) p GROUP BY p.at
    ) d CROSS JOIN (SELECT hub.is_health($1) AS health OFFSET 0) a
    CROSS JOIN LATERAL hub.shown_spread_of(d.t, a.health) s
    ORDER BY 1
$$;

-- As before, in a language that makes one plan, and works out the moment once instead of for each case. Most cases have no
-- voids, and need not be searched for them.
CREATE OR REPLACE FUNCTION hub.open_cases(kind text, at timestamptz)
RETURNS TABLE (opened_at timestamptz, state text, series_id integer, channel text, due_at timestamptz,
               due_done_at timestamptz)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    last_end timestamptz := (
        SELECT CASE WHEN k.expires THEN hub.day_start((($2 AT TIME ZONE hub.timezone())::date + 1), hub.timezone())
                    ELSE 'infinity' END
        FROM hub.kind k WHERE k.kind = $1);
BEGIN
    RETURN QUERY
    SELECT c.opened_at,
           CASE WHEN c.last_at <= $2 THEN c.state ELSE then_.state END,
           CASE WHEN c.last_at <= $2 THEN c.series_id ELSE then_.series_id END,
           c.channel, c.due_at, c.due_done_at
    FROM hub.cases c
    LEFT JOIN LATERAL (
        SELECT t.value ->> 1 AS state, (t.value ->> 2)::integer AS series_id
        FROM jsonb_array_elements(c.transitions) WITH ORDINALITY t(value, ord)
        WHERE c.last_at > $2
          AND 'epoch'::timestamptz + (t.value ->> 0)::bigint * interval '1 microsecond' <= $2
          AND (c.voids = '[]' OR NOT c.voids @> jsonb_build_array(jsonb_build_array(t.value -> 3, t.value -> 4)))
        ORDER BY t.ord DESC LIMIT 1
    ) then_ ON true
    WHERE c.kind = $1 AND c.closed_at > $2 AND c.opened_at <= $2 AND c.closed_at <= last_end;
END $$;

-- Open cases by series, channel and state, and how many of them are overdue: due at or before the moment, what the limit
-- is of not ended.
CREATE FUNCTION hub.levels(kind text, at timestamptz, opds text[], units text[], services text[], channels text[])
RETURNS TABLE (series_id integer, channel text, state text, n bigint, oldest timestamptz, overdue bigint,
               oldest_due timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := hub.cut_at($2, $1);
    series integer[] := ARRAY(SELECT s FROM hub.series_of($1, $3, $4, $5, NULL) s ORDER BY 1);
BEGIN
    RETURN QUERY
    SELECT o.series_id, o.channel, o.state, count(*), min(o.opened_at), count(*) FILTER (WHERE o.late),
           min(o.due_at) FILTER (WHERE o.late)
    FROM (
        SELECT c.*, c.due_at <= moment AND coalesce(c.due_done_at > moment, true) AS late
        FROM hub.open_cases($1, moment) c
        WHERE c.series_id = ANY (series) AND ($6 IS NULL OR c.channel = ANY ($6))
    ) o GROUP BY 1, 2, 3;
END $$;
DROP FUNCTION wall.open(text, timestamptz, text[], text[], text[], text[]);
DROP FUNCTION wall.open_by_state(text, timestamptz, text[], text[], text[], text[]);
DROP FUNCTION hub.open_by_state(text, timestamptz, text[], text[], text[], text[]);
-- By place, channel and state. Of a health kind groups of fewer than five are left out, and the oldest is told to the hour.
CREATE FUNCTION wall.open_by_state(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (opd text, unit text, service text, channel text, state text, waiting boolean, open bigint,
               oldest timestamptz, overdue bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.opd, l.unit, l.service, l.channel, l.state, l.state = ANY (a.waiting), hub.shown(l.n, a.health),
           hub.shown_time(l.oldest, l.n, a.health), hub.shown(l.overdue, a.health)
    FROM (
        -- A case keeps the channel of its first event, whatever the series of its newest one.
        SELECT s.opd, s.unit, s.service, v.channel, v.state, sum(v.n)::bigint AS n, min(v.oldest) AS oldest,
               sum(v.overdue)::bigint AS overdue
        FROM hub.levels($1, $2, $3, $4, $5, $6) v JOIN hub.series s USING (series_id) GROUP BY 1, 2, 3, 4, 5
    ) l CROSS JOIN (SELECT hub.waiting_states($1) AS waiting, hub.is_health($1) AS health OFFSET 0) a
    WHERE hub.shown(l.n, a.health) IS NOT NULL
$$;
-- Open cases at a moment, those of them that wait, the opening time of the oldest of each, and those that are overdue.
CREATE FUNCTION wall.open(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (open bigint, waiting bigint, oldest_open timestamptz, oldest_waiting timestamptz, overdue bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT hub.shown(t.open, t.health), hub.shown(t.waiting, t.health), hub.shown_time(t.oldest_open, t.open, t.health),
           hub.shown_time(t.oldest_waiting, t.waiting, t.health), hub.shown(t.overdue, t.health)
    FROM (SELECT coalesce(sum(l.n), 0)::bigint AS open,
                 coalesce(sum(l.n) FILTER (WHERE l.state = ANY (w.states)), 0)::bigint AS waiting,
                 min(l.oldest) AS oldest_open, min(l.oldest) FILTER (WHERE l.state = ANY (w.states)) AS oldest_waiting,
                 coalesce(sum(l.overdue), 0)::bigint AS overdue, hub.is_health($1) AS health
          FROM (SELECT hub.waiting_states($1) AS states OFFSET 0) w
          CROSS JOIN LATERAL hub.levels($1, $2, $3, $4, $5, $6) l) t
$$;
-- The same for each place of a kind, rounded and hidden once: cells of several states do not hide a place that has enough.
CREATE FUNCTION wall.open_by(
    kind text, at timestamptz, by text,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (key text, opd text, open bigint, waiting bigint, oldest timestamptz, overdue bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.key, o.opd, hub.shown(o.open, a.health), hub.shown(o.waiting, a.health),
           hub.shown_time(o.oldest, o.open, a.health), hub.shown(o.overdue, a.health)
    FROM (
        SELECT p.key, p.opd, sum(l.n)::bigint AS open,
               coalesce(sum(l.n) FILTER (WHERE l.state = ANY (w.states)), 0)::bigint AS waiting,
               min(l.oldest) AS oldest, sum(l.overdue)::bigint AS overdue
        FROM (SELECT hub.waiting_states($1) AS states OFFSET 0) w
        CROSS JOIN LATERAL hub.levels($1, $2, $4, $5, $6, $7) l JOIN hub.places($1, $3) p USING (series_id)
        GROUP BY 1, 2
    ) o CROSS JOIN (SELECT hub.is_health($1) AS health OFFSET 0) a
    WHERE hub.shown(o.open, a.health) IS NOT NULL
$$;
CREATE OR REPLACE FUNCTION wall.overdue(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (opd text, unit text, service text, overdue bigint, oldest_due timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.opd, o.unit, o.service, hub.shown(o.n, a.health), hub.shown_time(o.due, o.n, a.health)
    FROM (
        SELECT s.opd, s.unit, s.service, sum(l.overdue)::bigint AS n, min(l.oldest_due) AS due
        FROM hub.levels($1, $2, $3, $4, $5, $6) l JOIN hub.series s USING (series_id)
        WHERE l.overdue > 0 GROUP BY 1, 2, 3
    ) o CROSS JOIN (SELECT hub.is_health($1) AS health OFFSET 0) a
    WHERE hub.shown(o.n, a.health) IS NOT NULL
$$;

-- Signs of figures made to look good read closings alone: the first entry of a case into a state that ends it.
ALTER TABLE hub.contribution ADD closes boolean NOT NULL DEFAULT false;
UPDATE hub.contribution c SET closes = true
FROM hub.measure m WHERE m.measure_id = c.measure_id AND m.terminal AND c.value = 1;
CREATE INDEX ON hub.contribution (series_id, at) WHERE closes;
CREATE OR REPLACE FUNCTION wall.integrity(
    kind text, from_at timestamptz, to_at timestamptz, opd text[] DEFAULT NULL, unit text[] DEFAULT NULL
)
RETURNS TABLE (
    opd text, unit text, closed bigint, bulk bigint, bulk_share double precision, timed bigint, zero bigint,
    zero_share double precision, returned bigint, late_returns bigint, late_return_share double precision,
    restarts bigint, returned_again bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH a AS MATERIALIZED (
        SELECT hub.cut_from($2, $1) AS from_at, hub.cut_to($3, $1) AS to_at, hub.is_health($1) AS health,
               coalesce((SELECT (document #>> '{city,bulk_closing}')::integer FROM hub.register), 5) AS bulk_closing
    ), series AS MATERIALIZED (
        SELECT s.series_id, s.opd, s.unit, min(s.series_id) OVER (PARTITION BY s.opd, s.unit) AS unit_no
        FROM hub.series_of($1, $4, $5, NULL, NULL) i JOIN hub.series s ON s.series_id = i
    ), units AS MATERIALIZED (
        SELECT DISTINCT s.unit_no, s.opd, s.unit FROM series s
    ), minutes AS (
        SELECT s.unit_no, date_bin('1 minute', c.at, 'epoch'), count(*) AS n
        FROM a CROSS JOIN series s CROSS JOIN LATERAL (
            SELECT x.at FROM hub.contribution x
            WHERE x.closes AND x.series_id = s.series_id AND x.at >= a.from_at AND x.at < a.to_at OFFSET 0) c
        GROUP BY 1, 2
    ), closings AS (
        SELECT m.unit_no, sum(m.n)::bigint AS closed, coalesce(sum(m.n) FILTER (WHERE m.n >= a.bulk_closing), 0)::bigint AS bulk
        FROM minutes m CROSS JOIN a GROUP BY 1
    ), timed AS (
        SELECT s.unit_no, sum(r.n)::bigint AS timed, coalesce(sum(r.n) FILTER (WHERE r.bin = 0), 0)::bigint AS zero
        FROM hub.readings($1, 'duration', ARRAY(SELECT m.name FROM hub.measure m WHERE m.kind = $1 AND m.serves), $2, $3, $4,
                          $5, NULL, NULL) r
        JOIN series s USING (series_id) GROUP BY 1
    ), signals AS (
        SELECT s.unit_no, sum(r.n) FILTER (WHERE m.name = 'late_return')::bigint AS returned,
               sum(r.total) FILTER (WHERE m.name = 'late_return')::bigint AS late,
               sum(r.n) FILTER (WHERE m.name = 'restart')::bigint AS restarts,
               sum(r.n) FILTER (WHERE m.name = 'return_again')::bigint AS again
        FROM hub.readings($1, 'signal', NULL, $2, $3, $4, $5, NULL, NULL) r
        JOIN hub.measure m USING (measure_id) JOIN series s USING (series_id) GROUP BY 1
    ), found AS (
        SELECT u.opd, u.unit, coalesce(c.closed, 0) AS closed, coalesce(c.bulk, 0) AS bulk, coalesce(t.timed, 0) AS timed,
               coalesce(t.zero, 0) AS zero, coalesce(g.returned, 0) AS returned, coalesce(g.late, 0) AS late,
               coalesce(g.restarts, 0) AS restarts, coalesce(g.again, 0) AS again
        FROM units u LEFT JOIN closings c USING (unit_no) LEFT JOIN timed t USING (unit_no)
        LEFT JOIN signals g USING (unit_no)
    )
    SELECT f.opd, f.unit, hub.shown(f.closed, a.health), hub.shown(f.bulk, a.health), hub.share(f.bulk, f.closed, a.health),
           hub.shown(f.timed, a.health), hub.shown(f.zero, a.health), hub.share(f.zero, f.timed, a.health),
           hub.shown(f.returned, a.health), hub.shown(f.late, a.health), hub.share(f.late, f.returned, a.health),
           hub.shown(f.restarts, a.health), hub.shown(f.again, a.health)
    FROM found f CROSS JOIN a
    WHERE f.closed + f.timed + f.returned + f.restarts + f.again > 0
    ORDER BY 1, 2
$$;
DROP FUNCTION hub.parts(text, text, text[], timestamptz, timestamptz, text[], text[], text[], text[]);

-- Grafana's $__timeGroup asks for time_bucket by this name. Bound to the extension's own when it is made: the reader has
-- no use of schema public.
CREATE FUNCTION wall.time_bucket(width interval, at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN public.time_bucket(width, at);
ALTER ROLE grafana_reader SET search_path = wall;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA hub, wall FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wall TO grafana_reader;
