-- What the variables of the dashboards offer, in the language of the set: __text is shown, __value is what SQL gets.
-- Tokens in braces are codes of ours, filled in when the dashboards are built: {lang} id or en, {kind} queue, permit
-- or visit, {duration} one of the kind's. All (`*` in SQL) is a NULL filter, which takes everything.

-- name: agencies_of_kind
SELECT DISTINCT a.name_{lang} AS __text, a.opd AS __value
FROM wall.agency a JOIN wall.unit u USING (opd)
WHERE '{kind}' = ANY (u.kinds)
ORDER BY 1

-- name: agencies
SELECT name_{lang} AS __text, opd AS __value
FROM wall.agency a
-- Those that publish first: the first one is what is shown when nothing was chosen.
ORDER BY EXISTS (SELECT FROM wall.app p WHERE p.opd = a.opd) DESC, 1

-- name: units_of_kind
-- Agencies may use one code: it is one choice, by all its names. Of two choices that read alike Grafana shows one.
SELECT c.name || CASE WHEN count(*) OVER (PARTITION BY c.name) > 1 THEN ' (' || c.unit || ')' ELSE '' END AS __text,
       c.unit AS __value
FROM (
    SELECT u.unit, string_agg(DISTINCT u.name_{lang}, ' / ' ORDER BY u.name_{lang}) AS name
    FROM wall.unit u
    WHERE '{kind}' = ANY (u.kinds)
      AND ('*' = ANY (ARRAY[${opd:sqlstring}]) OR u.opd = ANY (ARRAY[${opd:sqlstring}]))
    GROUP BY u.unit
) c
ORDER BY 1

-- name: services
SELECT c.name || CASE WHEN count(*) OVER (PARTITION BY c.name) > 1 THEN ' (' || c.service || ')' ELSE '' END AS __text,
       c.service AS __value
FROM (
    SELECT s.service, string_agg(DISTINCT s.name_{lang}, ' / ' ORDER BY s.name_{lang}) AS name
    FROM wall.service s
    WHERE EXISTS (SELECT FROM wall.unit u WHERE u.opd = s.opd AND '{kind}' = ANY (u.kinds))
      AND ('*' = ANY (ARRAY[${opd:sqlstring}]) OR s.opd = ANY (ARRAY[${opd:sqlstring}]))
    GROUP BY s.service
) c
ORDER BY 1

-- name: limits
SELECT to_char(within_limit, 'FMHH24:MI') AS __text, within_limit::text AS __value
FROM wall.duration_limit
WHERE kind = '{kind}' AND duration = '{duration}'
ORDER BY within_limit

-- name: dimensions
SELECT DISTINCT d.name_{lang} AS __text, d.dimension AS __value
FROM (VALUES ('governance', 'Tata kelola', 'Governance'), ('branding', 'Citra kota', 'Branding'),
             ('economy', 'Ekonomi', 'Economy'), ('living', 'Kehidupan', 'Living'),
             ('society', 'Masyarakat', 'Society'), ('environment', 'Lingkungan', 'Environment'))
     AS d(dimension, name_id, name_en)
JOIN wall.kpi USING (dimension)
ORDER BY 1

-- name: kpis
SELECT name_{lang} AS __text, kpi AS __value
FROM wall.kpi
ORDER BY 1
