-- name: rewritten
SELECT kind, opd, digest FROM hub.rewritten

-- name: agencies
-- Every kind that an agency of the catalogue takes, or that was ever counted there.
SELECT DISTINCT kind, opd FROM hub.series
UNION
SELECT DISTINCT k.kind, a ->> 'opd'
FROM hub.register, jsonb_array_elements(document -> 'agencies') a, jsonb_array_elements(a -> 'units') u,
     jsonb_array_elements_text(u -> 'kinds') k(kind)
ORDER BY 1, 2

-- name: extent
SELECT coalesce(max(case_no), 0), count(*) FROM hub.cases WHERE kind = %s AND opd = %s

-- name: cases_of
SELECT case_id, kind, opd, case_no FROM hub.cases
WHERE kind = %s AND opd = %s AND case_no > %s AND case_no <= %s ORDER BY case_no LIMIT %s

-- name: note_rewritten
INSERT INTO hub.rewritten (kind, opd, digest) VALUES (%s, %s, %s)
ON CONFLICT (kind, opd) DO UPDATE SET digest = excluded.digest

-- name: next_stretch
-- The figures that are counted least far, and the next case numbers for them. A number is given before its case is
-- committed; but whoever was given one holds the rules, so none is under way now.
SELECT f.counted_to, f.counted_to + %s, s.last_value
FROM (SELECT min(counted_to) AS counted_to FROM hub.figure WHERE counted_to < 9223372036854775807) f, hub.case_no s
WHERE f.counted_to IS NOT NULL

-- name: count_figures
WITH gained AS MATERIALIZED (
    SELECT figure_no, hour, day, bin, sum(n) AS n, sum(total) AS total, sum(hits) AS hits
    FROM hub.figured
    WHERE case_no > %(start)s AND case_no <= %(end)s AND counted_to = %(start)s
    GROUP BY 1, 2, 3, 4
), hours AS (
    INSERT INTO hub.figure_hour AS r (figure_no, hour, bin, n, total, hits)
    SELECT figure_no, hour, bin, sum(n), sum(total), sum(hits) FROM gained
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0
    ON CONFLICT (figure_no, hour, bin) DO UPDATE
    SET n = r.n + excluded.n, total = r.total + excluded.total, hits = r.hits + excluded.hits
), days AS (
    INSERT INTO hub.figure_day AS r (figure_no, day, bin, n, total, hits)
    SELECT figure_no, day, bin, sum(n), sum(total), sum(hits) FROM gained
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 OR sum(hits) <> 0
    ON CONFLICT (figure_no, day, bin) DO UPDATE
    SET n = r.n + excluded.n, total = r.total + excluded.total, hits = r.hits + excluded.hits
)
INSERT INTO hub.figure_revision AS r (figure_no, day, batch_id)
SELECT DISTINCT g.figure_no, g.day, l.batch_id
FROM gained g, (SELECT batch_id FROM hub.commit_log ORDER BY commit_no DESC LIMIT 1) l
ON CONFLICT (figure_no, day) DO UPDATE SET batch_id = excluded.batch_id

-- name: drop_counted_empty
WITH hours AS (
    DELETE FROM hub.figure_hour r USING hub.figure f
    WHERE r.figure_no = f.figure_no AND f.counted_to = %(start)s AND (r.n, r.total, r.hits) = (0, 0, 0)
)
DELETE FROM hub.figure_day r USING hub.figure f
WHERE r.figure_no = f.figure_no AND f.counted_to = %(start)s AND (r.n, r.total, r.hits) = (0, 0, 0)

-- name: move_border
UPDATE hub.figure SET counted_to = CASE WHEN %(end)s >= %(last)s THEN 9223372036854775807 ELSE %(end)s END
WHERE counted_to = %(start)s
