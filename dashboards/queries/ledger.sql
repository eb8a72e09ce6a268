-- The ledger of quick wins: what was promised, and how far it is reached. {lang} is id or en, {kpi} the code of a KPI.

-- name: ledger
-- The trend compares with the same moment a week ago, in the direction of the KPI.
SELECT k.programme_{lang} AS programme, k.name_{lang} AS name, k.dimension, upper(k.owner) AS owner, k.unit,
       k.baseline, n.target, k.target_by, round(n.value::numeric, 1)::double precision AS value, n.status,
       n.achievement,
       CASE WHEN n.value IS NULL OR n.before IS NULL THEN 'unknown'
            WHEN n.value = n.before THEN 'same'
            WHEN (n.value < n.before) = (k.direction = 'lower') THEN 'better'
            ELSE 'worse' END AS trend,
       k.next_review, concat_ws(' ', k.rpjmd_code, k.rpjmd_indicator) AS rpjmd,
       k.source_verified::text AS source_verified
FROM wall.kpi k
JOIN wall.kpi_trend(now(), interval '7 days') n USING (kpi)
WHERE '*' = ANY (ARRAY[${dimension:sqlstring}]) OR k.dimension = ANY (ARRAY[${dimension:sqlstring}])
ORDER BY programme, name

-- name: chosen
SELECT v.part, v.written
FROM wall.kpi k
CROSS JOIN LATERAL (VALUES
    (1, 'programme', k.programme_{lang}), (2, 'owner', k.programme_owner || ' (' || k.owner || ')'),
    (3, 'period', k.programme_start || ' – ' || k.programme_end), (4, 'next_review', k.next_review::text),
    (5, 'rpjmd', concat_ws(' ', k.rpjmd_code, k.rpjmd_indicator)), (6, 'source', k.source),
    (7, 'source_verified', k.source_verified::text), (8, 'window', k.window_text),
    (9, 'minimum_sample', k.minimum_sample::text), (10, 'runbook', k.runbook)
) AS v(place, part, written)
WHERE k.kpi = ${kpi:sqlstring} AND v.written IS NOT NULL
ORDER BY v.place

-- name: chosen_series
SELECT s.at AS "time", s.value, s.target, k.baseline
FROM wall.kpi k
CROSS JOIN LATERAL wall.kpi_series(
    k.kpi, $__timeFrom(), $__timeTo(),
    CASE WHEN $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '3 days' THEN interval '1 hour'
         ELSE interval '1 day' END) s
WHERE k.kpi = ${kpi:sqlstring}
ORDER BY 1

-- name: chosen_status
SELECT s.at AS "time", s.status
FROM wall.kpi_series(
    ${kpi:sqlstring}, $__timeFrom(), $__timeTo(),
    CASE WHEN $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '3 days' THEN interval '1 hour'
         ELSE interval '1 day' END) s
ORDER BY 1

-- name: series
-- One KPI of the catalogue, for the panel that is built for it.
SELECT s.at AS "time", s.value, s.target
FROM wall.kpi_series(
    '{kpi}', $__timeFrom(), $__timeTo(),
    CASE WHEN $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '3 days' THEN interval '1 hour'
         ELSE interval '1 day' END) s
ORDER BY 1
