-- One agency (OPD): its promises, its applications, its services. {lang} is id or en, {kind} a kind.

-- name: kpis
SELECT k.name_{lang} AS name, n.status, round(n.value::numeric, 1)::double precision AS value,
       n.target, k.unit, n.achievement, n.reason, n.n, n.as_of, n.heard || '/' || n.expected AS heard, n.late_share
FROM wall.kpi k JOIN wall.kpi_now n USING (kpi)
WHERE k.owner = ${opd:sqlstring}
ORDER BY array_position(ARRAY['critical', 'warning', 'stale', 'no_data', 'ok'], n.status), n.achievement

-- name: apps
SELECT name_{lang} AS name, CASE WHEN heard_at IS NULL THEN 'never' WHEN silent THEN 'silent' ELSE 'heard' END AS heard,
       heard_at, extract(epoch FROM expected_every) / 60 AS expected_min
FROM wall.app WHERE opd = ${opd:sqlstring}
ORDER BY silent DESC NULLS LAST, name

-- name: levels
SELECT q.waiting AS queue_waiting,
       extract(epoch FROM $__timeTo()::timestamptz - q.oldest_waiting) / 60 AS queue_oldest_min,
       v.waiting AS visit_waiting, p.open AS permit_open, p.overdue AS permit_overdue
FROM wall.open('queue', $__timeTo(), ARRAY[${opd:sqlstring}]) q
CROSS JOIN wall.open('permit', $__timeTo(), ARRAY[${opd:sqlstring}]) p
CROSS JOIN wall.open('visit', $__timeTo(), ARRAY[${opd:sqlstring}]) v

-- name: flow
SELECT s.at AS "time", max(s.cases) FILTER (WHERE k.kind = 'queue') AS queue,
       max(s.cases) FILTER (WHERE k.kind = 'permit') AS permit, max(s.cases) FILTER (WHERE k.kind = 'visit') AS visit
FROM (VALUES ('queue', 'issued'), ('permit', 'submitted'), ('visit', 'registered')) AS k(kind, begins)
CROSS JOIN LATERAL wall.states_over(
    k.kind, $__timeFrom(), $__timeTo(), interval '1 day', ARRAY[${opd:sqlstring}], states => ARRAY[k.begins]) s
GROUP BY 1 ORDER BY 1

-- name: places
-- Visits by unit alone: by service too, most cells would be too small to be shown.
WITH place AS (
    SELECT k.kind, o.opd, o.unit, o.service, sum(o.open) AS open,
           coalesce(sum(o.open) FILTER (WHERE o.waiting), 0) AS waiting, min(o.oldest) AS oldest
    FROM unnest(ARRAY['queue', 'permit']) AS k(kind)
    CROSS JOIN LATERAL wall.open_by_state(k.kind, $__timeTo(), ARRAY[${opd:sqlstring}]) o
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT 'visit', v.opd, v.key, NULL, v.open, v.waiting, v.oldest
    FROM wall.open_by('visit', $__timeTo(), 'unit', ARRAY[${opd:sqlstring}]) v
)
SELECT coalesce(u.name_{lang}, p.unit) AS unit, coalesce(s.name_{lang}, p.service, '–') AS service, p.kind, p.open, p.waiting,
       extract(epoch FROM $__timeTo()::timestamptz - p.oldest) / 3600 AS oldest_hours
FROM place p
LEFT JOIN wall.unit u ON (u.opd, u.unit) = (p.opd, p.unit)
LEFT JOIN wall.service s ON (s.opd, s.service) = (p.opd, p.service)
ORDER BY open DESC NULLS LAST, unit, service

-- name: integrity
-- The last week alone: it is a reason to ask somebody who still remembers.
SELECT coalesce(u.name_{lang}, i.unit) AS unit, k.kind, i.closed, i.bulk_share, i.zero_share, i.late_return_share,
       i.restarts, i.returned_again
FROM unnest(ARRAY['queue', 'permit', 'visit']) AS k(kind)
CROSS JOIN LATERAL wall.integrity(
    k.kind, $__timeTo()::timestamptz - interval '7 days', $__timeTo(), ARRAY[${opd:sqlstring}]) i
LEFT JOIN wall.unit u ON (u.opd, u.unit) = (i.opd, i.unit)
WHERE i.closed > 0
ORDER BY greatest(i.bulk_share, i.zero_share, i.late_return_share) DESC NULLS LAST, unit
