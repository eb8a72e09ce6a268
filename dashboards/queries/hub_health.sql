-- The hub itself: is it behind, what does it refuse, who is silent. {lang} is id or en.

-- name: summary
-- Without a pulse nobody knows how far behind the hub is.
SELECT CASE WHEN pulse_at IS NOT NULL THEN coalesce(lag_s, 0) END AS lag_s, extract(epoch FROM now() - pulse_at) AS pulse_s, events_last_minute,
       late_today_share,
       (SELECT coalesce(sum(n), 0) FROM wall.quarantine WHERE standing = 'open') AS rejects_open,
       (SELECT count(*) FROM wall.app WHERE silent) AS silent_apps, commit_no
FROM wall.hub

-- name: throughput
SELECT at AS "time", counted, duplicates, rejected
FROM wall.throughput(
    $__timeFrom(), $__timeTo(),
    CASE WHEN $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '6 hours' THEN interval '1 minute'
         ELSE interval '1 hour' END)
ORDER BY 1

-- name: latency
SELECT at AS "time", p50_s * 1000 AS p50_ms, p99_s * 1000 AS p99_ms
FROM wall.throughput(
    $__timeFrom(), $__timeTo(),
    CASE WHEN $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '6 hours' THEN interval '1 minute'
         ELSE interval '1 hour' END)
ORDER BY 1

-- name: rejects
SELECT reason, sum(n) FILTER (WHERE standing = 'open') AS open, sum(n) AS all_time, count(DISTINCT (opd, app)) AS apps,
       max(newest) AS newest
FROM wall.quarantine GROUP BY 1
ORDER BY open DESC NULLS LAST, reason

-- name: silent
SELECT a.name_{lang} AS agency, p.name_{lang} AS app, p.heard_at,
       extract(epoch FROM p.expected_every) / 60 AS expected_min,
       extract(epoch FROM now() - p.heard_at) / 60 AS silent_min
FROM wall.app p JOIN wall.agency a USING (opd)
WHERE p.silent
ORDER BY p.heard_at NULLS FIRST, 1, 2
