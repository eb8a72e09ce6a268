-- A reader's session is also ended where it looks at another database, and where what it runs began long ago though its
-- transaction did not.
CREATE OR REPLACE FUNCTION hub.end_long_reads(longest interval) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT (count(*) FILTER (WHERE pg_terminate_backend(a.pid)))::integer FROM pg_stat_activity a
    WHERE a.usename = 'grafana_reader'
      AND (now() - a.xact_start > longest OR a.state = 'active' AND now() - a.query_start > longest)
$$;
