-- The one place where a KPI is computed: its value, status and trust, for any moment and window.
-- Windows are [from, to), cut to whole minutes; those of health kinds to whole hours. A level is that of the last
-- microsecond before `to`.

-- A moment within the years of which anything is known; so no query runs to infinity.
CREATE FUNCTION hub.clamp(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN at IS NOT NULL THEN least(greatest(at, '1970-01-02 00:00+00'), '2200-01-01 00:00+00') END;

-- The pieces of a window, signed: whole local days, whole hours, and edges. Where an edge is most of its hour, or the part
-- of the hour behind it has hardly begun, it is the hour less its complement.
DROP FUNCTION hub.window_pieces(timestamptz, timestamptz);
CREATE FUNCTION hub.window_pieces(from_at timestamptz, to_at timestamptz)
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
    no_day date;
    no_time timestamptz;
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
    IF d0 < d1 THEN
        RETURN QUERY VALUES ('day', no_time, no_time, d0, d1, 1);
        spans := ARRAY[[a, hub.day_start(d0, zone)], [hub.day_start(d1, zone), b]];
    END IF;
    FOREACH span SLICE 1 IN ARRAY spans LOOP
        CONTINUE WHEN span[1] >= span[2];
        h0 := hub.ceil_hour(span[1]);
        h1 := date_trunc('hour', span[2], 'UTC');
        IF h0 <= h1 THEN
            IF h0 < h1 THEN
                RETURN QUERY VALUES ('hour', h0, h1, no_day, no_day, 1);
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
            RETURN QUERY VALUES ('edge', edge[1], edge[2], no_day, no_day, 1);
        ELSE
            RETURN QUERY VALUES ('hour', h0, h1, no_day, no_day, 1);
            IF h0 < edge[1] THEN
                RETURN QUERY VALUES ('edge', h0, edge[1], no_day, no_day, -1);
            END IF;
            IF edge[2] < h1 THEN
                RETURN QUERY VALUES ('edge', edge[2], h1, no_day, no_day, -1);
            END IF;
        END IF;
    END LOOP;
END $$;

-- As before, in a language that has no plan to make: it is asked for every local day of a series.
CREATE OR REPLACE FUNCTION hub.day_start(day date, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    midnight timestamptz := day::timestamp AT TIME ZONE zone;
    noon timestamptz := midnight - interval '12 hours';
    earlier timestamptz := (day::timestamp - ((noon AT TIME ZONE zone) - (noon AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC';
BEGIN
    RETURN CASE WHEN (earlier AT TIME ZONE zone)::date = day THEN least(earlier, midnight) ELSE midnight END;
END $$;

-- Cells of fewer than five are not shown, where the kind is one of health; larger ones are rounded to the nearest five, so
-- that no difference of two of them tells of fewer than five either.
CREATE FUNCTION hub.shown(n bigint, health boolean) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN NOT health OR n IS NULL OR n = 0 THEN n
            WHEN abs(n) < 5 THEN NULL
            ELSE (round(n / 5.0) * 5)::bigint END;
CREATE FUNCTION hub.share(n bigint, of_n bigint, health boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN hub.shown(of_n - n, health) IS NOT NULL
            THEN hub.shown(n, health)::double precision / nullif(hub.shown(of_n, health), 0) END;
-- The time that stands for a bin where the mean of its values might be one person's: the middle of its edges.
CREATE FUNCTION hub.bin_middle(bin smallint) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN bin = 0 THEN 500000 ELSE round(1000000 * 1.02 ^ (bin - 0.5)) END;
CREATE FUNCTION hub.is_health(kind text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    health boolean := (SELECT k.health FROM hub.kind k WHERE k.kind = is_health.kind);
BEGIN
    IF health IS NULL THEN
        RAISE EXCEPTION '% is no kind of service; known: %', coalesce(kind, 'NULL'),
            (SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM hub.kind k) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN health;
END $$;

-- Cases open at a moment, as hub.cases tells. Where cases end with their local day, only those that ended later on the
-- same day are looked at.
DROP FUNCTION hub.open_cases(text, timestamptz);
CREATE FUNCTION hub.open_cases(kind text, at timestamptz)
RETURNS TABLE (opened_at timestamptz, state text, series_id integer, channel text, due_at timestamptz,
               due_done_at timestamptz)
LANGUAGE sql STABLE AS $$
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
          AND NOT c.voids @> jsonb_build_array(jsonb_build_array(t.value -> 3, t.value -> 4))
        ORDER BY t.ord DESC LIMIT 1
    ) then_ ON true
    WHERE c.kind = $1 AND c.closed_at > $2 AND c.opened_at <= $2
      AND c.closed_at <= (
          SELECT CASE WHEN k.expires THEN hub.day_start((($2 AT TIME ZONE hub.timezone())::date + 1), hub.timezone())
                      ELSE 'infinity' END
          FROM hub.kind k WHERE k.kind = $1)
$$;

-- What follows is PL/pgSQL for one reason: it remembers its plans, and to plan these takes longer than to run them.
CREATE FUNCTION hub.waiting_states(kind text) RETURNS text[]
LANGUAGE sql STABLE
RETURN ARRAY(SELECT m.name FROM hub.measure m WHERE m.kind = waiting_states.kind AND m.role = 'state' AND m.waiting);

-- Sums of figures over windows, by bin: one row for each number that was asked with, and bin.
CREATE FUNCTION hub.figure_sums(asks integer[], figures integer[], froms timestamptz[], tos timestamptz[])
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
    ), edge AS MATERIALIZED (
        -- Each edge is read once, however many figures ask for it.
        SELECT e.starts, e.ends, t.figure_no, CASE WHEN t.binned THEN hub.bin_of(c.value) ELSE 0 END AS bin,
               sum(CASE WHEN NOT t.counted THEN 0 WHEN t.weighted THEN c.value ELSE 1 END) AS n,
               sum(CASE WHEN t.binned THEN c.value ELSE 0 END) AS total,
               sum(CASE WHEN c.value <= t.limit_us THEN CASE WHEN t.weighted THEN c.value ELSE 1 END ELSE 0 END) AS hits
        FROM (SELECT DISTINCT starts, ends FROM wanted WHERE grain = 'edge') e
        CROSS JOIN LATERAL (
            SELECT x.measure_id, x.series_id, x.value FROM hub.contribution x
            WHERE x.at >= e.starts AND x.at < e.ends OFFSET 0) c
        JOIN hub.term t ON (t.measure_id, t.series_id) = (c.measure_id, c.series_id)
        GROUP BY 1, 2, 3, 4
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
        SELECT w.ask, e.bin::smallint, w.sign * e.n, w.sign * e.total, w.sign * e.hits
        FROM wanted w JOIN edge e
          ON w.grain = 'edge' AND (e.figure_no, e.starts, e.ends) = (w.figure_no, w.starts, w.ends)
    )
    SELECT part.ask, part.bin, sum(part.n)::bigint, sum(part.total)::bigint, sum(part.hits)::bigint
    FROM part GROUP BY part.ask, part.bin;
END $$;

-- Of `whole` values in ascending order, the number of the one that is a percentile by nearest rank: ceil(p * whole).
CREATE FUNCTION hub.rank_of(statistic text, whole bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE statistic WHEN 'median' THEN (whole + 1) / 2 WHEN 'p90' THEN (whole * 9 + 9) / 10 END;
-- What a screen shows of the sums of one KPI: n cases, hits of them, the total of their values, and the mean and number
-- of the bin in which the percentile lies. `value` in the KPI's unit; it is hidden where a cell of a health kind would
-- be too small; `cases` is n as it is, to judge by. A health kind's mean is told in whole seconds and its percentile as the middle of the bin.
CREATE TYPE hub.shown_value AS (value double precision, n bigint, hidden boolean, cases bigint);
CREATE FUNCTION hub.value_of(
    statistic text, scale double precision, per_units integer, health boolean,
    n bigint, hits bigint, total numeric, bin_mean numeric, bin smallint
)
RETURNS hub.shown_value
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    found hub.shown_value;
BEGIN
    n := coalesce(n, 0);
    found.cases := n;
    found.n := hub.shown(n, health);
    found.hidden := found.n IS NULL;
    IF statistic IN ('count', 'level') THEN
        found.value := found.n::double precision / coalesce(per_units, 1);
    ELSIF n = 0 OR found.hidden THEN
        found.value := NULL;
    ELSIF statistic = 'share' THEN
        found.hidden := hub.shown(hits, health) IS NULL OR hub.shown(n - hits, health) IS NULL;
        found.value := CASE WHEN NOT found.hidden THEN 100.0 * hub.shown(hits, health) / found.n END;
    ELSIF statistic = 'mean' THEN
        found.value := CASE WHEN health THEN round(total / n / 1000000) * 1000000 ELSE total / n END / scale;
    ELSE
        found.value := CASE WHEN health THEN hub.bin_middle(bin) ELSE bin_mean END / scale;
    END IF;
    RETURN found;
END $$;

-- The target of a day: the first whose day is not past, or the last. Achievement: higher is better, value / target;
-- lower, 1 + (1 - value / target) (PermenPANRB 8/2021, chapter VI); never below 0; a target of zero is met or not.
CREATE FUNCTION hub.target_at(days date[], targets double precision[], day date) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    FOR i IN 1 .. cardinality(days) LOOP
        IF day <= days[i] THEN
            RETURN targets[i];
        END IF;
    END LOOP;
    RETURN targets[cardinality(targets)];
END $$;
CREATE FUNCTION hub.achievement(value double precision, target double precision, direction text)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN target = 0 THEN CASE WHEN direction = 'higher' OR value <= 0 THEN 1 ELSE 0 END
            ELSE greatest(0, CASE WHEN direction = 'higher' THEN value / target ELSE 2 - value / target END) END;

-- The status of a value and its reason. `doubt`: why it cannot be trusted, NULL if it can. `previous`: the last status
-- that was ok, warning or critical.
CREATE TYPE hub.judgement AS (status text, reason text);
CREATE FUNCTION hub.judge(
    direction text, minimum_sample bigint, warning_at double precision, warning_clear double precision,
    critical_at double precision, critical_clear double precision,
    value double precision, n bigint, doubt text, hidden boolean, previous text
)
RETURNS hub.judgement
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    way integer := CASE direction WHEN 'lower' THEN 1 ELSE -1 END;
BEGIN
    IF doubt IN ('building', 'rewritten') THEN
        RETURN ('no_data'::text, doubt);
    ELSIF doubt IS NOT NULL THEN
        RETURN ('stale'::text, doubt);
    ELSIF hidden THEN
        RETURN ('no_data'::text, 'suppressed'::text);
    ELSIF value IS NULL THEN
        RETURN ('no_data'::text, 'no_value'::text);
    ELSIF n < minimum_sample THEN
        RETURN ('no_data'::text, 'under_sampled'::text);
    ELSIF way * value >= way * critical_at THEN
        RETURN ('critical'::text, 'raised'::text);
    ELSIF previous = 'critical' AND way * value > way * critical_clear THEN
        RETURN ('critical'::text, 'held'::text);
    ELSIF way * value >= way * warning_at THEN
        RETURN ('warning'::text, 'raised'::text);
    ELSIF previous IN ('critical', 'warning') AND way * value > way * warning_clear THEN
        RETURN ('warning'::text, 'held'::text);
    END IF;
    RETURN ('ok'::text, 'good'::text);
END $$;

-- Values of KPIs of one catalogue over windows. Where none came and nobody was heard, there is no value: silence is not
-- zero. `doubt`: not all cases are in its sums yet, or due dates have other limits now.
CREATE FUNCTION hub.kpi_values(version bigint, kpis text[], froms timestamptz[], tos timestamptz[])
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
        FROM (SELECT DISTINCT a.kind, a.to_at, hub.waiting_states(a.kind) AS waiting
              FROM asked a WHERE a.expires AND a.statistic = 'level') l
        CROSS JOIN LATERAL hub.open_cases(l.kind, date_trunc('minute', l.to_at) - interval '1 microsecond') o
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

-- The newest catalogue, and the one that was in force at a moment (before the first, the first).
CREATE VIEW wall.catalogue AS
    SELECT version, applied_at FROM hub.catalogue;
CREATE FUNCTION wall.catalogue_at(at timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT max(version) FROM hub.catalogue WHERE applied_at <= $1),
                    (SELECT min(version) FROM hub.catalogue))
$$;

-- Why the hub as a whole cannot be trusted at a moment: all that came until its last pulse, or until the oldest message
-- that waits, is counted, and nothing is known of what came later. NULL if it can be trusted.
CREATE FUNCTION hub.lag_doubt(at timestamptz) RETURNS text
LANGUAGE sql STABLE
RETURN CASE WHEN at > interval '60 seconds' + coalesce((SELECT least(p.at, p.waiting_since) FROM hub.pulse p),
                                                       now() - interval '120 seconds') THEN 'hub_lag' END;

-- Of the applications that a KPI rests on: how many were heard within the time that they promised, of those whose units
-- are open; and whether one of these was silent for more than three times as long.
CREATE FUNCTION hub.feeds(version bigint, kpis text[], at timestamptz)
RETURNS TABLE (kpi text, heard integer, expected integer, silent boolean)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH feed AS MATERIALIZED (
        SELECT * FROM hub.kpi_feed f WHERE f.version = $1 AND f.kpi = ANY ($2)
    ), place AS MATERIALIZED (
        SELECT p.calendars,
               array_position(p.calendars, NULL) IS NOT NULL OR EXISTS (
                   SELECT FROM unnest(p.calendars) c(calendar) CROSS JOIN LATERAL (
                       SELECT o.ends FROM hub.opening o WHERE o.calendar = c.calendar AND o.starts <= $3
                       ORDER BY o.starts DESC LIMIT 1) newest
                   WHERE newest.ends > $3) AS is_open
        FROM (SELECT DISTINCT calendars FROM feed) p
    ), publisher AS MATERIALIZED (
        SELECT p.opd, p.app, (
            -- Not a join: this way it is one look into the index.
            SELECT least(h.last_at, $3) FROM hub.heard h
            WHERE h.source_id = (SELECT s.source_id FROM hub.source s WHERE (s.opd, s.app) = (p.opd, p.app))
              AND h.slot <= $3 ORDER BY h.slot DESC LIMIT 1) AS heard_at
        FROM (SELECT DISTINCT opd, app FROM feed) p
    )
    SELECT f.kpi, (count(*) FILTER (WHERE b.heard_at >= $3 - f.expected_every))::integer, count(*)::integer,
           bool_or(coalesce(b.heard_at < $3 - 3 * f.expected_every, true))
    FROM feed f JOIN place p USING (calendars) JOIN publisher b USING (opd, app)
    WHERE p.is_open
    GROUP BY f.kpi;
END $$;

-- KPIs of one catalogue over windows, judged and with their trust as of a moment; `remembering` what the wall showed
-- before, by the same catalogue. Of health kinds a few late events, or a few timely ones, are not told of.
CREATE FUNCTION hub.kpi_judged(
    version bigint, kpis text[], froms timestamptz[], tos timestamptz[], at timestamptz, remembering boolean
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
    ), figured AS MATERIALIZED (
        SELECT v.*, a.kpi, a.from_at, a.to_at
        FROM hub.kpi_values($1, $2, $3, $4) v
        JOIN unnest($2, $3, $4) WITH ORDINALITY a(kpi, from_at, to_at, ask) USING (ask)
    )
    SELECT k.kpi, CASE WHEN k.statistic <> 'level' THEN v.from_at END, v.to_at, CASE WHEN v.doubt IS NULL THEN v.value END,
           v.n, t.target, hub.achievement(CASE WHEN v.doubt IS NULL THEN v.value END, t.target, k.direction),
           j.status, j.reason, n.committed_at, n.commit_no, coalesce(f.heard, 0), coalesce(f.expected, 0),
           hub.share(l.late, l.events, hub.is_health(g.kind)), r.revision
    FROM figured v
    JOIN hub.kpi k ON k.version = $1 AND k.kpi = v.kpi
    JOIN hub.figure g USING (figure_no)
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
        SELECT sum(x.late)::bigint AS late, sum(x.events)::bigint AS events
        FROM hub.kpi_feed e JOIN hub.source s USING (opd, app)
        JOIN hub.arrival_day x ON x.source_id = s.source_id AND x.kind = g.kind
        WHERE (e.version, e.kpi) = ($1, v.kpi)
          AND x.day BETWEEN CASE WHEN k.statistic = 'level' THEN t.last_day ELSE t.first_day END AND t.last_day
    ) l ON true
    LEFT JOIN LATERAL (
        SELECT max(c.commit_no) AS revision
        FROM hub.figure_revision x JOIN hub.commit_log c USING (batch_id)
        WHERE x.figure_no = k.figure_no AND x.day <= t.last_day
          AND (k.statistic = 'level' OR x.day >= t.first_day)
    ) r ON true
    CROSS JOIN LATERAL hub.judge(
        k.direction, k.minimum_sample, k.warning_at, k.warning_clear, k.critical_at, k.critical_clear, v.value, v.cases,
        coalesce(v.doubt, d.hub, CASE WHEN f.silent THEN 'silent' END),
        v.hidden, p.status) j
    ORDER BY k.position;
END $$;

-- The window that a KPI looks back on at a moment, to the end of the running minute; a span of a day or more begins at a
-- whole hour. Health kinds see whole hours only.
CREATE FUNCTION hub.window_at(span interval, local text, health boolean, at timestamptz) RETURNS tstzrange
LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := hub.timezone();
    to_at timestamptz := date_trunc('minute', at) + interval '1 minute';
    from_at timestamptz;
    day date := (at AT TIME ZONE zone)::date;
BEGIN
    IF health THEN
        to_at := hub.ceil_hour(to_at);
    END IF;
    IF span IS NOT NULL THEN
        from_at := to_at - span;
        IF health OR span >= interval '1 day' THEN
            from_at := date_trunc('hour', from_at, 'UTC');
        END IF;
    ELSIF local IS NOT NULL THEN
        from_at := hub.day_start(CASE local WHEN 'day' THEN day ELSE date_trunc(local, day::timestamp)::date END, zone);
    ELSE
        from_at := to_at;
    END IF;
    RETURN tstzrange(from_at, to_at, '[]');
END $$;

-- All KPIs that are in effect at a moment, over the windows that they look back on then. `version` NULL: by the catalogue
-- in force now; wall.catalogue_at(at): by the one of that time.
CREATE FUNCTION wall.kpi_at(at timestamptz, version bigint DEFAULT NULL)
RETURNS TABLE (
    kpi text, from_at timestamptz, to_at timestamptz, value double precision, n bigint, target double precision,
    achievement double precision, status text, reason text, as_of timestamptz, commit_no bigint, heard integer,
    expected integer, late_share double precision, revision bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT j.* FROM (
        SELECT k.version, array_agg(k.kpi) AS kpis, array_agg(lower(w.span)) AS froms, array_agg(upper(w.span)) AS tos
        FROM hub.kpi k JOIN hub.figure f USING (figure_no) JOIN hub.kind d USING (kind)
        CROSS JOIN LATERAL (SELECT hub.window_at(k.span, k.local, d.health, hub.clamp($1)) AS span) w
        WHERE k.version = coalesce($2, (SELECT max(c.version) FROM hub.catalogue c))
          AND (hub.clamp($1) AT TIME ZONE hub.timezone())::date BETWEEN k.since AND coalesce(k.until, 'infinity')
        GROUP BY k.version
    ) a CROSS JOIN LATERAL hub.kpi_judged(a.version, a.kpis, a.froms, a.tos, hub.clamp($1), true) j;
END $$;
CREATE VIEW wall.kpi_now AS SELECT * FROM wall.kpi_at(now());

-- One KPI over any window. Trust is as of the window's end, or of now if that is earlier.
CREATE FUNCTION wall.kpi_value(kpi text, from_at timestamptz, to_at timestamptz, version bigint DEFAULT NULL)
RETURNS TABLE (
    kpi text, from_at timestamptz, to_at timestamptz, value double precision, n bigint, target double precision,
    achievement double precision, status text, reason text, as_of timestamptz, commit_no bigint, heard integer,
    expected integer, late_share double precision, revision bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.* FROM hub.kpi k JOIN hub.figure f USING (figure_no) JOIN hub.kind d USING (kind)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN d.health THEN date_trunc('hour', hub.clamp($2), 'UTC') ELSE date_trunc('minute', hub.clamp($2))
               END AS a,
               CASE WHEN d.health THEN hub.ceil_hour(hub.clamp($3)) ELSE date_trunc('minute', hub.clamp($3)) END AS b
    ) w
    CROSS JOIN LATERAL hub.kpi_judged(k.version, ARRAY[k.kpi], ARRAY[w.a], ARRAY[w.b], least(hub.clamp($3), now()),
                                        false) j
    WHERE k.kpi = $1 AND k.version = coalesce($4, (SELECT max(c.version) FROM hub.catalogue c))
$$;

-- Refuses steps that would be without number.
CREATE FUNCTION hub.check_step(from_at timestamptz, to_at timestamptz, step interval) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF step IS NULL OR step <= interval '0' OR extract(epoch FROM to_at - from_at) / extract(epoch FROM step) > 20000 THEN
        RAISE EXCEPTION 'more than 20000 steps, or none; ask for a shorter time or longer steps'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;

-- One KPI step by step: whole hours, or whole local days, weeks or months, the first that which holds `from`; the last
-- ends with `to`, or now. Each is a window of its own; a level is that of the step's end. A step's status remembers the
-- one before; a step that has not ended is as stale as now is. Late share and revision are of the local days that it
-- touches; heard are those of all publishers that spoke in it. A count of a step that is not the KPI's own window has no target and no status.
CREATE FUNCTION wall.kpi_series(
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
        ), lateness AS MATERIALIZED (
            SELECT a.day, sum(a.late) AS late, sum(a.events) AS events
            FROM hub.arrival_day a WHERE a.source_id = ANY (sources) AND a.kind = g.kind GROUP BY a.day
        ), revised AS MATERIALIZED (
            SELECT x.day, max(c.commit_no) AS commit_no
            FROM hub.figure_revision x JOIN hub.commit_log c USING (batch_id)
            WHERE x.figure_no = k.figure_no GROUP BY x.day
        )
        SELECT s.starts, s.ends, l.late, l.events, v.commit_no AS revised_by,
               (SELECT count(*) FROM unnest(sources) u(source_id) WHERE EXISTS (
                   SELECT FROM hub.heard x
                   WHERE x.source_id = u.source_id AND x.last_at >= s.starts
                     AND x.slot >= s.starts - interval '5 minutes' AND x.slot < s.ends)) AS spoke, h.n, h.hits, h.total, h.bin_mean, h.bin,
               CASE WHEN k.statistic = 'level' AND d.expires THEN (
                        SELECT count(*) FROM hub.open_cases(g.kind, least(s.ends, last) - interval '1 microsecond') o
                        JOIN hub.series p USING (series_id)
                        WHERE (g.opds IS NULL OR p.opd = ANY (g.opds)) AND (g.units IS NULL OR p.unit = ANY (g.units))
                          AND (g.services IS NULL OR p.service = ANY (g.services))
                          AND (g.channels IS NULL OR o.channel = ANY (g.channels))
                          AND CASE g.form WHEN 'waiting' THEN o.state = ANY (waiting)
                                   WHEN 'overdue' THEN o.due_at < least(s.ends, last)
                                        AND least(s.ends, last) <= coalesce(o.due_done_at, 'infinity')
                                   ELSE true END)
                    WHEN k.statistic = 'level' THEN b.n + sum(coalesce(h.n, 0)) OVER (ORDER BY s.starts) END AS level,
               k.statistic = 'count' AND coalesce(h.n, 0) = 0 AND NOT EXISTS (
                   SELECT FROM hub.heard x
                   WHERE x.source_id = ANY (sources) AND x.last_at >= s.starts
                     AND x.slot >= s.starts - interval '5 minutes' AND x.slot < s.ends) AS silence
        FROM step_days s LEFT JOIN held h USING (starts) CROSS JOIN base b
        LEFT JOIN LATERAL (
            SELECT sum(y.late)::bigint AS late, sum(y.events)::bigint AS events
            FROM lateness y WHERE y.day BETWEEN s.first_at AND s.last_at) l ON true
        LEFT JOIN LATERAL (
            SELECT max(y.commit_no) AS commit_no FROM revised y
            WHERE y.day BETWEEN s.first_at AND s.last_at) v ON true
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

-- Remember what the wall shows where it is another status than before. Asked every few seconds by the aggregator.
CREATE FUNCTION hub.note_statuses() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO hub.kpi_shown (kpi, at, status)
    SELECT k.kpi, now(), k.status FROM wall.kpi_at(now()) k
    WHERE k.status IN ('ok', 'warning', 'critical')
      AND k.status IS DISTINCT FROM (
          SELECT s.status FROM hub.kpi_shown s WHERE s.kpi = k.kpi ORDER BY s.at DESC LIMIT 1)
    ON CONFLICT DO NOTHING
$$;

-- The KPIs of a catalogue in words (NULL: of the one in force), with the target of a moment.
CREATE FUNCTION wall.kpi_of(version bigint DEFAULT NULL, at timestamptz DEFAULT now())
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
    SELECT k.kpi, k.position, k.block #>> '{name,id}', k.block #>> '{name,en}', k.block #>> '{programme,programme}',
           k.block #>> '{programme,name,id}', k.block #>> '{programme,name,en}',
           (k.block #>> '{programme,start}')::date, (k.block #>> '{programme,end}')::date,
           k.block #>> '{programme,owner}', r.reviews,
           (SELECT min(d) FROM unnest(r.reviews) d WHERE d >= today.day), k.block ->> 'dimension',
           k.block #>> '{rpjmd,indicator}', k.block #>> '{rpjmd,code}', k.block ->> 'owner', k.block #>> '{source,text}',
           (k.block #>> '{source,verified}')::boolean, f.kind, k.block #>> '{measure,type}', k.block ->> 'unit',
           k.direction, (k.block #>> '{baseline,value}')::double precision, (k.block #>> '{baseline,as_of}')::date,
           hub.target_at(k.target_days, k.targets, today.day),
           coalesce((SELECT min(d) FROM unnest(k.target_days) d WHERE d >= today.day),
                    k.target_days[cardinality(k.target_days)]),
           k.warning_at, k.warning_clear, k.critical_at, k.critical_clear, k.minimum_sample, k.block ->> 'runbook',
           coalesce(k.block #>> '{window,rolling}', k.block #>> '{window,local}'), k.since, k.until
    FROM hub.kpi k JOIN hub.figure f USING (figure_no)
    CROSS JOIN LATERAL (SELECT ($2 AT TIME ZONE hub.timezone())::date AS day) today
    CROSS JOIN LATERAL (
        SELECT array_agg(d::date ORDER BY d) AS reviews FROM jsonb_array_elements_text(k.block #> '{programme,reviews}') d
    ) r
    WHERE k.version = coalesce($1, (SELECT max(c.version) FROM hub.catalogue c))
$$;
CREATE VIEW wall.kpi AS SELECT * FROM wall.kpi_of();

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA hub, wall FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.note_statuses() TO hub_aggregator;
GRANT SELECT ON wall.kpi, wall.kpi_now, wall.catalogue TO grafana_reader;
GRANT EXECUTE ON FUNCTION wall.kpi_at(timestamptz, bigint), wall.kpi_value(text, timestamptz, timestamptz, bigint),
    wall.kpi_series(text, timestamptz, timestamptz, interval, bigint), wall.catalogue_at(timestamptz),
    wall.kpi_of(bigint, timestamptz) TO grafana_reader;
