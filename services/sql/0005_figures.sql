-- What KPIs need of the store: working time, due dates, the sums of each KPI's figure, and what their trust rests on.

-- health: no figure of fewer than five cases is shown. expires: cases end with their local day.
CREATE TABLE hub.kind (
    kind text PRIMARY KEY,
    health boolean NOT NULL,
    expires boolean NOT NULL
);
-- net = a duration in working time without pauses; level = +1 where a case begins to be open, waiting or overdue, -1 where
-- it ends, so that the running sum is how many are so; signal = a sign of a figure that is made to look good.
ALTER TABLE hub.measure DROP CONSTRAINT measure_role_check;
ALTER TABLE hub.measure ADD terminal boolean NOT NULL DEFAULT false, ADD serves boolean NOT NULL DEFAULT false;
ALTER TABLE hub.measure ADD CHECK (role IN ('state', 'duration', 'negative', 'net', 'level', 'signal'));
-- due_at: NULL while a case has no limit, or its applicant has it. due_done_at: when what the limit is of had ended.
ALTER TABLE hub.cases ADD due_at timestamptz, ADD due_done_at timestamptz;

-- When the calendars of the catalogue in force are open: every opening of the years that it covers.
CREATE TABLE hub.opening (
    calendar text NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    PRIMARY KEY (calendar, starts)
);

-- A figure is what a KPI measures, of whom: equal ones of any number of KPIs and catalogues are one. Cases up to
-- counted_to are in its sums. retired: by a limit that due dates no longer follow. form: count, share, statistic (of terms); open, waiting, overdue (levels).
CREATE TABLE hub.figure (
    figure_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    definition text NOT NULL UNIQUE,
    kind text NOT NULL,
    form text NOT NULL CHECK (form IN ('count', 'share', 'statistic', 'open', 'waiting', 'overdue')),
    opds text[], units text[], services text[], channels text[],
    counted_to bigint NOT NULL DEFAULT 0,
    retired boolean NOT NULL DEFAULT false
);
-- Which contributions belong to a figure. counted: they are its cases. weighted: a contribution counts by its value.
-- binned: their values are summed by bin. hit: never, always, channel (only through that channel), limit (value at or
-- below the limit of its unit, or else the one given here).
CREATE TABLE hub.figure_part (
    figure_no integer NOT NULL REFERENCES hub.figure,
    measure_id smallint NOT NULL REFERENCES hub.measure,
    counted boolean NOT NULL,
    weighted boolean NOT NULL,
    binned boolean NOT NULL,
    hit text NOT NULL CHECK (hit IN ('never', 'always', 'channel', 'limit')),
    channel text,
    limit_us bigint,
    PRIMARY KEY (figure_no, measure_id)
);
CREATE TABLE hub.figure_limit (
    figure_no integer NOT NULL REFERENCES hub.figure,
    opd text NOT NULL,
    unit text NOT NULL,
    limit_us bigint NOT NULL,
    PRIMARY KEY (figure_no, opd, unit)
);
-- The parts of all figures, for each series that they take. limit_us NULL: no contribution is a hit.
CREATE TABLE hub.term (
    measure_id smallint NOT NULL,
    series_id integer NOT NULL,
    figure_no integer NOT NULL,
    counted boolean NOT NULL,
    weighted boolean NOT NULL,
    binned boolean NOT NULL,
    limit_us bigint,
    PRIMARY KEY (measure_id, series_id, figure_no)
);
CREATE INDEX ON hub.term (figure_no);

-- What the terms of series are, by the figures that there are.
CREATE FUNCTION hub.terms_of(series integer[])
RETURNS TABLE (measure_id smallint, series_id integer, figure_no integer, counted boolean, weighted boolean,
               binned boolean, limit_us bigint)
LANGUAGE sql STABLE AS $$
    SELECT p.measure_id, s.series_id, p.figure_no, p.counted, p.weighted, p.binned,
           CASE p.hit WHEN 'always' THEN 9223372036854775807
                      WHEN 'channel' THEN CASE WHEN s.channel = p.channel THEN 9223372036854775807 END
                      WHEN 'limit' THEN coalesce(l.limit_us, p.limit_us) END
    FROM hub.series s
    JOIN hub.figure f ON f.kind = s.kind
     AND (f.opds IS NULL OR s.opd = ANY (f.opds)) AND (f.units IS NULL OR s.unit = ANY (f.units))
     AND (f.services IS NULL OR s.service = ANY (f.services)) AND (f.channels IS NULL OR s.channel = ANY (f.channels))
    JOIN hub.figure_part p USING (figure_no)
    LEFT JOIN hub.figure_limit l ON (l.figure_no, l.opd, l.unit) = (p.figure_no, s.opd, s.unit)
    WHERE s.series_id = ANY ($1)
$$;
CREATE FUNCTION hub.add_terms(series integer[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO hub.term SELECT * FROM hub.terms_of($1) ON CONFLICT DO NOTHING
$$;

-- Sums of a figure by hour and by local day; bin 0 where its values are not binned. n: cases or events; total: of their
-- values in microseconds; hits: those within the limit, through the channel or in the states asked for.
CREATE TABLE hub.figure_hour (
    figure_no integer NOT NULL,
    hour timestamptz NOT NULL,
    bin smallint NOT NULL,
    n bigint NOT NULL,
    total bigint NOT NULL,
    hits bigint NOT NULL,
    PRIMARY KEY (figure_no, hour, bin)
) WITH (fillfactor = 80);
CREATE TABLE hub.figure_day (
    figure_no integer NOT NULL,
    day date NOT NULL,
    bin smallint NOT NULL,
    n bigint NOT NULL,
    total bigint NOT NULL,
    hits bigint NOT NULL,
    PRIMARY KEY (figure_no, day, bin)
) WITH (fillfactor = 80);
-- The same from the contributions themselves.
CREATE VIEW hub.figured AS
    SELECT t.figure_no, date_trunc('hour', c.at, 'UTC') AS hour, (c.at AT TIME ZONE z.name)::date AS day,
           (CASE WHEN t.binned THEN hub.bin_of(c.value) ELSE 0 END)::smallint AS bin,
           CASE WHEN NOT t.counted THEN 0 WHEN t.weighted THEN c.value ELSE 1 END AS n,
           CASE WHEN t.binned THEN c.value ELSE 0 END AS total,
           CASE WHEN c.value <= t.limit_us THEN CASE WHEN t.weighted THEN c.value ELSE 1 END ELSE 0 END AS hits,
           c.case_no, f.counted_to
    FROM hub.contribution c JOIN hub.term t USING (measure_id, series_id) JOIN hub.figure f USING (figure_no)
    CROSS JOIN (SELECT hub.timezone() AS name) z;
-- The newest batch that moved a figure on a local day: whether something that was published stands as it did.
CREATE TABLE hub.figure_revision (
    figure_no integer NOT NULL,
    day date NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (figure_no, day)
) WITH (fillfactor = 80);

-- The KPIs of every catalogue. scale: microseconds that 1 of the unit stands for, for statistics. window: `span`, or the
-- local `day`, `week` or `month`; neither for a level. The block is the KPI as it was written.
CREATE TABLE hub.kpi (
    version bigint NOT NULL REFERENCES hub.catalogue,
    kpi text NOT NULL,
    position integer NOT NULL,
    figure_no integer NOT NULL REFERENCES hub.figure,
    statistic text NOT NULL CHECK (statistic IN ('count', 'share', 'mean', 'median', 'p90', 'level')),
    scale double precision NOT NULL,
    per_units integer,
    span interval,
    local text,
    direction text NOT NULL,
    minimum_sample bigint,
    warning_at double precision NOT NULL,
    warning_clear double precision NOT NULL,
    critical_at double precision NOT NULL,
    critical_clear double precision NOT NULL,
    target_days date[] NOT NULL,
    targets double precision[] NOT NULL,
    since date NOT NULL,
    until date,
    block jsonb NOT NULL,
    PRIMARY KEY (version, kpi)
);
-- Whose events a KPI rests on: the applications of the agencies that it takes, and the calendars of the units that it
-- takes there (NULL among them: one never closes).
CREATE TABLE hub.kpi_feed (
    version bigint NOT NULL,
    kpi text NOT NULL,
    opd text NOT NULL,
    app text NOT NULL,
    expected_every interval NOT NULL,
    calendars text[] NOT NULL,
    PRIMARY KEY (version, kpi, opd, app)
);
-- The statuses that the wall showed, by the moments at which they changed: what a value within the band between raising
-- and clearing is judged by.
CREATE TABLE hub.kpi_shown (
    kpi text NOT NULL,
    at timestamptz NOT NULL,
    status text NOT NULL,
    PRIMARY KEY (kpi, at)
);

-- By which rules the cases of a kind at an agency were last rewritten as a whole.
CREATE TABLE hub.rewritten (
    kind text NOT NULL,
    opd text NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (kind, opd)
);

-- Events of each local day that counted, and how many of them came late; by application and kind.
CREATE TABLE hub.arrival_day (
    source_id integer NOT NULL,
    kind text NOT NULL,
    day date NOT NULL,
    events bigint NOT NULL,
    late bigint NOT NULL,
    PRIMARY KEY (source_id, kind, day)
) WITH (fillfactor = 80);

-- What each commit did, and when the oldest of its messages had been received.
ALTER TABLE hub.commit_log ADD counted integer NOT NULL DEFAULT 0, ADD duplicates integer NOT NULL DEFAULT 0,
    ADD rejected integer NOT NULL DEFAULT 0, ADD received_at timestamptz;
CREATE INDEX ON hub.commit_log (committed_at);

-- When each application was heard, by the broker's clock, in slots of five minutes; history does not count.
CREATE TABLE hub.heard (
    source_id integer NOT NULL,
    slot timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (source_id, slot)
) WITH (fillfactor = 80);
INSERT INTO hub.heard (source_id, slot, last_at)
SELECT source_id, date_bin('5 minutes', received_at, 'epoch'), max(received_at)
FROM hub.event WHERE NOT history GROUP BY 1, 2;
INSERT INTO hub.arrival_day (source_id, kind, day, events, late)
SELECT e.source_id, s.kind, (e.at AT TIME ZONE c.timezone)::date, count(*),
       count(*) FILTER (WHERE e.received_at - e.at > c.late_after)
FROM hub.event e JOIN hub.series s USING (series_id) CROSS JOIN hub.city c WHERE NOT e.history GROUP BY 1, 2, 3;
DROP VIEW wall.app;
DROP TABLE hub.last_heard;
CREATE VIEW hub.last_heard AS
    SELECT s.source_id, h.last_at AS heard_at
    FROM hub.source s
    CROSS JOIN LATERAL (SELECT last_at FROM hub.heard h WHERE h.source_id = s.source_id ORDER BY slot DESC LIMIT 1) h;

-- How far the hub is behind: looked at every few seconds. waiting_since: the oldest message that is not counted yet.
CREATE TABLE hub.pulse (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    at timestamptz NOT NULL,
    waiting_since timestamptz
);

GRANT SELECT ON hub.kind, hub.opening, hub.figure, hub.figure_part, hub.figure_limit, hub.term, hub.figure_hour,
    hub.figure_day, hub.figure_revision, hub.kpi, hub.kpi_feed, hub.kpi_shown, hub.rewritten, hub.arrival_day, hub.heard,
    hub.last_heard, hub.pulse TO hub_aggregator;
GRANT INSERT ON hub.term TO hub_aggregator;
GRANT INSERT, UPDATE ON hub.figure_revision, hub.arrival_day, hub.heard, hub.pulse TO hub_aggregator;
GRANT INSERT, UPDATE, DELETE ON hub.figure_hour, hub.figure_day TO hub_aggregator;
REVOKE EXECUTE ON FUNCTION hub.terms_of(integer[]), hub.add_terms(integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.terms_of(integer[]), hub.add_terms(integer[]) TO hub_aggregator;
