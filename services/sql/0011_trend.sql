-- KPIs at a moment beside their values some time before. Both moments are counted in one go, at less than the cost
-- of two.

-- As wall.kpi_at tells KPIs and values; `before` is the value at the moment `back` earlier, of a KPI in effect then too.
CREATE FUNCTION wall.kpi_trend(at timestamptz, back interval)
RETURNS TABLE (
    kpi text, value double precision, n bigint, target double precision, achievement double precision, status text,
    reason text, before double precision
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH asked AS MATERIALIZED (
        SELECT a.version, a.at, w.kpis, w.froms, w.tos, b.kpis AS kpis_before, b.froms AS froms_before, b.tos AS tos_before
        FROM (SELECT max(c.version) AS version, hub.clamp($1) AS at, hub.clamp($1 - $2) AS earlier FROM hub.catalogue c) a
        CROSS JOIN LATERAL hub.kpi_windows(a.version, a.at) w
        CROSS JOIN LATERAL hub.kpi_windows(a.version, a.earlier) b
    ), judged AS MATERIALIZED (
        SELECT j.*
        FROM asked a
        CROSS JOIN LATERAL hub.kpi_judged(a.version, a.kpis || a.kpis_before, a.froms || a.froms_before,
                                          a.tos || a.tos_before, a.at, true, false) j
    )
    -- One window may stand for both moments, and is then told twice alike.
    SELECT DISTINCT n.kpi, n.value, n.n, n.target, n.achievement, n.status, n.reason, e.value
    FROM (SELECT unnest(a.kpis) AS kpi, unnest(a.tos) AS to_at FROM asked a) w
    JOIN judged n USING (kpi, to_at)
    LEFT JOIN (SELECT unnest(a.kpis_before) AS kpi, unnest(a.tos_before) AS to_at FROM asked a) b ON b.kpi = w.kpi
    LEFT JOIN judged e ON e.kpi = b.kpi AND e.to_at = b.to_at
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA hub, wall FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wall TO grafana_reader;
