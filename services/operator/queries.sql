-- name: books
-- INBOX messages of the stream created at %(created)s, from behind %(after)s to %(last_seq)s, by what became of them;
-- then how many have a place, and how many have more than one. A message that was refused, came again on a redelivery
-- and was taken then (a catalogue applied in between) is counted or a duplicate, not quarantined.
WITH counted AS (
    SELECT inbox_seq FROM hub.ledger
    WHERE inbox_created = %(created)s AND inbox_seq > %(after)s AND inbox_seq <= %(last_seq)s
), duplicate AS (
    SELECT inbox_seq FROM hub.duplicate
    WHERE inbox_created = %(created)s AND inbox_seq > %(after)s AND inbox_seq <= %(last_seq)s
), quarantined AS (
    SELECT inbox_seq FROM hub.reject_state
    WHERE inbox_created = %(created)s AND inbox_seq > %(after)s AND inbox_seq <= %(last_seq)s
      AND NOT same_message AND inbox_seq NOT IN (SELECT inbox_seq FROM duplicate)
), place AS (
    SELECT inbox_seq, count(*) AS places FROM (
        SELECT inbox_seq FROM counted UNION ALL SELECT inbox_seq FROM duplicate UNION ALL SELECT inbox_seq FROM quarantined
    ) x GROUP BY inbox_seq
)
SELECT (SELECT count(*) FROM counted), (SELECT count(*) FROM duplicate), (SELECT count(*) FROM quarantined),
       count(*), count(*) FILTER (WHERE places > 1)
FROM place

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
-- Numbers begin anew with a new INBOX: without the moment it was created, the newest of that number.
SELECT inbox_created, inbox_seq, received_at, reason, field, detail, subject, opd, app, event_id, payload, standing,
       replayed_at, replay_seq
FROM hub.reject_state WHERE inbox_seq = %(seq)s AND (%(created)s::timestamptz IS NULL OR inbox_created = %(created)s)
ORDER BY inbox_created DESC LIMIT 1

-- name: open_rejects
SELECT inbox_created, inbox_seq FROM hub.reject_state
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
FROM wall.duration(%(kind)s, %(name)s, %(from)s, %(to)s, %(limit)s, %(opd)s, %(unit)s, %(service)s, %(channel)s,
                   %(clock)s)

-- name: open
SELECT open, waiting, oldest_open, oldest_waiting
FROM wall.open(%(kind)s, %(at)s, %(opd)s, %(unit)s, %(service)s, %(channel)s)

-- name: limits
SELECT kind, duration, within_limit FROM wall.duration_limit

-- name: known_names
SELECT 'opd', opd FROM wall.agency UNION SELECT 'unit', unit FROM wall.unit UNION SELECT 'service', service FROM wall.service

-- name: city
SELECT name, timezone FROM wall.city
