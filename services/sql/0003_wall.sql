-- The truth in SQL: the only place where figures are computed. Everything that shows a figure reads schema `wall`.
-- A window is [from, to), cut to whole minutes: whole local days and whole hours come from rollups, the edges from
-- contributions. A filter that is NULL takes everything.

CREATE SCHEMA wall;

CREATE FUNCTION hub.timezone() RETURNS text
LANGUAGE sql STABLE
RETURN (SELECT timezone FROM hub.city);

CREATE FUNCTION hub.micros(span interval) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (extract(epoch FROM span) * 1000000)::bigint;

CREATE FUNCTION hub.ceil_hour(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN date_trunc('hour', at + interval '1 hour' - interval '1 microsecond', 'UTC');

-- When a local day begins. Where clocks are put back over midnight, midnight comes twice and the day begins with the
-- first, read by the clock of the day before; PostgreSQL alone would take the second.
CREATE FUNCTION hub.day_start(day date, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT CASE WHEN (earlier AT TIME ZONE zone)::date = day THEN least(earlier, midnight) ELSE midnight END
    FROM (SELECT day::timestamp AT TIME ZONE zone AS midnight) m
    CROSS JOIN LATERAL (SELECT midnight - interval '12 hours' AS noon) n
    CROSS JOIN LATERAL (SELECT (day::timestamp - ((noon AT TIME ZONE zone) - (noon AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC'
                               AS earlier) e
);

-- The pieces of a window: whole local days, whole hours, and edges; all half-open, in ascending order, without overlap.
CREATE FUNCTION hub.window_pieces(from_at timestamptz, to_at timestamptz)
RETURNS TABLE (grain text, starts timestamptz, ends timestamptz, first_day date, end_day date)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := hub.timezone();
    a timestamptz := date_trunc('minute', from_at);
    b timestamptz := date_trunc('minute', to_at);
    d0 date := (a AT TIME ZONE zone)::date;
    d1 date := (b AT TIME ZONE zone)::date;
    head_end timestamptz;
    tail_start timestamptz;
    h0 timestamptz;
    h1 timestamptz;
    piece record;
BEGIN
    IF a >= b THEN
        RETURN;
    END IF;
    IF hub.day_start(d0, zone) < a THEN
        d0 := d0 + 1;
    END IF;
    IF d0 < d1 THEN
        RETURN QUERY SELECT 'day', NULL::timestamptz, NULL::timestamptz, d0, d1;
        head_end := hub.day_start(d0, zone);
        tail_start := hub.day_start(d1, zone);
    ELSE
        head_end := b;
        tail_start := b;
    END IF;
    FOR piece IN SELECT * FROM (VALUES (a, head_end), (tail_start, b)) p(lo, hi) WHERE lo < hi LOOP
        h0 := hub.ceil_hour(piece.lo);
        h1 := date_trunc('hour', piece.hi, 'UTC');
        IF h0 < h1 THEN
            RETURN QUERY SELECT 'hour', h0, h1, NULL::date, NULL::date;
            IF piece.lo < h0 THEN
                RETURN QUERY SELECT 'edge', piece.lo, h0, NULL::date, NULL::date;
            END IF;
            IF h1 < piece.hi THEN
                RETURN QUERY SELECT 'edge', h1, piece.hi, NULL::date, NULL::date;
            END IF;
        ELSE
            RETURN QUERY SELECT 'edge', piece.lo, piece.hi, NULL::date, NULL::date;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION hub.series_of(kind text, opd text[], unit text[], service text[], channel text[])
RETURNS SETOF integer
LANGUAGE sql STABLE AS $$
    SELECT s.series_id FROM hub.series s
    WHERE s.kind = $1
      AND ($2 IS NULL OR s.opd = ANY ($2)) AND ($3 IS NULL OR s.unit = ANY ($3))
      AND ($4 IS NULL OR s.service = ANY ($4)) AND ($5 IS NULL OR s.channel = ANY ($5))
$$;

-- n and total per measure and bin over a window.
CREATE FUNCTION hub.sums(
    kind text, role text, names text[], from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS TABLE (measure_id smallint, bin smallint, n bigint, total bigint)
LANGUAGE sql STABLE AS $$
    WITH chosen AS MATERIALIZED (
        SELECT m.measure_id FROM hub.measure m WHERE m.kind = $1 AND m.role = $2 AND ($3 IS NULL OR m.name = ANY ($3))
    ), series AS MATERIALIZED (
        SELECT series_id FROM hub.series_of($1, $6, $7, $8, $9) AS series_id
    ), piece AS MATERIALIZED (
        SELECT * FROM hub.window_pieces($4, $5)
    ), part AS (
        SELECT r.measure_id, r.series_id, r.bin, r.n, r.total
        FROM piece p JOIN hub.rollup_day r ON p.grain = 'day' AND r.day >= p.first_day AND r.day < p.end_day
        WHERE r.measure_id IN (SELECT c.measure_id FROM chosen c)
        UNION ALL
        SELECT r.measure_id, r.series_id, r.bin, r.n, r.total
        FROM piece p JOIN hub.rollup_hour r ON p.grain = 'hour' AND r.hour >= p.starts AND r.hour < p.ends
        WHERE r.measure_id IN (SELECT c.measure_id FROM chosen c)
        UNION ALL
        SELECT c.measure_id, c.series_id, hub.bin_of(c.value), 1, c.value
        FROM piece p JOIN hub.contribution c ON p.grain = 'edge' AND c.at >= p.starts AND c.at < p.ends
        WHERE c.measure_id IN (SELECT h.measure_id FROM chosen h)
    )
    SELECT part.measure_id, part.bin, sum(part.n)::bigint, sum(part.total)::bigint
    FROM part WHERE part.series_id IN (SELECT s.series_id FROM series s)
    GROUP BY part.measure_id, part.bin
$$;

-- Durations at or below a limit, exactly: a limit of the catalogue from its own sums, any other from contributions.
CREATE FUNCTION hub.within(
    kind text, name text, limit_us bigint, from_at timestamptz, to_at timestamptz,
    opd text[], unit text[], service text[], channel text[]
)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    wanted smallint := (SELECT m.measure_id FROM hub.measure m
                        WHERE m.kind = $1 AND m.role = 'duration' AND m.name = $2);
    counted boolean := EXISTS (SELECT FROM hub.duration_limit d WHERE d.measure_id = wanted AND d.limit_us = $3);
    found bigint;
BEGIN
    IF counted THEN
        SELECT sum(part.n) INTO found FROM (
            SELECT w.series_id, w.n
            FROM hub.window_pieces($4, $5) p JOIN hub.within_day w
              ON p.grain = 'day' AND w.day >= p.first_day AND w.day < p.end_day
            WHERE w.measure_id = wanted AND w.limit_us = $3
            UNION ALL
            SELECT w.series_id, w.n
            FROM hub.window_pieces($4, $5) p JOIN hub.within_hour w
              ON p.grain = 'hour' AND w.hour >= p.starts AND w.hour < p.ends
            WHERE w.measure_id = wanted AND w.limit_us = $3
            UNION ALL
            SELECT c.series_id, 1
            FROM hub.window_pieces($4, $5) p JOIN hub.contribution c
              ON p.grain = 'edge' AND c.at >= p.starts AND c.at < p.ends
            WHERE c.measure_id = wanted AND c.value <= $3
        ) part WHERE part.series_id IN (SELECT hub.series_of($1, $6, $7, $8, $9));
    ELSE
        SELECT count(*) INTO found FROM hub.contribution c
        WHERE c.measure_id = wanted AND c.value <= $3
          AND c.at >= date_trunc('minute', $4) AND c.at < date_trunc('minute', $5)
          AND c.series_id IN (SELECT hub.series_of($1, $6, $7, $8, $9));
    END IF;
    RETURN coalesce(found, 0);
END $$;

-- Events of each state, and cases that entered it for the first time. States without events are absent.
CREATE FUNCTION wall.states(
    kind text, from_at timestamptz, to_at timestamptz,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (state text, events bigint, cases bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.name, sum(s.n)::bigint, sum(s.total)::bigint
    FROM hub.sums($1, 'state', NULL, $2, $3, $4, $5, $6, $7) s JOIN hub.measure m USING (measure_id)
    GROUP BY m.name
$$;

-- Of the cases that entered `state`, how many came through `channel`. The share is NULL where there is no case.
CREATE FUNCTION wall.channel_share(
    kind text, state text, channel text, from_at timestamptz, to_at timestamptz,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL
)
RETURNS TABLE (n bigint, of_n bigint, share double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT part.n, whole.n, part.n::double precision / nullif(whole.n, 0)
    FROM (SELECT coalesce(sum(s.total), 0)::bigint AS n
          FROM hub.sums($1, 'state', ARRAY[$2], $4, $5, $6, $7, $8, ARRAY[$3]) s) part,
         (SELECT coalesce(sum(s.total), 0)::bigint AS n
          FROM hub.sums($1, 'state', ARRAY[$2], $4, $5, $6, $7, $8, NULL) s) whole
$$;

-- A duration over a window: how many ended in it, how many had their end before their start (counted apart), mean,
-- nearest-rank median and p90 in seconds; with a limit, how many lay at or below it. No case: n = 0, the rest NULL.
CREATE FUNCTION wall.duration(
    kind text, name text, from_at timestamptz, to_at timestamptz, within_limit interval DEFAULT NULL,
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (
    n bigint, negative bigint, mean_s double precision, median_s double precision, p90_s double precision,
    within bigint, within_share double precision
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH bins AS MATERIALIZED (
        SELECT s.n, s.total, sum(s.n) OVER (ORDER BY s.bin) AS up_to, sum(s.n) OVER () AS all_n,
               sum(s.total) OVER () AS all_total
        FROM hub.sums($1, 'duration', ARRAY[$2], $3, $4, $6, $7, $8, $9) s
    ), ranked AS (
        SELECT coalesce(max(all_n), 0)::bigint AS n,
               (max(all_total) / max(all_n) / 1e6)::double precision AS mean_s,
               -- Nearest rank: the first bin whose running count reaches ceil(p * n).
               min(total / n::numeric / 1e6) FILTER (WHERE up_to >= ceil(0.5 * all_n)
                                                       AND up_to - n < ceil(0.5 * all_n)) AS median_s,
               min(total / n::numeric / 1e6) FILTER (WHERE up_to >= ceil(0.9 * all_n)
                                                       AND up_to - n < ceil(0.9 * all_n)) AS p90_s
        FROM bins
    ), inside AS (
        SELECT CASE WHEN $5 IS NOT NULL THEN hub.within($1, $2, hub.micros($5), $3, $4, $6, $7, $8, $9) END AS n
    )
    SELECT r.n,
           (SELECT coalesce(sum(s.n), 0)::bigint
            FROM hub.sums($1, 'negative', ARRAY[$2], $3, $4, $6, $7, $8, $9) s),
           r.mean_s, r.median_s::double precision, r.p90_s::double precision,
           i.n, i.n::double precision / nullif(r.n, 0)
    FROM ranked r, inside i
$$;

-- Cases open at a moment, by state and place, as all events up to that moment tell: opened at or before it, not yet
-- closed or expired. Channel is that of the case's first event.
CREATE FUNCTION hub.open_cases(kind text, at timestamptz)
RETURNS TABLE (opened_at timestamptz, state text, series_id integer, channel text)
LANGUAGE sql STABLE AS $$
    SELECT c.opened_at,
           CASE WHEN c.last_at <= $2 THEN c.state ELSE then_.state END,
           CASE WHEN c.last_at <= $2 THEN c.series_id ELSE then_.series_id END,
           c.channel
    FROM hub.cases c
    LEFT JOIN LATERAL (
        SELECT t.value ->> 1 AS state, (t.value ->> 2)::integer AS series_id
        FROM jsonb_array_elements(c.transitions) WITH ORDINALITY t(value, ord)
        WHERE c.last_at > $2
          AND 'epoch'::timestamptz + (t.value ->> 0)::bigint * interval '1 microsecond' <= $2
          AND NOT c.voids @> jsonb_build_array(jsonb_build_array(t.value -> 3, t.value -> 4))
        ORDER BY t.ord DESC LIMIT 1
    ) then_ ON true
    WHERE c.kind = $1 AND c.closed_at > $2 AND c.opened_at <= $2
$$;

CREATE FUNCTION wall.open_by_state(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (opd text, unit text, service text, channel text, state text, waiting boolean, open bigint,
               oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.opd, s.unit, s.service, o.channel, o.state, m.waiting, count(*), min(o.opened_at)
    FROM hub.open_cases($1, $2) o
    JOIN hub.series s USING (series_id)
    JOIN hub.measure m ON m.kind = $1 AND m.role = 'state' AND m.name = o.state
    WHERE ($3 IS NULL OR s.opd = ANY ($3)) AND ($4 IS NULL OR s.unit = ANY ($4))
      AND ($5 IS NULL OR s.service = ANY ($5)) AND ($6 IS NULL OR o.channel = ANY ($6))
    GROUP BY s.opd, s.unit, s.service, o.channel, o.state, m.waiting
$$;

-- Open cases at a moment, those of them that wait, and the opening time of the oldest of each (NULL where none).
CREATE FUNCTION wall.open(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (open bigint, waiting bigint, oldest_open timestamptz, oldest_waiting timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(sum(o.open), 0)::bigint, coalesce(sum(o.open) FILTER (WHERE o.waiting), 0)::bigint,
           min(o.oldest), min(o.oldest) FILTER (WHERE o.waiting)
    FROM wall.open_by_state($1, $2, $3, $4, $5, $6) o
$$;

-- Agencies, units and services by name, and applications with the moment they were last heard.
CREATE VIEW hub.register AS
    SELECT document FROM hub.catalogue ORDER BY version DESC LIMIT 1;
CREATE VIEW wall.city AS
    SELECT name, code, timezone FROM hub.city;
CREATE VIEW wall.agency AS
    SELECT a ->> 'opd' AS opd, a -> 'name' ->> 'id' AS name_id, a -> 'name' ->> 'en' AS name_en
    FROM hub.register, jsonb_array_elements(document -> 'agencies') a;
CREATE VIEW wall.unit AS
    SELECT a ->> 'opd' AS opd, u ->> 'unit' AS unit, u -> 'name' ->> 'id' AS name_id, u -> 'name' ->> 'en' AS name_en
    FROM hub.register, jsonb_array_elements(document -> 'agencies') a, jsonb_array_elements(a -> 'units') u;
CREATE VIEW wall.service AS
    SELECT a ->> 'opd' AS opd, s ->> 'service' AS service, s -> 'name' ->> 'id' AS name_id,
           s -> 'name' ->> 'en' AS name_en
    FROM hub.register, jsonb_array_elements(document -> 'agencies') a, jsonb_array_elements(a -> 'services') s;
CREATE VIEW wall.app AS
    SELECT a ->> 'opd' AS opd, p ->> 'app' AS app, p -> 'name' ->> 'id' AS name_id, p -> 'name' ->> 'en' AS name_en,
           (p ->> 'expected_every')::interval AS expected_every, h.heard_at
    FROM hub.register
    CROSS JOIN jsonb_array_elements(document -> 'agencies') a
    CROSS JOIN jsonb_array_elements(a -> 'apps') p
    LEFT JOIN hub.source s ON s.opd = a ->> 'opd' AND s.app = p ->> 'app'
    LEFT JOIN hub.last_heard h USING (source_id);

-- The quarantine in numbers; what was counted after all (mended and replayed, or sent anew) is not open.
CREATE VIEW hub.reject_state AS
    SELECT r.*,
           CASE WHEN r.reason <> 'conflict' AND l.event_id IS NOT NULL THEN 'counted'
                WHEN r.replayed_at IS NOT NULL THEN 'replayed'
                ELSE 'open' END AS standing,
           -- The very message counted on a redelivery (a catalogue applied in between).
           coalesce(l.inbox_seq = r.inbox_seq AND l.inbox_created = r.inbox_created, false) AS same_message
    FROM hub.reject r
    LEFT JOIN hub.source s ON s.opd = r.opd AND s.app = r.app
    LEFT JOIN hub.ledger l ON l.source_id = s.source_id AND l.event_id = r.event_id;
CREATE VIEW wall.quarantine AS
    SELECT reason, opd, app, standing, count(*) AS n, min(received_at) AS oldest, max(received_at) AS newest
    FROM hub.reject_state GROUP BY reason, opd, app, standing;
CREATE VIEW wall.duration_limit AS
    SELECT m.kind, m.name AS duration, make_interval(secs => d.limit_us / 1e6) AS within_limit
    FROM hub.duration_limit d JOIN hub.measure m USING (measure_id);
