-- Run once, on an empty data volume, by the database's superuser: the hub's roles with their passwords from the
-- environment, and its database. What each role may do is the migrations' affair.
\getenv owner WARROOM_OWNER_PASSWORD
\getenv ingest WARROOM_INGEST_PASSWORD
\getenv aggregator WARROOM_AGGREGATOR_PASSWORD
\getenv grafana WARROOM_GRAFANA_DB_PASSWORD
SET password_encryption = 'scram-sha-256';
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE warroom_owner LOGIN CREATEROLE PASSWORD :'owner';
CREATE ROLE hub_ingest LOGIN PASSWORD :'ingest';
CREATE ROLE hub_aggregator LOGIN PASSWORD :'aggregator';
CREATE ROLE grafana_reader LOGIN PASSWORD :'grafana';
GRANT hub_ingest, hub_aggregator, grafana_reader TO warroom_owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
CREATE DATABASE warroom OWNER warroom_owner;
\connect warroom
CREATE EXTENSION IF NOT EXISTS timescaledb;
\i /etc/warroom/reader.sql
