-- The store: what was received (ledger, event, duplicate, reject), what it means (cases, contribution), and its sums.
-- Times are UTC; durations are microseconds in bigint, so that addition is exact and commutes.

CREATE SCHEMA hub;
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- The city: one row. Its time zone cuts the local days of rollup_day.
CREATE TABLE hub.city (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    name text NOT NULL,
    code text,
    timezone text NOT NULL,
    late_after interval NOT NULL
);

-- Every catalogue that was ever applied; the newest is in force.
CREATE TABLE hub.catalogue (
    version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    document jsonb NOT NULL
);

-- Small numbers for what repeats in every row.
CREATE TABLE hub.source (
    source_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opd text NOT NULL,
    app text NOT NULL,
    UNIQUE (opd, app)
);
CREATE TABLE hub.series (
    series_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opd text NOT NULL,
    kind text NOT NULL,
    unit text NOT NULL,
    service text NOT NULL,
    channel text NOT NULL,
    UNIQUE (opd, kind, unit, service, channel)
);
-- role: state = events of a state (value 1 at the case's first entry, else 0); duration = a duration (value in
-- microseconds); negative = a duration whose end lies before its start, counted apart.
CREATE TABLE hub.measure (
    measure_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    role text NOT NULL CHECK (role IN ('state', 'duration', 'negative')),
    name text NOT NULL,
    waiting boolean NOT NULL DEFAULT false,
    UNIQUE (kind, role, name)
);
-- Limits that are counted exactly as events come (catalogue `limits`).
CREATE TABLE hub.duration_limit (
    measure_id smallint NOT NULL REFERENCES hub.measure,
    limit_us bigint NOT NULL CHECK (limit_us > 0),
    PRIMARY KEY (measure_id, limit_us)
);

-- One row per transaction of the aggregator. The number is gap-free and given last, so "as known at commit n" has one
-- meaning; ledger rows point here through batch_id and need no second write.
CREATE SEQUENCE hub.batch_id;
CREATE TABLE hub.commit_counter (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    commit_no bigint NOT NULL
);
INSERT INTO hub.commit_counter (commit_no) VALUES (0);
CREATE TABLE hub.commit_log (
    commit_no bigint PRIMARY KEY,
    batch_id bigint NOT NULL UNIQUE,
    committed_at timestamptz NOT NULL
);

-- Every event that counted, once: the only judge of repetition.
CREATE TABLE hub.ledger (
    source_id integer NOT NULL,
    event_id text NOT NULL,
    digest bytea NOT NULL,
    inbox_created timestamptz NOT NULL,
    inbox_seq bigint NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (source_id, event_id)
);
-- Rows come nearly in the order of INBOX, so the small index does for the books of a stretch of it.
CREATE INDEX ON hub.ledger USING brin (inbox_seq);
-- The raw events, one for each row of the ledger: all figures can be recomputed from here. A heartbeat has no series and
-- no case. No foreign keys on a hypertable (they deadlock on chunks).
CREATE TABLE hub.event (
    at timestamptz NOT NULL,
    source_id integer NOT NULL,
    event_id text NOT NULL,
    series_id integer,
    case_id text,
    state text NOT NULL,
    voids text,
    received_at timestamptz NOT NULL,
    history boolean NOT NULL,
    batch_id bigint NOT NULL
);
SELECT create_hypertable('hub.event', 'at', chunk_time_interval => interval '30 days', create_default_indexes => false);
CREATE INDEX ON hub.event USING brin (at);
CREATE INDEX ON hub.event USING brin (batch_id);

-- INBOX messages that repeat an event that counted.
CREATE TABLE hub.duplicate (
    inbox_created timestamptz NOT NULL,
    inbox_seq bigint NOT NULL,
    source_id integer NOT NULL,
    event_id text NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (inbox_created, inbox_seq)
);
-- The quarantine: INBOX messages that were refused. `payload` is masked.
CREATE TABLE hub.reject (
    inbox_created timestamptz NOT NULL,
    inbox_seq bigint NOT NULL,
    reason text NOT NULL,
    field text NOT NULL,
    detail text NOT NULL,
    subject text NOT NULL,
    opd text,
    app text,
    event_id text,
    payload text NOT NULL,
    received_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    replayed_at timestamptz,
    replay_seq bigint,
    PRIMARY KEY (inbox_created, inbox_seq)
);
CREATE INDEX ON hub.reject (opd, app, event_id);

-- A case is the set of its events less the voided ones. transitions: [[at_us, state, series_id, source_id, event_id]…]
-- in merged order, voided ones included; voids: [[source_id, event_id]…]. The other columns follow from these two.
CREATE SEQUENCE hub.case_no;
CREATE TABLE hub.cases (
    case_no bigint PRIMARY KEY,
    opd text NOT NULL,
    kind text NOT NULL,
    case_id text NOT NULL,
    opened_at timestamptz,
    closed_at timestamptz NOT NULL,
    last_at timestamptz,
    state text,
    series_id integer,
    channel text,
    flags text[] NOT NULL,
    transitions jsonb NOT NULL,
    voids jsonb NOT NULL,
    UNIQUE (case_id, kind, opd)
) WITH (fillfactor = 80);
CREATE INDEX ON hub.cases (kind, closed_at);

-- What each case adds to the sums, as stored: the "before" of the next merge and the source of a window's edges.
CREATE TABLE hub.contribution (
    case_no bigint NOT NULL,
    series_id integer NOT NULL,
    measure_id smallint NOT NULL,
    at timestamptz NOT NULL,
    value bigint NOT NULL
);
CREATE INDEX ON hub.contribution (case_no);
CREATE INDEX ON hub.contribution (at);

-- Sums of contributions by hour and by local day: n of them, total of their values, by log-spaced bin of the value.
CREATE TABLE hub.rollup_hour (
    measure_id smallint NOT NULL,
    hour timestamptz NOT NULL,
    series_id integer NOT NULL,
    bin smallint NOT NULL,
    n bigint NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (measure_id, hour, series_id, bin)
) WITH (fillfactor = 80);
CREATE TABLE hub.rollup_day (
    measure_id smallint NOT NULL,
    day date NOT NULL,
    series_id integer NOT NULL,
    bin smallint NOT NULL,
    n bigint NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (measure_id, day, series_id, bin)
) WITH (fillfactor = 80);
-- How many durations lay within a limit, exactly.
CREATE TABLE hub.within_hour (
    measure_id smallint NOT NULL,
    limit_us bigint NOT NULL,
    hour timestamptz NOT NULL,
    series_id integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (measure_id, limit_us, hour, series_id)
) WITH (fillfactor = 80);
CREATE TABLE hub.within_day (
    measure_id smallint NOT NULL,
    limit_us bigint NOT NULL,
    day date NOT NULL,
    series_id integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (measure_id, limit_us, day, series_id)
) WITH (fillfactor = 80);

-- When each application was last heard, by the broker's clock; history does not count.
CREATE TABLE hub.last_heard (
    source_id integer PRIMARY KEY,
    heard_at timestamptz NOT NULL
);
