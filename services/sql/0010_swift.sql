-- The same figures at less cost: what a wall asks for at ten million events.

-- The sum of whole numbers as such; sum() adds bigint up in numeric, several times slower. Where it overflows it fails.
CREATE AGGREGATE hub.total(bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);

-- As before, in a language that plans once a session and not at each call.
CREATE OR REPLACE FUNCTION hub.timezone() RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT c.timezone FROM hub.city c);
END $$;
CREATE OR REPLACE FUNCTION hub.waiting_states(kind text) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT m.name FROM hub.measure m WHERE m.kind = $1 AND m.role = 'state' AND m.waiting);
END $$;
CREATE OR REPLACE FUNCTION hub.ceil_hour(at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN date_trunc('hour', at + interval '1 hour' - interval '1 microsecond', 'UTC');
END $$;
CREATE OR REPLACE FUNCTION hub.achievement(value double precision, target double precision, direction text)
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN target = 0 THEN CASE WHEN direction = 'higher' OR value <= 0 THEN 1 ELSE 0 END
                ELSE greatest(0, CASE WHEN direction = 'higher' THEN value / target ELSE 2 - value / target END) END;
END $$;

-- When cases that are open at a moment have ended at the latest: with its local day, where they expire.
CREATE FUNCTION hub.latest_end(kind text, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT CASE WHEN k.expires THEN hub.day_start((($2 AT TIME ZONE hub.timezone())::date + 1), hub.timezone())
                        ELSE 'infinity' END
            FROM hub.kind k WHERE k.kind = $1);
END $$;
-- As before, in a form that becomes part of the query that asks, with the latest moment at which they may have ended.
-- Only a case that went on after the moment is searched for how it stood then.
DROP FUNCTION hub.open_cases(text, timestamptz);
CREATE FUNCTION hub.open_cases(kind text, at timestamptz, latest timestamptz)
RETURNS TABLE (opened_at timestamptz, state text, series_id integer, channel text, due_at timestamptz,
               due_done_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT o.opened_at, CASE WHEN o.last_at <= $2 THEN o.state ELSE o.then_ ->> 1 END,
           CASE WHEN o.last_at <= $2 THEN o.series_id ELSE (o.then_ ->> 2)::integer END,
           o.channel, o.due_at, o.due_done_at
    FROM (
        SELECT c.opened_at, c.last_at, c.state, c.series_id, c.channel, c.due_at, c.due_done_at,
               CASE WHEN c.last_at > $2 THEN (
                   SELECT t.value FROM jsonb_array_elements(c.transitions) WITH ORDINALITY t(value, ord)
                   WHERE 'epoch'::timestamptz + (t.value ->> 0)::bigint * interval '1 microsecond' <= $2
                     AND (c.voids = '[]' OR NOT c.voids @> jsonb_build_array(jsonb_build_array(t.value -> 3, t.value -> 4)))
                   ORDER BY t.ord DESC LIMIT 1) END AS then_
        FROM hub.cases c
        WHERE c.kind = $1 AND c.closed_at > $2 AND c.opened_at <= $2 AND c.closed_at <= $3
        OFFSET 0
    ) o
$$;

CREATE OR REPLACE FUNCTION hub.levels(
    kind text, at timestamptz, opds text[], units text[], services text[], channels text[]
)
RETURNS TABLE (series_id integer, channel text, state text, n bigint, oldest timestamptz, overdue bigint,
               oldest_due timestamptz)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := hub.cut_at($2, $1);
    latest timestamptz := hub.latest_end($1, moment);
    everywhere boolean := num_nonnulls($3, $4, $5) = 0;
    series integer[] := ARRAY(SELECT s FROM hub.series_of($1, $3, $4, $5, NULL) s WHERE NOT everywhere);
BEGIN
    RETURN QUERY
    SELECT o.series_id, o.channel, o.state, count(*), min(o.opened_at), count(*) FILTER (WHERE o.late),
           min(o.due_at) FILTER (WHERE o.late)
    FROM (
        SELECT c.*, c.due_at <= moment AND coalesce(c.due_done_at > moment, true) AS late
        FROM hub.open_cases($1, moment, latest) c
        WHERE (everywhere OR c.series_id = ANY (series)) AND ($6 IS NULL OR c.channel = ANY ($6))
    ) o GROUP BY 1, 2, 3;
END $$;

-- All of them together, without telling series apart.
CREATE OR REPLACE FUNCTION wall.open(
    kind text, at timestamptz DEFAULT now(),
    opd text[] DEFAULT NULL, unit text[] DEFAULT NULL, service text[] DEFAULT NULL, channel text[] DEFAULT NULL
)
RETURNS TABLE (open bigint, waiting bigint, oldest_open timestamptz, oldest_waiting timestamptz, overdue bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    health boolean := hub.is_health($1);
    moment timestamptz := hub.cut_at($2, $1);
    latest timestamptz := hub.latest_end($1, moment);
    states text[] := hub.waiting_states($1);
    everywhere boolean := num_nonnulls($3, $4, $5) = 0;
    series integer[] := ARRAY(SELECT s FROM hub.series_of($1, $3, $4, $5, NULL) s WHERE NOT everywhere);
BEGIN
    RETURN QUERY
    SELECT hub.shown(t.open, health), hub.shown(t.waiting, health), hub.shown_time(t.oldest_open, t.open, health),
           hub.shown_time(t.oldest_waiting, t.waiting, health), hub.shown(t.overdue, health)
    FROM (
        SELECT count(*) AS open, count(*) FILTER (WHERE c.state = ANY (states)) AS waiting,
               min(c.opened_at) AS oldest_open, min(c.opened_at) FILTER (WHERE c.state = ANY (states)) AS oldest_waiting,
               count(*) FILTER (WHERE c.due_at <= moment AND coalesce(c.due_done_at > moment, true)) AS overdue
        FROM hub.open_cases($1, moment, latest) c
        WHERE (everywhere OR c.series_id = ANY (series)) AND ($6 IS NULL OR c.channel = ANY ($6))
    ) t;
END $$;

-- As before, without a query for each piece.
CREATE OR REPLACE FUNCTION hub.window_pieces(from_at timestamptz, to_at timestamptz)
RETURNS TABLE (grain text, starts timestamptz, ends timestamptz, first_day date, end_day date, sign integer)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := hub.timezone();
    a timestamptz := date_trunc('minute', from_at);
    b timestamptz := date_trunc('minute', to_at);
    d0 date := (a AT TIME ZONE zone)::date;
    d1 date := (b AT TIME ZONE zone)::date;
    span timestamptz[];
    edge timestamptz[];
    h0 timestamptz;
    h1 timestamptz;
    spans timestamptz[][] := ARRAY[[a, b]];
    -- Each begins with an empty one, for there may be no other.
    edges timestamptz[][] := ARRAY[[a, a]];
BEGIN
    IF a >= b THEN
        RETURN;
    END IF;
    IF hub.day_start(d0, zone) < a THEN
        d0 := d0 + 1;
    END IF;
    sign := 1;
    IF d0 < d1 THEN
        grain := 'day'; first_day := d0; end_day := d1;
        RETURN NEXT;
        first_day := NULL; end_day := NULL;
        spans := ARRAY[[a, hub.day_start(d0, zone)], [hub.day_start(d1, zone), b]];
    END IF;
    FOREACH span SLICE 1 IN ARRAY spans LOOP
        CONTINUE WHEN span[1] >= span[2];
        h0 := hub.ceil_hour(span[1]);
        h1 := date_trunc('hour', span[2], 'UTC');
        IF h0 <= h1 THEN
            IF h0 < h1 THEN
                grain := 'hour'; starts := h0; ends := h1;
                RETURN NEXT;
            END IF;
            edges := edges || ARRAY[[span[1], h0], [h1, span[2]]];
        ELSE
            edges := edges || ARRAY[[span[1], span[2]]];
        END IF;
    END LOOP;
    FOREACH edge SLICE 1 IN ARRAY edges LOOP
        CONTINUE WHEN edge[1] >= edge[2];
        h0 := date_trunc('hour', edge[1], 'UTC');
        h1 := h0 + interval '1 hour';
        IF edge[2] - edge[1] <= interval '30 minutes' AND edge[2] < now() THEN
            grain := 'edge'; starts := edge[1]; ends := edge[2];
            RETURN NEXT;
        ELSE
            grain := 'hour'; starts := h0; ends := h1;
            RETURN NEXT;
            grain := 'edge'; sign := -1;
            IF h0 < edge[1] THEN
                starts := h0; ends := edge[1];
                RETURN NEXT;
            END IF;
            IF edge[2] < h1 THEN
                starts := edge[2]; ends := h1;
                RETURN NEXT;
            END IF;
            sign := 1;
        END IF;
    END LOOP;
END $$;

-- As before. Of an edge only what belongs to a figure that asks for it goes on.
CREATE OR REPLACE FUNCTION hub.figure_sums(asks integer[], figures integer[], froms timestamptz[], tos timestamptz[])
RETURNS TABLE (ask integer, bin smallint, n bigint, total bigint, hits bigint)
LANGUAGE plpgsql STABLE SET enable_mergejoin = off SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest($1, $2, $3, $4) a(ask, figure_no, from_at, to_at)
    ), piece AS MATERIALIZED (
        SELECT w.from_at, w.to_at, p.*
        FROM (SELECT DISTINCT from_at, to_at FROM asked) w CROSS JOIN LATERAL hub.window_pieces(w.from_at, w.to_at) p
    ), wanted AS MATERIALIZED (
        SELECT a.ask, a.figure_no, p.* FROM asked a JOIN piece p ON (p.from_at, p.to_at) = (a.from_at, a.to_at)
    ), taking AS MATERIALIZED (
        SELECT w.ask, w.starts, w.ends, w.sign, t.*
        FROM wanted w CROSS JOIN LATERAL (SELECT * FROM hub.term x WHERE x.figure_no = w.figure_no OFFSET 0) t
        WHERE w.grain = 'edge'
    ), near AS MATERIALIZED (
        -- Each edge is read once, however many figures ask for it.
        SELECT e.starts, e.ends, c.measure_id, c.series_id, c.value
        FROM (SELECT DISTINCT starts, ends FROM wanted WHERE grain = 'edge') e
        CROSS JOIN LATERAL (
            SELECT x.measure_id, x.series_id, x.value FROM hub.contribution x
            WHERE x.at >= e.starts AND x.at < e.ends
              AND x.measure_id = ANY (ARRAY(SELECT DISTINCT t.measure_id FROM taking t)) OFFSET 0) c
    ), part AS (
        -- One look into the index for each piece and figure: OFFSET 0 keeps the planner from reading whole tables.
        SELECT w.ask, r.bin, r.n, r.total, r.hits
        FROM wanted w CROSS JOIN LATERAL (
            SELECT d.bin, d.n, d.total, d.hits FROM hub.figure_day d
            WHERE d.figure_no = w.figure_no AND d.day >= w.first_day AND d.day < w.end_day OFFSET 0) r
        WHERE w.grain = 'day'
        UNION ALL
        SELECT w.ask, r.bin, r.n, r.total, r.hits
        FROM wanted w CROSS JOIN LATERAL (
            SELECT h.bin, h.n, h.total, h.hits FROM hub.figure_hour h
            WHERE h.figure_no = w.figure_no AND h.hour >= w.starts AND h.hour < w.ends OFFSET 0) r
        WHERE w.grain = 'hour'
        UNION ALL
        SELECT t.ask, CASE WHEN t.binned THEN hub.bin_of(c.value) ELSE 0 END::smallint,
               t.sign * CASE WHEN NOT t.counted THEN 0 WHEN t.weighted THEN c.value ELSE 1 END,
               t.sign * CASE WHEN t.binned THEN c.value ELSE 0 END,
               t.sign * CASE WHEN c.value <= t.limit_us THEN CASE WHEN t.weighted THEN c.value ELSE 1 END ELSE 0 END
        FROM taking t
        JOIN near c ON (c.starts, c.ends, c.measure_id, c.series_id) = (t.starts, t.ends, t.measure_id, t.series_id)
    )
    SELECT part.ask, part.bin, hub.total(part.n), hub.total(part.total), hub.total(part.hits)
    FROM part GROUP BY part.ask, part.bin;
END $$;

-- As before, with the new form of hub.open_cases.
CREATE OR REPLACE FUNCTION hub.kpi_values(version bigint, kpis text[], froms timestamptz[], tos timestamptz[])
RETURNS TABLE (ask integer, value double precision, n bigint, hidden boolean, cases bigint, doubt text)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT a.ask::integer, k.kpi, k.figure_no, k.statistic, k.scale, k.per_units, f.kind, f.form, d.health, d.expires,
               CASE WHEN f.retired THEN 'rewritten' WHEN f.counted_to < 9223372036854775807 THEN 'building' END AS doubt,
               CASE WHEN k.statistic = 'level' THEN 'epoch'::timestamptz ELSE a.from_at END AS from_at, a.to_at
        FROM unnest($2, $3, $4) WITH ORDINALITY a(kpi, from_at, to_at, ask)
        JOIN hub.kpi k ON k.version = $1 AND k.kpi = a.kpi
        JOIN hub.figure f USING (figure_no) JOIN hub.kind d USING (kind)
    ), summed AS MATERIALIZED (
        SELECT s.* FROM (
            SELECT array_agg(ask) AS asks, array_agg(figure_no) AS figures, array_agg(from_at) AS froms,
                   array_agg(to_at) AS tos
            FROM asked WHERE NOT (expires AND statistic = 'level')
        ) l CROSS JOIN LATERAL hub.figure_sums(l.asks, l.figures, l.froms, l.tos) s
    ), ranked AS (
        -- As integers, which add up in bigint; bigint would add up in numeric, several times slower.
        SELECT s.ask, s.bin, s.n, s.total, s.hits, hub.rank_of(a.statistic, sum(s.n::integer) OVER (PARTITION BY s.ask))
                   AS rank,
               sum(s.n::integer) OVER (PARTITION BY s.ask ORDER BY s.bin) AS up_to
        FROM summed s JOIN asked a USING (ask)
    ), held AS (
        SELECT r.ask, sum(r.n)::bigint AS n, sum(r.hits)::bigint AS hits, sum(r.total) AS total,
               max(r.total / nullif(r.n, 0)::numeric) FILTER (WHERE r.up_to >= r.rank AND r.up_to - r.n < r.rank) AS bin_mean,
               max(r.bin) FILTER (WHERE r.up_to >= r.rank AND r.up_to - r.n < r.rank) AS bin
        FROM ranked r GROUP BY r.ask
    ), standing AS MATERIALIZED (
        SELECT l.kind, l.to_at, o.channel, s.opd, s.unit, s.service, o.state = ANY (l.waiting) AS waiting,
               coalesce(o.due_at < l.to_at AND l.to_at <= coalesce(o.due_done_at, 'infinity'), false) AS overdue
        FROM (SELECT d.*, hub.waiting_states(d.kind) AS waiting, hub.latest_end(d.kind, d.at) AS latest
              FROM (SELECT DISTINCT a.kind, a.to_at, date_trunc('minute', a.to_at) - interval '1 microsecond' AS at
                    FROM asked a WHERE a.expires AND a.statistic = 'level') d OFFSET 0) l
        CROSS JOIN LATERAL hub.open_cases(l.kind, l.at, l.latest) o
        JOIN hub.series s USING (series_id)
    ), counted AS (
        SELECT a.ask, count(s.opd) AS n
        FROM asked a JOIN hub.figure f USING (figure_no)
        LEFT JOIN standing s ON s.kind = a.kind AND s.to_at = a.to_at
         AND (f.opds IS NULL OR s.opd = ANY (f.opds)) AND (f.units IS NULL OR s.unit = ANY (f.units))
         AND (f.services IS NULL OR s.service = ANY (f.services))
         AND (f.channels IS NULL OR s.channel = ANY (f.channels))
         AND CASE f.form WHEN 'waiting' THEN s.waiting WHEN 'overdue' THEN s.overdue ELSE true END
        WHERE a.expires AND a.statistic = 'level' GROUP BY a.ask
    )
    SELECT a.ask,
           CASE WHEN a.statistic = 'count' AND v.n = 0 AND NOT EXISTS (
                    SELECT FROM hub.kpi_feed e JOIN hub.source s USING (opd, app) JOIN hub.heard h USING (source_id)
                    WHERE (e.version, e.kpi) = ($1, a.kpi) AND h.last_at >= a.from_at
                      AND h.slot >= a.from_at - interval '5 minutes' AND h.slot < a.to_at)
                THEN NULL ELSE v.value END,
           v.n, v.hidden, v.cases, a.doubt
    FROM asked a
    LEFT JOIN held h USING (ask)
    LEFT JOIN counted c USING (ask)
    CROSS JOIN LATERAL hub.value_of(a.statistic, a.scale, a.per_units, a.health, coalesce(c.n, h.n), h.hits, h.total,
                                    h.bin_mean, h.bin) v;
END $$;

-- As before; without `trust` neither late share nor revision are looked up.
DROP FUNCTION hub.kpi_judged(bigint, text[], timestamptz[], timestamptz[], timestamptz, boolean);
CREATE FUNCTION hub.kpi_judged(
    version bigint, kpis text[], froms timestamptz[], tos timestamptz[], at timestamptz, remembering boolean,
    trust boolean DEFAULT true
)
RETURNS TABLE (
    kpi text, from_at timestamptz, to_at timestamptz, value double precision, n bigint, target double precision,
    achievement double precision, status text, reason text, as_of timestamptz, commit_no bigint, heard integer,
    expected integer, late_share double precision, revision bigint
)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH newest AS MATERIALIZED (
        SELECT l.commit_no, l.committed_at FROM hub.commit_log l ORDER BY l.commit_no DESC LIMIT 1
    ), doubt AS MATERIALIZED (
        SELECT hub.lag_doubt($5) AS hub, hub.timezone() AS zone
    ), fed AS MATERIALIZED (
        SELECT * FROM hub.feeds($1, $2, $5)
    ), feed AS MATERIALIZED (
        SELECT e.kpi, s.source_id FROM hub.kpi_feed e JOIN hub.source s USING (opd, app)
        WHERE e.version = $1 AND e.kpi = ANY ($2)
    ), figured AS MATERIALIZED (
        SELECT v.*, a.kpi, a.from_at, a.to_at
        FROM hub.kpi_values($1, $2, $3, $4) v
        JOIN unnest($2, $3, $4) WITH ORDINALITY a(kpi, from_at, to_at, ask) USING (ask)
    )
    SELECT k.kpi, CASE WHEN k.statistic <> 'level' THEN v.from_at END, v.to_at, CASE WHEN v.doubt IS NULL THEN v.value END,
           v.n, t.target, hub.achievement(CASE WHEN v.doubt IS NULL THEN v.value END, t.target, k.direction),
           j.status, j.reason, n.committed_at, n.commit_no, coalesce(f.heard, 0), coalesce(f.expected, 0),
           hub.share(l.late, l.events, h.health), r.revision
    FROM figured v
    JOIN hub.kpi k ON k.version = $1 AND k.kpi = v.kpi
    JOIN hub.figure g USING (figure_no) JOIN hub.kind h USING (kind)
    CROSS JOIN doubt d
    LEFT JOIN newest n ON true
    LEFT JOIN fed f ON f.kpi = v.kpi
    CROSS JOIN LATERAL (
        SELECT hub.target_at(k.target_days, k.targets, ((v.to_at - interval '1 microsecond') AT TIME ZONE d.zone)::date)
                   AS target,
               (v.from_at AT TIME ZONE d.zone)::date AS first_day,
               ((v.to_at - interval '1 microsecond') AT TIME ZONE d.zone)::date AS last_day
    ) t
    LEFT JOIN LATERAL (
        SELECT s.status FROM hub.kpi_shown s
        WHERE $6 AND s.kpi = v.kpi AND s.at < $5
          AND s.at >= (SELECT c.applied_at FROM hub.catalogue c WHERE c.version = $1)
        ORDER BY s.at DESC LIMIT 1
    ) p ON true
    LEFT JOIN LATERAL (
        SELECT hub.total(x.late) AS late, hub.total(x.events) AS events
        FROM feed e CROSS JOIN LATERAL (
            SELECT a.late, a.events FROM hub.arrival_day a
            WHERE a.source_id = e.source_id AND a.kind = g.kind
              AND a.day BETWEEN CASE WHEN k.statistic = 'level' THEN t.last_day ELSE t.first_day END AND t.last_day
            OFFSET 0) x
        WHERE $7 AND e.kpi = v.kpi
    ) l ON true
    LEFT JOIN LATERAL (
        SELECT max(c.commit_no) AS revision
        FROM hub.figure_revision x JOIN hub.commit_log c USING (batch_id)
        WHERE $7 AND x.figure_no = k.figure_no
          AND x.day BETWEEN CASE WHEN k.statistic = 'level' THEN '-infinity' ELSE t.first_day END AND t.last_day
    ) r ON true
    CROSS JOIN LATERAL hub.judge(
        k.direction, k.minimum_sample, k.warning_at, k.warning_clear, k.critical_at, k.critical_clear, v.value, v.cases,
        coalesce(v.doubt, d.hub, CASE WHEN f.silent THEN 'silent' END),
        v.hidden, p.status) j
    ORDER BY k.position;
END $$;

-- The KPIs of a catalogue that are in effect at a moment, with the windows that they look back on then.
CREATE FUNCTION hub.kpi_windows(version bigint, at timestamptz)
RETURNS TABLE (kpis text[], froms timestamptz[], tos timestamptz[])
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    today date := ($2 AT TIME ZONE hub.timezone())::date;
BEGIN
    RETURN QUERY
    WITH effective AS MATERIALIZED (
        SELECT k.kpi, k.span, k.local, d.health
        FROM hub.kpi k JOIN hub.figure f USING (figure_no) JOIN hub.kind d USING (kind)
        WHERE k.version = $1 AND today BETWEEN k.since AND coalesce(k.until, 'infinity')
    ), during AS MATERIALIZED (
        SELECT w.*, hub.window_at(w.span, w.local, w.health, $2) AS times
        FROM (SELECT DISTINCT e.span, e.local, e.health FROM effective e) w
    )
    SELECT array_agg(e.kpi), array_agg(lower(d.times)), array_agg(upper(d.times))
    FROM effective e JOIN during d ON (d.span, d.local, d.health) IS NOT DISTINCT FROM (e.span, e.local, e.health);
END $$;
-- As before. Without `trust` it tells neither late share nor revision, and need not look for them.
DROP VIEW wall.kpi_now;
DROP FUNCTION wall.kpi_at(timestamptz, bigint);
CREATE FUNCTION wall.kpi_at(at timestamptz, version bigint DEFAULT NULL, trust boolean DEFAULT true)
RETURNS TABLE (
    kpi text, from_at timestamptz, to_at timestamptz, value double precision, n bigint, target double precision,
    achievement double precision, status text, reason text, as_of timestamptz, commit_no bigint, heard integer,
    expected integer, late_share double precision, revision bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.*
    FROM (SELECT coalesce($2, (SELECT max(c.version) FROM hub.catalogue c)) AS version, hub.clamp($1) AS at) a
    CROSS JOIN LATERAL hub.kpi_windows(a.version, a.at) w
    CROSS JOIN LATERAL hub.kpi_judged(a.version, w.kpis, w.froms, w.tos, a.at, true, $3) j
$$;
CREATE VIEW wall.kpi_now AS SELECT * FROM wall.kpi_at(now());
CREATE OR REPLACE FUNCTION hub.note_statuses() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO hub.kpi_shown (kpi, at, status)
    SELECT k.kpi, now(), k.status FROM wall.kpi_at(now(), trust => false) k
    WHERE k.status IN ('ok', 'warning', 'critical')
      AND k.status IS DISTINCT FROM (
          SELECT s.status FROM hub.kpi_shown s WHERE s.kpi = k.kpi ORDER BY s.at DESC LIMIT 1)
    ON CONFLICT DO NOTHING
$$;

-- As before. What is late and revised is looked up step by step, and open cases by the series that the figure takes.
CREATE OR REPLACE FUNCTION wall.kpi_series(
    kpi text, from_at timestamptz, to_at timestamptz, step interval, version bigint DEFAULT NULL
)
RETURNS TABLE (
    at timestamptz, value double precision, n bigint, target double precision, achievement double precision, status text,
    reason text, as_of timestamptz, commit_no bigint, heard integer, expected integer, late_share double precision,
    revision bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    zone text := hub.timezone();
    k hub.kpi;
    g hub.figure;
    d hub.kind;
    days boolean := step = date_trunc('day', step) AND step >= interval '1 day';
    first_day date;
    sources integer[];
    series integer[];
    waiting text[];
    first timestamptz := hub.clamp(from_at);
    last timestamptz := least(date_trunc('minute', hub.clamp(to_at)), date_trunc('minute', now()) + interval '1 minute');
    doubt text;
    now_doubt text;
    judgeable boolean;
    previous text;
    row record;
    seen hub.shown_value;
    judged hub.judgement;
BEGIN
    SELECT * INTO k FROM hub.kpi x
    WHERE x.kpi = kpi_series.kpi
      AND x.version = coalesce(kpi_series.version, (SELECT max(c.version) FROM hub.catalogue c));
    IF NOT FOUND OR first >= last THEN
        RETURN;
    END IF;
    PERFORM hub.check_step(first, last, step);
    IF NOT days AND (step < interval '1 hour' OR step <> date_trunc('hour', step)) THEN
        RAISE EXCEPTION 'a step is whole hours, or whole days, weeks or months; write such as 1 day'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO g FROM hub.figure x WHERE x.figure_no = k.figure_no;
    SELECT * INTO d FROM hub.kind x WHERE x.kind = g.kind;
    IF d.health THEN
        last := hub.ceil_hour(last);
    END IF;
    judgeable := k.statistic <> 'count' OR k.span = step OR k.local = CASE step
        WHEN interval '1 day' THEN 'day' WHEN interval '7 days' THEN 'week' WHEN interval '1 month' THEN 'month' END;
    waiting := hub.waiting_states(g.kind);
    SELECT l.committed_at, l.commit_no INTO as_of, commit_no FROM hub.commit_log l ORDER BY l.commit_no DESC LIMIT 1;
    expected := (SELECT count(*) FROM hub.kpi_feed e WHERE (e.version, e.kpi) = (k.version, k.kpi));
    now_doubt := coalesce(hub.lag_doubt(now()), (
        SELECT 'silent' FROM hub.feeds(k.version, ARRAY[k.kpi], now()) f WHERE f.silent));
    doubt := CASE WHEN g.retired THEN 'rewritten' WHEN g.counted_to < 9223372036854775807 THEN 'building' END;
    first_day := CASE WHEN step >= interval '28 days' THEN date_trunc('month', first AT TIME ZONE zone)
                      WHEN step = interval '7 days' THEN date_trunc('week', first AT TIME ZONE zone)
                      ELSE first AT TIME ZONE zone END::date;
    sources := ARRAY(SELECT c.source_id FROM hub.kpi_feed e JOIN hub.source c USING (opd, app)
                     WHERE (e.version, e.kpi) = (k.version, k.kpi));
    series := ARRAY(SELECT s FROM hub.series_of(g.kind, g.opds, g.units, g.services, NULL) s ORDER BY 1);
    FOR row IN
        WITH steps AS MATERIALIZED (
            SELECT s.starts, s.ends, s.d0, s.d1
            FROM (SELECT hub.day_start(x::date, zone) AS starts, hub.day_start((x + step)::date, zone) AS ends,
                         x::date AS d0, (x + step)::date AS d1
                  FROM generate_series(first_day::timestamp, last AT TIME ZONE zone, step) x WHERE days
                  UNION ALL
                  SELECT x, x + step, NULL, NULL
                  FROM generate_series(date_trunc('hour', first, 'UTC'), last, step) x WHERE NOT days) s
            WHERE s.starts < last
        ), summed AS (
            -- Most are asked day by day, and need no summing up.
            SELECT s.starts, r.bin, r.n, r.total, r.hits
            FROM steps s JOIN hub.figure_day r ON r.figure_no = k.figure_no AND r.day = s.d0
            WHERE days AND step = interval '1 day' AND s.ends <= last
            UNION ALL
            SELECT s.starts, r.bin, sum(r.n)::bigint, sum(r.total)::bigint, sum(r.hits)::bigint
            FROM steps s JOIN hub.figure_day r ON r.figure_no = k.figure_no AND r.day >= s.d0 AND r.day < s.d1
            WHERE days AND step > interval '1 day' AND s.ends <= last GROUP BY 1, 2
            UNION ALL
            SELECT s.starts, r.bin, sum(r.n)::bigint, sum(r.total)::bigint, sum(r.hits)::bigint
            FROM steps s JOIN hub.figure_hour r ON r.figure_no = k.figure_no AND r.hour >= s.starts AND r.hour < s.ends
            WHERE NOT days AND s.ends <= last GROUP BY 1, 2
            UNION ALL
            SELECT s.starts, f.bin, f.n, f.total, f.hits
            FROM steps s
            CROSS JOIN LATERAL hub.figure_sums(ARRAY[1], ARRAY[k.figure_no], ARRAY[s.starts], ARRAY[last]) f
            WHERE s.ends > last
        ), ranked AS (
            -- As integers, which add up in bigint; bigint would add up in numeric, several times slower.
            SELECT m.*, hub.rank_of(k.statistic, sum(m.n::integer) OVER (PARTITION BY m.starts)) AS rank,
                   sum(m.n::integer) OVER (PARTITION BY m.starts ORDER BY m.bin) AS up_to
            FROM summed m
        ), held AS (
            SELECT r.starts, sum(r.n::integer) AS n, sum(r.hits::integer) AS hits,
                   sum(CASE WHEN k.statistic = 'mean' THEN r.total END) AS total,
                   max(r.total / nullif(r.n, 0)::numeric) FILTER (WHERE r.up_to >= r.rank AND r.up_to - r.n < r.rank)
                       AS bin_mean,
                   max(r.bin) FILTER (WHERE r.up_to >= r.rank AND r.up_to - r.n < r.rank) AS bin
            FROM ranked r GROUP BY r.starts
        ), base AS MATERIALIZED (
            SELECT CASE WHEN k.statistic = 'level' AND NOT d.expires THEN coalesce((
                SELECT sum(f.n) FROM hub.figure_sums(ARRAY[1], ARRAY[k.figure_no], ARRAY['epoch'::timestamptz],
                                                     ARRAY[(SELECT min(starts) FROM steps)]) f), 0) END AS n
        ), step_days AS MATERIALIZED (
            SELECT s.*, coalesce(s.d0, (s.starts AT TIME ZONE zone)::date) AS first_at,
                   coalesce(s.d1 - 1, (s.starts AT TIME ZONE zone)::date) AS last_at
            FROM steps s
        )
        SELECT s.starts, s.ends, l.late, l.events, v.commit_no AS revised_by,
               (SELECT count(*) FROM unnest(sources) u(source_id) WHERE EXISTS (
                   SELECT FROM hub.heard x
                   WHERE x.source_id = u.source_id AND x.last_at >= s.starts
                     AND x.slot >= s.starts - interval '5 minutes' AND x.slot < s.ends)) AS spoke, h.n, h.hits, h.total, h.bin_mean, h.bin,
               CASE WHEN k.statistic = 'level' AND d.expires THEN (
                        SELECT count(*) FROM hub.open_cases(
                            g.kind, e.at, hub.day_start((e.at AT TIME ZONE zone)::date + 1, zone)) o
                        WHERE o.series_id = ANY (series) AND (g.channels IS NULL OR o.channel = ANY (g.channels))
                          AND CASE g.form WHEN 'waiting' THEN o.state = ANY (waiting)
                                   WHEN 'overdue' THEN o.due_at <= e.at AND e.at < coalesce(o.due_done_at, 'infinity')
                                   ELSE true END)
                    WHEN k.statistic = 'level' THEN b.n + sum(coalesce(h.n, 0)) OVER (ORDER BY s.starts) END AS level,
               k.statistic = 'count' AND coalesce(h.n, 0) = 0 AND NOT EXISTS (
                   SELECT FROM hub.heard x
                   WHERE x.source_id = ANY (sources) AND x.last_at >= s.starts
                     AND x.slot >= s.starts - interval '5 minutes' AND x.slot < s.ends) AS silence
        FROM step_days s LEFT JOIN held h USING (starts) CROSS JOIN base b
        CROSS JOIN LATERAL (SELECT least(s.ends, last) - interval '1 microsecond' AS at) e
        LEFT JOIN LATERAL (
            SELECT hub.total(a.late) AS late, hub.total(a.events) AS events FROM hub.arrival_day a
            WHERE a.source_id = ANY (sources) AND a.kind = g.kind AND a.day BETWEEN s.first_at AND s.last_at) l ON true
        LEFT JOIN LATERAL (
            SELECT max((SELECT c.commit_no FROM hub.commit_log c WHERE c.batch_id = x.batch_id)) AS commit_no
            FROM hub.figure_revision x
            WHERE x.figure_no = k.figure_no AND x.day BETWEEN s.first_at AND s.last_at) v ON true
        ORDER BY s.starts
    LOOP
        seen := hub.value_of(k.statistic, k.scale, k.per_units, d.health, coalesce(row.level::bigint, row.n), row.hits,
                             row.total, row.bin_mean, row.bin);
        at := row.starts;
        value := CASE WHEN doubt IS NULL AND NOT row.silence THEN seen.value END;
        n := seen.n;
        late_share := hub.share(row.late, row.events, d.health);
        revision := row.revised_by;
        heard := row.spoke;
        IF judgeable THEN
            target := hub.target_at(k.target_days, k.targets,
                                    ((row.ends - interval '1 microsecond') AT TIME ZONE zone)::date);
            achievement := hub.achievement(value, target, k.direction);
            judged := hub.judge(k.direction, k.minimum_sample, k.warning_at, k.warning_clear, k.critical_at,
                                k.critical_clear, value, seen.cases, coalesce(doubt, CASE WHEN row.ends > now() THEN now_doubt END),
                                seen.hidden, previous);
            status := judged.status;
            reason := judged.reason;
            IF status IN ('ok', 'warning', 'critical') THEN
                previous := status;
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- As before; the block is taken apart once, not again for each column.
CREATE OR REPLACE FUNCTION wall.kpi_of(version bigint DEFAULT NULL, at timestamptz DEFAULT now())
RETURNS TABLE (
    kpi text, "position" integer, name_id text, name_en text, programme text, programme_id text, programme_en text,
    programme_start date, programme_end date, programme_owner text, reviews date[], next_review date, dimension text,
    rpjmd_indicator text, rpjmd_code text, owner text, source text, source_verified boolean, kind text, form text,
    unit text, direction text, baseline double precision, baseline_as_of date, target double precision, target_by date,
    warning_at double precision, warning_clear double precision, critical_at double precision,
    critical_clear double precision, minimum_sample bigint, runbook text, window_text text, effective_since date,
    effective_until date
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.kpi, k.position, b.name ->> 'id', b.name ->> 'en', b.programme ->> 'programme',
           b.programme #>> '{name,id}', b.programme #>> '{name,en}', (b.programme ->> 'start')::date,
           (b.programme ->> 'end')::date, b.programme ->> 'owner', r.reviews,
           (SELECT min(d) FROM unnest(r.reviews) d WHERE d >= today.day), b.dimension, b.rpjmd ->> 'indicator',
           b.rpjmd ->> 'code', b.owner, b.source ->> 'text', (b.source ->> 'verified')::boolean, f.kind,
           b.measure ->> 'type', b.unit, k.direction, (b.baseline ->> 'value')::double precision,
           (b.baseline ->> 'as_of')::date, hub.target_at(k.target_days, k.targets, today.day),
           coalesce((SELECT min(d) FROM unnest(k.target_days) d WHERE d >= today.day),
                    k.target_days[cardinality(k.target_days)]),
           k.warning_at, k.warning_clear, k.critical_at, k.critical_clear, k.minimum_sample, b.runbook,
           coalesce(b.window ->> 'rolling', b.window ->> 'local'), k.since, k.until
    FROM hub.kpi k JOIN hub.figure f USING (figure_no)
    CROSS JOIN (SELECT ($2 AT TIME ZONE hub.timezone())::date AS day OFFSET 0) today
    CROSS JOIN LATERAL jsonb_to_record(k.block) AS b(
        name jsonb, programme jsonb, dimension text, rpjmd jsonb, owner text, source jsonb, measure jsonb, unit text,
        baseline jsonb, runbook text, "window" jsonb)
    CROSS JOIN LATERAL (
        SELECT array_agg(d::date ORDER BY d) AS reviews FROM jsonb_array_elements_text(b.programme -> 'reviews') d
    ) r
    WHERE k.version = coalesce($1, (SELECT max(c.version) FROM hub.catalogue c))
$$;

-- The percentiles of n values by nearest rank, as the mean of the bin in which each lies. Bins ascend.
CREATE FUNCTION hub.spread_of(n bigint, total bigint, bins smallint[], ns bigint[], totals bigint[]) RETURNS hub.spread
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    found hub.spread;
    up_to bigint := 0;
    median_rank bigint := hub.rank_of('median', n);
    p90_rank bigint := hub.rank_of('p90', n);
BEGIN
    found.n := coalesce(n, 0);
    found.total := total;
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
        SELECT hub.spread_of(hub.total(s.n), hub.total(s.total), array_agg(s.bin ORDER BY s.bin),
                             array_agg(s.n ORDER BY s.bin), array_agg(s.total ORDER BY s.bin)) AS t
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
        SELECT p.place, r.bin, hub.total(r.n) AS n, hub.total(r.total) AS total
        FROM asked a CROSS JOIN LATERAL hub.readings($1, a.role, ARRAY[$2], $3, $4, $7, $8, $9, $10) r
        JOIN places p USING (series_id) GROUP BY 1, 2 HAVING hub.total(r.n) <> 0
    ), told AS MATERIALIZED (
        SELECT place, hub.spread_of(hub.total(n), hub.total(total), array_agg(bin ORDER BY bin),
                                    array_agg(n ORDER BY bin), array_agg(total ORDER BY bin)) AS t
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
        SELECT p.at, hub.spread_of(hub.total(p.n), hub.total(p.total), array_agg(p.bin ORDER BY p.bin),
                                   array_agg(p.n ORDER BY p.bin), array_agg(p.total ORDER BY p.bin)) AS t
        FROM (SELECT hub.role_of($1, $2, $10) AS role) a
        CROSS JOIN LATERAL hub.parts_over($1, a.role, ARRAY[$2], $3, $4, $5, $6, $7, $8, $9) p GROUP BY p.at
    ) d CROSS JOIN (SELECT hub.is_health($1) AS health OFFSET 0) a
    CROSS JOIN LATERAL hub.shown_spread_of(d.t, a.health) s
    ORDER BY 1
$$;

DROP FUNCTION hub.spread_of(smallint[], bigint[], bigint[]);

CREATE OR REPLACE VIEW wall.hub AS
    SELECT n.commit_no, n.committed_at, p.at AS pulse_at, p.waiting_since,
           extract(epoch FROM now() - p.waiting_since)::double precision AS lag_s,
           (SELECT coalesce(sum(c.counted), 0)::bigint FROM hub.commit_log c
            WHERE c.committed_at > now() - interval '1 minute') AS events_last_minute,
           -- Publisher by publisher, each by one look into the index.
           (SELECT sum(a.late)::double precision / nullif(sum(a.events), 0)
            FROM hub.source s CROSS JOIN hub.kind k CROSS JOIN LATERAL (
                SELECT x.late, x.events FROM hub.arrival_day x
                WHERE (x.source_id, x.kind, x.day) = (s.source_id, k.kind, (now() AT TIME ZONE y.timezone)::date)
                OFFSET 0) a) AS late_today_share
    FROM hub.city y
    LEFT JOIN (SELECT commit_no, committed_at FROM hub.commit_log ORDER BY commit_no DESC LIMIT 1) n ON true
    LEFT JOIN hub.pulse p ON true;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA hub, wall FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wall TO grafana_reader;
GRANT SELECT ON wall.kpi_now TO grafana_reader;
