-- Rights that PostgreSQL gives to everybody and grafana_reader may not have: whoever looks at the wall can send any SQL.
-- Run by the superuser in the hub's database, and in a template before it; any number of times.

-- To sleep or to hold a lock costs no time of the processor, so that no time-out of a statement ends it: with the lock
-- of the rules one SELECT would stop all counting. Large objects and messages into the log are writes of a kind.
DO $$
DECLARE
    function_ regprocedure;
BEGIN
    FOR function_ IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ ('^(pg_sleep|pg_(try_)?advisory_|lo_|loread$|'
            'lowrite$|pg_logical_emit_message$|pg_notify$|pg_(terminate|cancel)_backend$)')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function_);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO warroom_owner, hub_aggregator', function_);
    END LOOP;
END $$;
-- A DO block may commit on its way, and so never is old.
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO warroom_owner;
-- Elsewhere on this server none of this holds.
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
-- What a session cannot lift: only a superuser may.
ALTER ROLE grafana_reader SET temp_file_limit = '256MB';
