-- With what each session of the reader begins. A role may change its own settings, so all are set anew each time.
DO $$
BEGIN
    EXECUTE format('ALTER ROLE grafana_reader IN DATABASE %I RESET ALL', current_database());
END $$;
ALTER ROLE grafana_reader RESET ALL;
ALTER ROLE grafana_reader SET statement_timeout = '15s';
ALTER ROLE grafana_reader SET default_transaction_read_only = on;
ALTER ROLE grafana_reader SET search_path = wall;
ALTER ROLE grafana_reader CONNECTION LIMIT 20;
