-- name: city
SELECT name, timezone FROM wall.city

-- name: version
-- The catalogue to judge by: the one in force, or with `then` the one that was in force at the moment.
SELECT CASE WHEN %(then)s THEN wall.catalogue_at(%(at)s) ELSE (SELECT max(version) FROM wall.catalogue) END

-- name: kpis
-- KPIs in words and figures: at a moment over their own windows, or all over one window. One that is not in effect then
-- has no status.
SELECT kpi, k.name_id, k.name_en, k.programme, k.programme_id, k.programme_en, k.programme_start, k.programme_end,
       k.programme_owner, k.reviews, k.next_review, k.dimension, k.rpjmd_indicator, k.rpjmd_code, k.owner,
       a.name_id AS owner_id, a.name_en AS owner_en, k.source, k.source_verified, k.kind, k.form, k.unit, k.direction,
       k.baseline, k.baseline_as_of, k.warning_at, k.warning_clear, k.critical_at, k.critical_clear, k.minimum_sample,
       k.runbook, k.window_text, k.effective_since, k.effective_until, v.from_at, v.to_at, v.value, v.n, v.target,
       k.target_by, v.achievement, v.status, v.reason, v.as_of,
       v.commit_no, v.heard, v.expected, v.late_share, v.revision
FROM wall.kpi_of(%(version)s, %(at)s) k
LEFT JOIN (
    SELECT * FROM wall.kpi_at(%(at)s, %(version)s) WHERE %(from)s::timestamptz IS NULL
    UNION ALL
    SELECT x.* FROM wall.kpi_of(%(version)s) w CROSS JOIN LATERAL wall.kpi_value(w.kpi, %(from)s, %(to)s, %(version)s) x
    WHERE %(from)s::timestamptz IS NOT NULL
) v USING (kpi)
LEFT JOIN wall.agency a ON a.opd = k.owner
WHERE %(kpi)s::text IS NULL OR kpi = %(kpi)s
ORDER BY k.position, kpi

-- name: series
-- The last steps of each KPI: local days where its window is a day or more, or its cases stay open over midnight;
-- else hours. `daily` tells it for windows that are not the KPIs' own.
SELECT k.kpi, d.daily, s.at, s.value, s.n, s.target, s.achievement, s.status, s.reason,
       s.as_of, s.commit_no, s.heard, s.expected, s.late_share, s.revision
FROM wall.kpi_of(%(version)s, %(at)s) k
CROSS JOIN LATERAL (
    SELECT CASE WHEN k.window_text IS NULL THEN k.kind = ANY (%(lasting)s)
                ELSE coalesce(%(daily)s::boolean,
                              CASE WHEN k.window_text IN ('day', 'week', 'month') THEN true
                                   ELSE k.window_text::interval >= interval '1 day' END)
           END AS daily
) d
CROSS JOIN LATERAL wall.kpi_series(
    k.kpi, CASE WHEN d.daily THEN %(first_day)s::timestamptz ELSE %(first_hour)s::timestamptz END, %(to)s,
    CASE WHEN d.daily THEN interval '1 day' ELSE interval '1 hour' END, %(version)s) s
WHERE %(kpi)s::text IS NULL OR k.kpi = %(kpi)s
ORDER BY k.position, s.at

-- name: names
SELECT kpi, name_id, name_en FROM wall.kpi ORDER BY position
