-- More of the wall: net durations, figures by place and over time, overdue cases, signs of figures made to look good, and
-- the hub's own state. What shows counts of a health kind hides small cells (hub.shown) and sees whole hours only.

CREATE FUNCTION hub.cut_from(at timestamptz, kind text) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN CASE WHEN hub.is_health(kind) THEN date_trunc('hour', hub.clamp(at), 'UTC') ELSE date_trunc('minute', hub.clamp(at)) END;
CREATE FUNCTION hub.cut_to(at timestamptz, kind text) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN CASE WHEN hub.is_health(kind) THEN hub.ceil_hour(hub.clamp(at)) ELSE date_trunc('minute', hub.clamp(at)) END;
-- The moment of a level: of health kinds the end of its hour.
CREATE FUNCTION hub.cut_at(at timestamptz, kind text) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN CASE WHEN hub.is_health(kind) THEN hub.ceil_hour(hub.clamp(at)) - interval '1 microsecond' ELSE hub.clamp(at) END;
-- The role of a duration's measure by its clock.
CREATE FUNCTION hub.role_of(kind text, name text, clock text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    wanted text := CASE clock WHEN 'gross' THEN 'duration' WHEN 'net' THEN 'net' END;
BEGIN
    IF NOT EXISTS (SELECT FROM hub.measure m WHERE (m.kind, m.role, m.name) = ($1, wanted, $2)) THEN
        RAISE EXCEPTION '% has no duration % by the clock %; known: %', kind, name, clock, (
            SELECT string_agg(m.name || CASE m.role WHEN 'net' THEN ' (net)' ELSE ' (gross)' END, ', ' ORDER BY m.name, m.role)
            FROM hub.measure m WHERE m.kind = $1 AND m.role IN ('duration', 'net')
        ) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN wanted;
END $$;

-- What stands in the sums and edges of a window, row by row.
CREATE FUNCTION hub.readings(
    kind text, role text, names text[], from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (measure_id smallint, series_id integer, bin smallint, n bigint, total bigint)
LANGUAGE sql STABLE AS $$
    WITH chosen AS MATERIALIZED (
        SELECT m.measure_id FROM hub.measure m WHERE m.kind = $1 AND m.role = $2 AND ($3 IS NULL OR m.name = ANY ($3))
    ), series AS MATERIALIZED (
        SELECT series_id FROM hub.series_of($1, $6, $7, $8, $9) AS series_id
    ), piece AS MATERIALIZED (
        SELECT * FROM hub.window_pieces(hub.cut_from($4, $1), hub.cut_to($5, $1))
    ), part AS (
        -- One look into the index for each piece and measure: OFFSET 0 keeps the planner from reading whole tables.
        SELECT c.measure_id, r.series_id, r.bin, r.n, r.total
        FROM piece p CROSS JOIN chosen c CROSS JOIN LATERAL (
            SELECT d.series_id, d.bin, d.n, d.total FROM hub.rollup_day d
            WHERE d.measure_id = c.measure_id AND d.day >= p.first_day AND d.day < p.end_day OFFSET 0) r
        WHERE p.grain = 'day'
        UNION ALL
        SELECT c.measure_id, r.series_id, r.bin, r.n, r.total
        FROM piece p CROSS JOIN chosen c CROSS JOIN LATERAL (
            SELECT h.series_id, h.bin, h.n, h.total FROM hub.rollup_hour h
            WHERE h.measure_id = c.measure_id AND h.hour >= p.starts AND h.hour < p.ends OFFSET 0) r
        WHERE p.grain = 'hour'
        UNION ALL
        SELECT x.measure_id, x.series_id, hub.bin_of(x.value), p.sign, p.sign * x.value
        FROM piece p CROSS JOIN LATERAL (
            SELECT c.measure_id, c.series_id, c.value FROM hub.contribution c
            WHERE c.at >= p.starts AND c.at < p.ends OFFSET 0) x
        WHERE p.grain = 'edge' AND x.measure_id IN (SELECT h.measure_id FROM chosen h)
    )
    SELECT part.measure_id, part.series_id, part.bin, part.n, part.total
    FROM part
    WHERE ($6 IS NULL AND $7 IS NULL AND $8 IS NULL AND $9 IS NULL) OR part.series_id IN (SELECT s.series_id FROM series s)
$$;
-- n and total per measure, series and bin over a window.
CREATE FUNCTION hub.parts(
    kind text, role text, names text[], from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (measure_id smallint, series_id integer, bin smallint, n bigint, total bigint)
LANGUAGE sql STABLE AS $$
    SELECT r.measure_id, r.series_id, r.bin, sum(r.n)::bigint, sum(r.total)::bigint
    FROM hub.readings($1, $2, $3, $4, $5, $6, $7, $8, $9) r GROUP BY 1, 2, 3 HAVING sum(r.n) <> 0
$$;
CREATE OR REPLACE FUNCTION hub.sums(
    kind text, role text, names text[], from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (measure_id smallint, bin smallint, n bigint, total bigint)
LANGUAGE sql STABLE AS $$
    SELECT r.measure_id, r.bin, sum(r.n)::bigint, sum(r.total)::bigint
    FROM hub.readings($1, $2, $3, $4, $5, $6, $7, $8, $9) r GROUP BY 1, 2 HAVING sum(r.n) <> 0
$$;

-- Durations at or below a limit per series, exactly: a limit of the catalogue from its own sums, any other from
-- contributions. Of health kinds any other is not told: it would tell the times of single people.
DROP FUNCTION hub.within(text, text, bigint, timestamptz, timestamptz, text[], text[], text[], text[]);
CREATE FUNCTION hub.within(
    kind text, role text, name text, limit_us bigint, from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (series_id integer, n bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    wanted smallint := (SELECT m.measure_id FROM hub.measure m WHERE (m.kind, m.role, m.name) = ($1, $2, $3));
    a timestamptz := hub.cut_from($5, $1);
    b timestamptz := hub.cut_to($6, $1);
BEGIN
    IF EXISTS (SELECT FROM hub.duration_limit d WHERE d.measure_id = wanted AND d.limit_us = $4) THEN
        RETURN QUERY SELECT part.series_id, sum(part.n)::bigint FROM (
            SELECT w.series_id, w.n
            FROM hub.window_pieces(a, b) p CROSS JOIN LATERAL (
                SELECT d.series_id, d.n FROM hub.within_day d
                WHERE d.measure_id = wanted AND d.limit_us = $4 AND d.day >= p.first_day AND d.day < p.end_day OFFSET 0) w
            WHERE p.grain = 'day'
            UNION ALL
            SELECT w.series_id, w.n
            FROM hub.window_pieces(a, b) p CROSS JOIN LATERAL (
                SELECT h.series_id, h.n FROM hub.within_hour h
                WHERE h.measure_id = wanted AND h.limit_us = $4 AND h.hour >= p.starts AND h.hour < p.ends OFFSET 0) w
            WHERE p.grain = 'hour'
            UNION ALL
            SELECT c.series_id, p.sign
            FROM hub.window_pieces(a, b) p CROSS JOIN LATERAL (
                SELECT x.series_id, x.measure_id, x.value FROM hub.contribution x
                WHERE x.at >= p.starts AND x.at < p.ends OFFSET 0) c
            WHERE p.grain = 'edge' AND c.measure_id = wanted AND c.value <= $4
        ) part WHERE part.series_id IN (SELECT hub.series_of($1, $7, $8, $9, $10))
        GROUP BY 1;
    ELSIF NOT hub.is_health($1) THEN
        RETURN QUERY SELECT c.series_id, count(*) FROM hub.contribution c
        WHERE c.measure_id = wanted AND c.value <= $4 AND c.at >= a AND c.at < b
          AND c.series_id IN (SELECT hub.series_of($1, $7, $8, $9, $10))
        GROUP BY 1;
    END IF;
END $$;

-- Whether how many lay within a limit may be told.
CREATE FUNCTION hub.may_tell(kind text, role text, name text, within_limit interval) RETURNS boolean
LANGUAGE sql STABLE
RETURN within_limit IS NOT NULL AND (NOT hub.is_health(kind) OR EXISTS (
    SELECT FROM hub.duration_limit d JOIN hub.measure m USING (measure_id)
    WHERE (m.kind, m.role, m.name) = (may_tell.kind, may_tell.role, may_tell.name)
      AND d.limit_us = hub.micros(may_tell.within_limit)));

CREATE OR REPLACE FUNCTION wall.states(
    kind text, from_at timestamptz, to_at timestamptz,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (state text, events bigint, cases bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.name, hub.shown(sum(s.n)::bigint, hub.is_health($1)), hub.shown(sum(s.total)::bigint, hub.is_health($1))
    FROM hub.sums($1, 'state', NULL, $2, $3, $4, $5, $6, $7) s JOIN hub.measure m USING (measure_id)
    GROUP BY m.name
$$;

CREATE OR REPLACE FUNCTION wall.channel_share(
    kind text, state text, channel text, from_at timestamptz, to_at timestamptz,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL
)
RETURNS TABLE (n bigint, of_n bigint, share double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT hub.shown(c.n, c.health), hub.shown(c.of_n, c.health), hub.share(c.n, c.of_n, c.health)
    FROM (SELECT coalesce(sum(p.total) FILTER (WHERE s.channel = $3), 0)::bigint AS n,
                 coalesce(sum(p.total), 0)::bigint AS of_n, hub.is_health($1) AS health
          FROM hub.parts($1, 'state', ARRAY[$2], $4, $5, $6, $7, $8, NULL) p JOIN hub.series s USING (series_id)) c
$$;

-- A duration over a window: how many ended in it, how many had their end before their start (counted apart), mean,
-- nearest-rank median and p90 in seconds; with a limit, how many lay at or below it. No case: n = 0, the rest NULL.
-- clock net: in the working time of the unit, without the pauses of the case, where the kind measures that.
DROP FUNCTION wall.duration(text, text, timestamptz, timestamptz, interval, text[], text[], text[], text[]);
CREATE FUNCTION wall.duration(
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
    ), binned AS MATERIALIZED (
        SELECT s.bin, s.n, s.total FROM asked a CROSS JOIN LATERAL hub.sums($1, a.role, ARRAY[$2], $3, $4, $6, $7, $8, $9) s
    ), ranked AS (
        SELECT bin, n, total, (sum(n) OVER ())::bigint AS whole, sum(n) OVER (ORDER BY bin) AS up_to FROM binned
    ), told AS (
        SELECT coalesce(sum(n), 0)::bigint AS n, sum(total) AS total,
               max(total / n::numeric) FILTER (WHERE up_to >= hub.rank_of('median', whole)
                                                 AND up_to - n < hub.rank_of('median', whole)) AS median,
               max(bin) FILTER (WHERE up_to >= hub.rank_of('median', whole)
                                  AND up_to - n < hub.rank_of('median', whole)) AS median_bin,
               max(total / n::numeric) FILTER (WHERE up_to >= hub.rank_of('p90', whole)
                                                 AND up_to - n < hub.rank_of('p90', whole)) AS p90,
               max(bin) FILTER (WHERE up_to >= hub.rank_of('p90', whole)
                                  AND up_to - n < hub.rank_of('p90', whole)) AS p90_bin
        FROM ranked
    ), inside AS (
        SELECT CASE WHEN hub.may_tell($1, a.role, $2, $5) THEN (
            SELECT coalesce(sum(w.n), 0)::bigint
            FROM hub.within($1, a.role, $2, hub.micros($5), $3, $4, $6, $7, $8, $9) w) END AS n
        FROM asked a
    )
    SELECT mean.n,
           (SELECT hub.shown(coalesce(sum(s.n), 0)::bigint, a.health)
            FROM hub.sums($1, 'negative', ARRAY[$2], $3, $4, $6, $7, $8, $9) s),
           mean.value, median.value, p90.value,
           CASE WHEN hub.shown(t.n - i.n, a.health) IS NOT NULL THEN hub.shown(i.n, a.health) END,
           hub.share(i.n, t.n, a.health)
    FROM told t CROSS JOIN inside i CROSS JOIN asked a
    CROSS JOIN LATERAL hub.value_of('mean', 1000000, NULL, a.health, t.n, 0, t.total, NULL, NULL) mean
    CROSS JOIN LATERAL hub.value_of('median', 1000000, NULL, a.health, t.n, 0, NULL, t.median, t.median_bin) median
    CROSS JOIN LATERAL hub.value_of('p90', 1000000, NULL, a.health, t.n, 0, NULL, t.p90, t.p90_bin) p90
$$;

-- The place that a series stands for: by opd, unit, service or channel. A unit or service is known within its OPD.
CREATE FUNCTION hub.place(s hub.series, by text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE by
        WHEN 'opd' THEN RETURN s.opd;
        WHEN 'unit' THEN RETURN s.unit;
        WHEN 'service' THEN RETURN s.service;
        WHEN 'channel' THEN RETURN s.channel;
        ELSE RAISE EXCEPTION '% is no place; write opd, unit, service or channel', coalesce(by, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END CASE;
END $$;

CREATE FUNCTION wall.states_by(
    kind text, from_at timestamptz, to_at timestamptz, by text,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (key text, opd text, state text, events bigint, cases bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT g.key, g.opd, m.name, hub.shown(g.events, hub.is_health($1)), hub.shown(g.cases, hub.is_health($1))
    FROM (
        SELECT hub.place(s, $4) AS key, CASE WHEN $4 <> 'channel' THEN s.opd END AS opd, p.measure_id,
               sum(p.n)::bigint AS events, sum(p.total)::bigint AS cases
        FROM hub.parts($1, 'state', NULL, $2, $3, $5, $6, $7, $8) p JOIN hub.series s USING (series_id)
        GROUP BY 1, 2, 3
    ) g JOIN hub.measure m USING (measure_id)
$$;

CREATE FUNCTION wall.duration_by(
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
    ), binned AS MATERIALIZED (
        SELECT hub.place(s, $5) AS key, CASE WHEN $5 <> 'channel' THEN s.opd END AS opd, p.bin, sum(p.n)::bigint AS n,
               sum(p.total)::bigint AS total
        FROM asked a CROSS JOIN LATERAL hub.parts($1, a.role, ARRAY[$2], $3, $4, $7, $8, $9, $10) p
        JOIN hub.series s USING (series_id) GROUP BY 1, 2, 3
    ), ranked AS (
        SELECT key, opd, bin, n, total, (sum(n) OVER (PARTITION BY key, opd))::bigint AS whole, sum(n) OVER (PARTITION BY key, opd ORDER BY bin) AS up_to FROM binned
    ), told AS (
        SELECT key, opd, coalesce(sum(n), 0)::bigint AS n, sum(total) AS total,
               max(total / n::numeric) FILTER (WHERE up_to >= hub.rank_of('median', whole)
                                                 AND up_to - n < hub.rank_of('median', whole)) AS median,
               max(bin) FILTER (WHERE up_to >= hub.rank_of('median', whole)
                                  AND up_to - n < hub.rank_of('median', whole)) AS median_bin,
               max(total / n::numeric) FILTER (WHERE up_to >= hub.rank_of('p90', whole)
                                                 AND up_to - n < hub.rank_of('p90', whole)) AS p90,
               max(bin) FILTER (WHERE up_to >= hub.rank_of('p90', whole)
                                  AND up_to - n < hub.rank_of('p90', whole)) AS p90_bin
        FROM ranked GROUP BY key, opd
    ), inside AS MATERIALIZED (
        SELECT hub.place(s, $5) AS key, CASE WHEN $5 <> 'channel' THEN s.opd END AS opd, sum(w.n)::bigint AS n
        FROM asked a CROSS JOIN LATERAL hub.within($1, a.role, $2, hub.micros($6), $3, $4, $7, $8, $9, $10) w
        JOIN hub.series s USING (series_id) WHERE $6 IS NOT NULL GROUP BY 1, 2
    )
    SELECT t.key, t.opd, mean.n, mean.value, median.value, p90.value,
           CASE WHEN hub.shown(t.n - i.n, a.health) IS NOT NULL THEN hub.shown(i.n, a.health) END,
           hub.share(i.n, t.n, a.health)
    FROM told t CROSS JOIN asked a
    LEFT JOIN LATERAL (
        SELECT CASE WHEN hub.may_tell($1, a.role, $2, $6) THEN coalesce((
            SELECT x.n FROM inside x WHERE x.key = t.key AND x.opd IS NOT DISTINCT FROM t.opd), 0) END AS n) i ON true
    CROSS JOIN LATERAL hub.value_of('mean', 1000000, NULL, a.health, t.n, 0, t.total, NULL, NULL) mean
    CROSS JOIN LATERAL hub.value_of('median', 1000000, NULL, a.health, t.n, 0, NULL, t.median, t.median_bin) median
    CROSS JOIN LATERAL hub.value_of('p90', 1000000, NULL, a.health, t.n, 0, NULL, t.p90, t.p90_bin) p90
$$;

-- The same step by step: whole hours, or whole local days, weeks or months.
CREATE FUNCTION hub.parts_over(
    kind text, role text, names text[], from_at timestamptz, to_at timestamptz, step interval,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (at timestamptz, measure_id smallint, bin smallint, n bigint, total bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    zone text := hub.timezone();
    days boolean := step = date_trunc('day', step) AND step >= interval '1 day';
    chosen smallint[] := ARRAY(SELECT m.measure_id FROM hub.measure m WHERE m.kind = $1 AND m.role = $2
                                 AND ($3 IS NULL OR m.name = ANY ($3)));
    every boolean := $7 IS NULL AND $8 IS NULL AND $9 IS NULL AND $10 IS NULL;
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
        CROSS JOIN unnest(chosen) m(m)
        CROSS JOIN LATERAL (
            SELECT d.series_id, d.bin, d.n, d.total FROM hub.rollup_day d
            WHERE d.measure_id = m.m AND d.day >= s.d0 AND d.day < s.d1 OFFSET 0) r
        WHERE s.starts < last AND (every OR r.series_id IN (SELECT hub.series_of($1, $7, $8, $9, $10)))
        GROUP BY 1, 2, 3;
    ELSIF step >= interval '1 hour' AND step = date_trunc('hour', step) THEN
        RETURN QUERY
        SELECT s.starts, m.m, r.bin, sum(r.n)::bigint, sum(r.total)::bigint
        FROM (SELECT x AS starts, x + step AS ends
              FROM generate_series(date_trunc('hour', first, 'UTC'), last, step) x WHERE x < last) s
        CROSS JOIN unnest(chosen) m(m)
        CROSS JOIN LATERAL (
            SELECT h.series_id, h.bin, h.n, h.total FROM hub.rollup_hour h
            WHERE h.measure_id = m.m AND h.hour >= s.starts AND h.hour < s.ends OFFSET 0) r
        WHERE every OR r.series_id IN (SELECT hub.series_of($1, $7, $8, $9, $10))
        GROUP BY 1, 2, 3;
    ELSE
        RAISE EXCEPTION 'a step is whole hours, or whole days, weeks or months; write such as 1 hour'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;

CREATE FUNCTION wall.states_over(
    kind text, from_at timestamptz, to_at timestamptz, step interval,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (at timestamptz, state text, events bigint, cases bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.at, m.name, hub.shown(sum(p.n)::bigint, hub.is_health($1)), hub.shown(sum(p.total)::bigint, hub.is_health($1))
    FROM hub.parts_over($1, 'state', NULL, $2, $3, $4, $5, $6, $7, $8) p JOIN hub.measure m USING (measure_id)
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
CREATE FUNCTION wall.duration_over(
    kind text, name text, from_at timestamptz, to_at timestamptz, step interval,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL,
    clock text DEFAULT 'gross'
)
RETURNS TABLE (at timestamptz, n bigint, mean_s double precision, median_s double precision, p90_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH asked AS (
        SELECT hub.role_of($1, $2, $10) AS role, hub.is_health($1) AS health
    ), binned AS MATERIALIZED (
        SELECT p.at, p.bin, p.n, p.total
        FROM asked a CROSS JOIN LATERAL hub.parts_over($1, a.role, ARRAY[$2], $3, $4, $5, $6, $7, $8, $9) p
    ), ranked AS (
        SELECT at, bin, n, total, (sum(n) OVER (PARTITION BY at))::bigint AS whole, sum(n) OVER (PARTITION BY at ORDER BY bin) AS up_to FROM binned
    ), told AS (
        SELECT at, coalesce(sum(n), 0)::bigint AS n, sum(total) AS total,
               max(total / n::numeric) FILTER (WHERE up_to >= hub.rank_of('median', whole)
                                                 AND up_to - n < hub.rank_of('median', whole)) AS median,
               max(bin) FILTER (WHERE up_to >= hub.rank_of('median', whole)
                                  AND up_to - n < hub.rank_of('median', whole)) AS median_bin,
               max(total / n::numeric) FILTER (WHERE up_to >= hub.rank_of('p90', whole)
                                                 AND up_to - n < hub.rank_of('p90', whole)) AS p90,
               max(bin) FILTER (WHERE up_to >= hub.rank_of('p90', whole)
                                  AND up_to - n < hub.rank_of('p90', whole)) AS p90_bin
        FROM ranked GROUP BY at
    )
    SELECT t.at, mean.n, mean.value, median.value, p90.value
    FROM told t CROSS JOIN asked a
    CROSS JOIN LATERAL hub.value_of('mean', 1000000, NULL, a.health, t.n, 0, t.total, NULL, NULL) mean
    CROSS JOIN LATERAL hub.value_of('median', 1000000, NULL, a.health, t.n, 0, NULL, t.median, t.median_bin) median
    CROSS JOIN LATERAL hub.value_of('p90', 1000000, NULL, a.health, t.n, 0, NULL, t.p90, t.p90_bin) p90
    ORDER BY 1
$$;

-- Open cases by place, channel and state. Of a health kind groups of fewer than five are left out, and the oldest is
-- told to the hour.
CREATE FUNCTION hub.open_by_state(kind text, at timestamptz, opd text[], unit text[], service text[], channel text[])
RETURNS TABLE (opd text, unit text, service text, channel text, state text, waiting boolean, open bigint,
               oldest timestamptz)
LANGUAGE sql STABLE AS $$
    WITH counted AS MATERIALIZED (
        SELECT o.series_id, o.channel, o.state, count(*) AS n, min(o.opened_at) AS oldest
        -- OFFSET 0: the moment is worked out once, not for each case.
        FROM (SELECT hub.cut_at($2, $1) AS at OFFSET 0) a CROSS JOIN LATERAL hub.open_cases($1, a.at) o
        WHERE $6 IS NULL OR o.channel = ANY ($6) GROUP BY 1, 2, 3
    ), waits AS MATERIALIZED (
        SELECT hub.waiting_states($1) AS states
    )
    SELECT s.opd, s.unit, s.service, c.channel, c.state, c.state = ANY (w.states), sum(c.n)::bigint, min(c.oldest)
    FROM counted c JOIN hub.series s USING (series_id) CROSS JOIN waits w
    WHERE ($3 IS NULL OR s.opd = ANY ($3)) AND ($4 IS NULL OR s.unit = ANY ($4))
      AND ($5 IS NULL OR s.service = ANY ($5))
    GROUP BY 1, 2, 3, 4, 5, 6
$$;
CREATE FUNCTION hub.shown_time(at timestamptz, n bigint, health boolean) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN NOT health THEN at WHEN hub.shown(n, health) > 0 THEN date_trunc('hour', at, 'UTC') END;
CREATE OR REPLACE FUNCTION wall.open_by_state(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (opd text, unit text, service text, channel text, state text, waiting boolean, open bigint,
               oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.opd, o.unit, o.service, o.channel, o.state, o.waiting, hub.shown(o.open, hub.is_health($1)),
           hub.shown_time(o.oldest, o.open, hub.is_health($1))
    FROM hub.open_by_state($1, $2, $3, $4, $5, $6) o
    WHERE hub.shown(o.open, hub.is_health($1)) IS NOT NULL
$$;
CREATE OR REPLACE FUNCTION wall.open(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (open bigint, waiting bigint, oldest_open timestamptz, oldest_waiting timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT hub.shown(t.open, t.health), hub.shown(t.waiting, t.health), hub.shown_time(t.oldest_open, t.open, t.health),
           hub.shown_time(t.oldest_waiting, t.waiting, t.health)
    FROM (SELECT coalesce(sum(o.open), 0)::bigint AS open, coalesce(sum(o.open) FILTER (WHERE o.waiting), 0)::bigint AS waiting,
                 min(o.oldest) AS oldest_open, min(o.oldest) FILTER (WHERE o.waiting) AS oldest_waiting,
                 hub.is_health($1) AS health
          FROM hub.open_by_state($1, $2, $3, $4, $5, $6) o) t
$$;

-- Cases overdue at a moment: due at or before it, what the limit is of not ended, still open.
CREATE FUNCTION wall.overdue(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (opd text, unit text, service text, overdue bigint, oldest_due timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.opd, o.unit, o.service, hub.shown(o.n, hub.is_health($1)), hub.shown_time(o.due, o.n, hub.is_health($1))
    FROM (
        SELECT s.opd, s.unit, s.service, count(*) AS n, min(c.due_at) AS due
        FROM (SELECT hub.cut_at($2, $1) AS at OFFSET 0) a
        CROSS JOIN LATERAL hub.open_cases($1, a.at) c JOIN hub.series s USING (series_id)
        WHERE c.due_at <= a.at AND coalesce(c.due_done_at > a.at, true)
          AND ($3 IS NULL OR s.opd = ANY ($3)) AND ($4 IS NULL OR s.unit = ANY ($4))
          AND ($5 IS NULL OR s.service = ANY ($5)) AND ($6 IS NULL OR c.channel = ANY ($6))
        GROUP BY 1, 2, 3
    ) o
    WHERE hub.shown(o.n, hub.is_health($1)) IS NOT NULL
$$;

-- Signs that a figure is made to look good, by unit: cases closed in bulk (as many in one minute as the catalogue's
-- bulk_closing says), services rendered in no time (under a second), cases returned to the applicant within the last working day
-- before their limit, cases begun anew, cases returned more than once. They are a reason to ask, not a proof.
CREATE FUNCTION wall.integrity(
    kind text, from_at timestamptz, to_at timestamptz, opd text[] DEFAULT NULL, unit text[] DEFAULT NULL
)
RETURNS TABLE (
    opd text, unit text, closed bigint, bulk bigint, bulk_share double precision, timed bigint, zero bigint,
    zero_share double precision, returned bigint, late_returns bigint, late_return_share double precision,
    restarts bigint, returned_again bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH a AS (
        SELECT hub.cut_from($2, $1) AS from_at, hub.cut_to($3, $1) AS to_at, hub.is_health($1) AS health,
               coalesce((SELECT (document #>> '{city,bulk_closing}')::integer FROM hub.register), 5) AS bulk_closing
    ), series AS MATERIALIZED (
        SELECT s.* FROM hub.series_of($1, $4, $5, NULL, NULL) i JOIN hub.series s ON s.series_id = i
    ), minutes AS (
        SELECT s.opd, s.unit, date_trunc('minute', c.at) AS minute, count(*) AS n
        FROM a JOIN hub.contribution c ON c.at >= a.from_at AND c.at < a.to_at AND c.value = 1
        JOIN hub.measure m ON m.measure_id = c.measure_id AND m.kind = $1 AND m.role = 'state' AND m.terminal
        JOIN series s USING (series_id) GROUP BY 1, 2, 3
    ), closings AS (
        SELECT m.opd, m.unit, sum(m.n) AS closed, coalesce(sum(m.n) FILTER (WHERE m.n >= a.bulk_closing), 0) AS bulk
        FROM minutes m CROSS JOIN a GROUP BY 1, 2
    ), timed AS (
        SELECT s.opd, s.unit, sum(p.n) AS timed, coalesce(sum(p.n) FILTER (WHERE p.bin = 0), 0) AS zero
        FROM hub.parts($1, 'duration', NULL, $2, $3, $4, $5, NULL, NULL) p
        JOIN hub.measure m ON m.measure_id = p.measure_id AND m.serves JOIN series s USING (series_id) GROUP BY 1, 2
    ), signals AS (
        SELECT s.opd, s.unit, sum(p.n) FILTER (WHERE m.name = 'late_return') AS returned,
               sum(p.total) FILTER (WHERE m.name = 'late_return') AS late,
               sum(p.n) FILTER (WHERE m.name = 'restart') AS restarts,
               sum(p.n) FILTER (WHERE m.name = 'return_again') AS again
        FROM hub.parts($1, 'signal', NULL, $2, $3, $4, $5, NULL, NULL) p
        JOIN hub.measure m USING (measure_id) JOIN series s USING (series_id) GROUP BY 1, 2
    ), found AS (
        SELECT p.opd, p.unit, coalesce(c.closed, 0)::bigint AS closed, coalesce(c.bulk, 0)::bigint AS bulk,
               coalesce(t.timed, 0)::bigint AS timed, coalesce(t.zero, 0)::bigint AS zero,
               coalesce(g.returned, 0)::bigint AS returned, coalesce(g.late, 0)::bigint AS late,
               coalesce(g.restarts, 0)::bigint AS restarts, coalesce(g.again, 0)::bigint AS again
        FROM (SELECT DISTINCT s.opd, s.unit FROM series s) p
        LEFT JOIN closings c USING (opd, unit) LEFT JOIN timed t USING (opd, unit) LEFT JOIN signals g USING (opd, unit)
    )
    SELECT f.opd, f.unit, hub.shown(f.closed, a.health), hub.shown(f.bulk, a.health), hub.share(f.bulk, f.closed, a.health),
           hub.shown(f.timed, a.health), hub.shown(f.zero, a.health), hub.share(f.zero, f.timed, a.health),
           hub.shown(f.returned, a.health), hub.shown(f.late, a.health), hub.share(f.late, f.returned, a.health),
           hub.shown(f.restarts, a.health), hub.shown(f.again, a.health)
    FROM found f CROSS JOIN a
    WHERE f.closed + f.timed + f.returned + f.restarts + f.again > 0
    ORDER BY 1, 2
$$;

-- The hub itself: how far behind it is, and how much it does.
CREATE VIEW wall.hub AS
    SELECT n.commit_no, n.committed_at, p.at AS pulse_at, p.waiting_since,
           extract(epoch FROM now() - p.waiting_since)::double precision AS lag_s,
           (SELECT coalesce(sum(c.counted), 0)::bigint FROM hub.commit_log c
            WHERE c.committed_at > now() - interval '1 minute') AS events_last_minute,
           (SELECT sum(a.late)::double precision / nullif(sum(a.events), 0) FROM hub.arrival_day a
            WHERE a.day = (now() AT TIME ZONE y.timezone)::date) AS late_today_share
    FROM hub.city y
    LEFT JOIN (SELECT commit_no, committed_at FROM hub.commit_log ORDER BY commit_no DESC LIMIT 1) n ON true
    LEFT JOIN hub.pulse p ON true;
-- A step of whole minutes: less would tell single events apart.
CREATE FUNCTION hub.minutes_of(step interval) RETURNS interval
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF step IS NULL OR step < interval '1 minute' OR step <> date_trunc('minute', step) OR extract(month FROM step) > 0
       OR extract(year FROM step) > 0 THEN
        RAISE EXCEPTION 'a step is whole minutes, hours or days; write such as 1 minute'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN step;
END $$;
-- Commits step by step. Seconds are from the receipt of the oldest message of a commit until it was committed.
CREATE FUNCTION wall.throughput(from_at timestamptz, to_at timestamptz, step interval)
RETURNS TABLE (at timestamptz, counted bigint, duplicates bigint, rejected bigint, p50_s double precision,
               p99_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT date_bin(hub.minutes_of($3), c.committed_at, 'epoch'), sum(c.counted), sum(c.duplicates), sum(c.rejected),
           percentile_disc(0.5) WITHIN GROUP (ORDER BY s.s), percentile_disc(0.99) WITHIN GROUP (ORDER BY s.s)
    FROM hub.commit_log c
    CROSS JOIN LATERAL (SELECT extract(epoch FROM c.committed_at - c.received_at)::double precision AS s) s
    WHERE c.committed_at >= $1 AND c.committed_at < $2 GROUP BY 1 ORDER BY 1
$$;

DROP VIEW wall.unit;
CREATE VIEW wall.unit AS
    SELECT a ->> 'opd' AS opd, u ->> 'unit' AS unit, u -> 'name' ->> 'id' AS name_id, u -> 'name' ->> 'en' AS name_en,
           ARRAY(SELECT jsonb_array_elements_text(u -> 'kinds')) AS kinds,
           (u ->> 'latitude')::double precision AS latitude, (u ->> 'longitude')::double precision AS longitude
    FROM hub.register, jsonb_array_elements(document -> 'agencies') a, jsonb_array_elements(a -> 'units') u;
CREATE VIEW wall.app AS
    SELECT a ->> 'opd' AS opd, p ->> 'app' AS app, p -> 'name' ->> 'id' AS name_id, p -> 'name' ->> 'en' AS name_en,
           (p ->> 'expected_every')::interval AS expected_every, h.heard_at,
           coalesce(h.heard_at < now() - (p ->> 'expected_every')::interval, true) AS silent
    FROM hub.register
    CROSS JOIN jsonb_array_elements(document -> 'agencies') a
    CROSS JOIN jsonb_array_elements(a -> 'apps') p
    LEFT JOIN hub.source s ON s.opd = a ->> 'opd' AND s.app = p ->> 'app'
    LEFT JOIN hub.last_heard h USING (source_id);

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA hub, wall FROM PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA wall TO grafana_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wall TO grafana_reader;
ALTER ROLE grafana_reader CONNECTION LIMIT 20;

-- Whoever may read may ask for what takes hours; the aggregator ends it.
GRANT grafana_reader TO CURRENT_USER WITH INHERIT TRUE;
CREATE FUNCTION hub.end_long_reads(longest interval) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT (count(*) FILTER (WHERE pg_terminate_backend(a.pid)))::integer FROM pg_stat_activity a
    WHERE a.usename = 'grafana_reader' AND a.datname = current_database() AND now() - a.xact_start > longest
$$;
REVOKE EXECUTE ON FUNCTION hub.end_long_reads(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.end_long_reads(interval) TO hub_aggregator;
