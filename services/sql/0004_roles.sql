-- Who may do what. Roles belong to the whole server and may exist already; whoever runs the server gives them a login.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['hub_ingest', 'hub_aggregator', 'grafana_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO hub_ingest, hub_aggregator, grafana_reader', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO hub_aggregator', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA hub TO hub_ingest, hub_aggregator;
GRANT SELECT ON hub.city, hub.catalogue TO hub_ingest;

GRANT SELECT ON ALL TABLES IN SCHEMA hub TO hub_aggregator;
GRANT INSERT ON hub.source, hub.series, hub.ledger, hub.event, hub.duplicate, hub.reject, hub.commit_log TO hub_aggregator;
GRANT INSERT, UPDATE ON hub.cases, hub.last_heard TO hub_aggregator;
GRANT UPDATE ON hub.commit_counter TO hub_aggregator;
GRANT INSERT, DELETE ON hub.contribution TO hub_aggregator;
GRANT INSERT, UPDATE, DELETE ON hub.rollup_hour, hub.rollup_day, hub.within_hour, hub.within_day TO hub_aggregator;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA hub TO hub_aggregator;

-- The reader sees `wall` and nothing else; functions there run with their owner's rights.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA hub FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA wall FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.bin_of(bigint) TO hub_aggregator;
GRANT USAGE ON SCHEMA wall TO grafana_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA wall TO grafana_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wall TO grafana_reader;
ALTER ROLE grafana_reader SET statement_timeout = '15s';
ALTER ROLE grafana_reader SET default_transaction_read_only = on;
