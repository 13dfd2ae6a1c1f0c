-- Scans that engines let the server plan, and what they report of scans and commits.
CREATE TABLE scan_plan (
    plan_id      uuid        NOT NULL,
    table_id     uuid        NOT NULL,
    principal_id uuid        NOT NULL,
    snapshot_id  bigint      NOT NULL,
    request      json        NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT scan_plan_pkey PRIMARY KEY (plan_id),
    CONSTRAINT scan_plan_table_id_fkey FOREIGN KEY (table_id) REFERENCES lake_table ON DELETE CASCADE
);
CREATE INDEX scan_plan_expires_at_idx ON scan_plan (expires_at);
CREATE INDEX scan_plan_table_id_idx ON scan_plan (table_id);

CREATE TABLE metrics_report (
    report_id      uuid        NOT NULL,
    table_id       uuid        NOT NULL,
    principal_id   uuid        NOT NULL,
    principal_name text        NOT NULL,
    kind           text        NOT NULL,
    report         json        NOT NULL,
    at             timestamptz NOT NULL,
    CONSTRAINT metrics_report_pkey PRIMARY KEY (report_id),
    CONSTRAINT metrics_report_table_id_fkey FOREIGN KEY (table_id) REFERENCES lake_table ON DELETE CASCADE,
    CONSTRAINT metrics_report_kind_check CHECK (kind IN ('scan-report', 'commit-report'))
);
CREATE INDEX metrics_report_table_id_idx ON metrics_report (table_id, report_id DESC);
