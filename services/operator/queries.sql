-- name: books
-- INBOX messages of the stream created at %(created)s after %(after)s by what became of them; each is in one of three.
WITH counted AS (
    SELECT inbox_seq FROM hub.ledger WHERE inbox_created = %(created)s AND inbox_seq > %(after)s
), duplicate AS (
    SELECT inbox_seq FROM hub.duplicate WHERE inbox_created = %(created)s AND inbox_seq > %(after)s
), quarantined AS (
    SELECT inbox_seq FROM hub.reject_state WHERE inbox_created = %(created)s AND inbox_seq > %(after)s AND NOT same_message
), every AS (
    SELECT inbox_seq FROM counted UNION SELECT inbox_seq FROM duplicate UNION SELECT inbox_seq FROM quarantined
)
SELECT (SELECT count(*) FROM counted), (SELECT count(*) FROM duplicate), (SELECT count(*) FROM quarantined),
       (SELECT count(*) FROM every WHERE inbox_seq <= %(last_seq)s)

-- name: counted_and_quarantined
-- Ids that are counted and stand open in the quarantine for another reason than a conflict: there must be none.
SELECT count(*) FROM hub.reject_state r JOIN hub.source s USING (opd, app)
JOIN hub.ledger l ON l.source_id = s.source_id AND l.event_id = r.event_id
WHERE r.standing = 'open' AND r.reason <> 'conflict'

-- name: commit_no
SELECT c.commit_no, l.committed_at FROM hub.commit_counter c LEFT JOIN hub.commit_log l USING (commit_no)

-- name: newest_batch
SELECT coalesce(max(batch_id), 0) FROM hub.commit_log

-- name: late_since
SELECT count(*) FROM hub.event e, hub.city c
WHERE e.batch_id > %s AND NOT e.history AND e.received_at - e.at > c.late_after

-- name: latency_since
-- From the broker's stamp to the commit, in milliseconds. When an application published is not known: it may hold back.
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x.ms), percentile_disc(0.99) WITHIN GROUP (ORDER BY x.ms), count(*)
FROM (
    SELECT extract(epoch FROM l.committed_at - e.received_at)::double precision * 1000 AS ms
    FROM hub.event e JOIN hub.commit_log l USING (batch_id)
    WHERE e.batch_id > %s AND NOT e.history
) x

-- name: services_now
-- The services with the longest lines: waiting now, oldest, and today's p90 wait in seconds.
SELECT o.opd, o.service, coalesce(v.name_id, o.service), coalesce(v.name_en, o.service), o.waiting, o.oldest, d.n, d.p90_s
FROM (
    SELECT opd, service, sum(open) FILTER (WHERE waiting) AS waiting, min(oldest) FILTER (WHERE waiting) AS oldest
    FROM wall.open_by_state('queue') GROUP BY opd, service ORDER BY 3 DESC NULLS LAST, 1, 2 LIMIT %(top)s
) o
LEFT JOIN wall.service v USING (opd, service)
CROSS JOIN LATERAL wall.duration('queue', 'wait', %(day)s, %(until)s, NULL, ARRAY[o.opd], NULL, ARRAY[o.service]) d
ORDER BY o.waiting DESC NULLS LAST, 1, 2

-- name: today
SELECT (SELECT open FROM wall.open('permit')),
       (SELECT waiting FROM wall.open('queue')),
       (SELECT coalesce(sum(cases), 0)::bigint FROM wall.states('visit', %(day)s, %(until)s) WHERE state = 'registered'),
       (SELECT coalesce(sum(cases), 0)::bigint FROM wall.states('queue', %(day)s, %(until)s) WHERE state = 'served')

-- name: quarantine
SELECT reason, standing, sum(n)::bigint FROM wall.quarantine GROUP BY 1, 2 ORDER BY 1, 2

-- name: apps
SELECT opd, app, name_id, name_en, heard_at, expected_every FROM wall.app ORDER BY opd, app

-- name: rejects
SELECT inbox_created, inbox_seq, received_at, reason, field, opd, app, event_id, standing
FROM hub.reject_state
WHERE (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(opd)s::text IS NULL OR opd = %(opd)s)
  AND (%(everything)s OR standing = 'open')
ORDER BY received_at DESC, inbox_seq DESC LIMIT %(limit)s

-- name: reject
SELECT inbox_created, inbox_seq, received_at, reason, field, detail, subject, opd, app, event_id, payload, standing,
       replayed_at, replay_seq
FROM hub.reject_state WHERE inbox_seq = %s ORDER BY inbox_created DESC LIMIT 1

-- name: open_rejects
SELECT inbox_seq FROM hub.reject_state
WHERE standing = 'open' AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(opd)s::text IS NULL OR opd = %(opd)s) AND reason <> 'conflict'
ORDER BY inbox_created, inbox_seq

-- name: mark_replayed
UPDATE hub.reject SET replayed_at = clock_timestamp(), replay_seq = %s WHERE inbox_created = %s AND inbox_seq = %s

-- name: states
SELECT state, events, cases FROM wall.states(%(kind)s, %(from)s, %(to)s, %(opd)s, %(unit)s, %(service)s, %(channel)s)

-- name: channel_share
SELECT n, of_n, share
FROM wall.channel_share(%(kind)s, %(state)s, %(name)s, %(from)s, %(to)s, %(opd)s, %(unit)s, %(service)s)

-- name: duration
SELECT n, negative, mean_s, median_s, p90_s, within, within_share
FROM wall.duration(%(kind)s, %(name)s, %(from)s, %(to)s, %(limit)s, %(opd)s, %(unit)s, %(service)s, %(channel)s)

-- name: open
SELECT open, waiting, oldest_open, oldest_waiting
FROM wall.open(%(kind)s, %(at)s, %(opd)s, %(unit)s, %(service)s, %(channel)s)

-- name: limits
SELECT kind, duration, within_limit FROM wall.duration_limit

-- name: city
SELECT name, timezone FROM wall.city
