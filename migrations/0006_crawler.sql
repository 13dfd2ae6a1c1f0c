-- Storage roots, the crawlers that watch them, their runs and what each run found.
CREATE TABLE storage_location (
    location_id uuid        NOT NULL,
    name        text        NOT NULL,
    url         text        NOT NULL,
    settings    json        NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT storage_location_pkey PRIMARY KEY (location_id),
    CONSTRAINT storage_location_name_key UNIQUE (name),
    CONSTRAINT storage_location_url_key UNIQUE (url)
);

CREATE TABLE crawler (
    crawler_id   uuid        NOT NULL,
    name         text        NOT NULL,
    principal_id uuid        NOT NULL,
    location_id  uuid        NOT NULL,
    prefix       text        NOT NULL,
    namespace_id uuid        NOT NULL,
    schedule     text,
    time_zone    text        NOT NULL,
    enabled      boolean     NOT NULL DEFAULT true,
    next_run_at  timestamptz,
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    CONSTRAINT crawler_pkey PRIMARY KEY (crawler_id),
    CONSTRAINT crawler_name_key UNIQUE (name),
    CONSTRAINT crawler_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal,
    CONSTRAINT crawler_location_id_fkey FOREIGN KEY (location_id) REFERENCES storage_location,
    CONSTRAINT crawler_namespace_id_fkey FOREIGN KEY (namespace_id) REFERENCES namespace
);
CREATE INDEX crawler_next_run_at_idx ON crawler (next_run_at) WHERE enabled;

-- attempt: 1 for a run asked for or due, one more for each that takes the place of an interrupted one.
CREATE TABLE crawler_run (
    run_id       uuid        NOT NULL,
    crawler_id   uuid        NOT NULL,
    state        text        NOT NULL,
    trigger      text        NOT NULL,
    attempt      int         NOT NULL DEFAULT 1,
    requested_by uuid        NOT NULL,
    queued_at    timestamptz NOT NULL,
    started_at   timestamptz,
    lease_until  timestamptz,
    worker       uuid,
    finished_at  timestamptz,
    counts       json        NOT NULL DEFAULT '{}',
    error        text,
    CONSTRAINT crawler_run_pkey PRIMARY KEY (run_id),
    CONSTRAINT crawler_run_crawler_id_fkey FOREIGN KEY (crawler_id) REFERENCES crawler ON DELETE CASCADE,
    CONSTRAINT crawler_run_requested_by_fkey FOREIGN KEY (requested_by) REFERENCES principal,
    CONSTRAINT crawler_run_state_check CHECK (state IN ('queued', 'running', 'succeeded', 'finished_with_problems', 'failed', 'interrupted')),
    CONSTRAINT crawler_run_trigger_check CHECK (trigger IN ('manual', 'schedule', 'retry'))
);
CREATE INDEX crawler_run_crawler_id_idx ON crawler_run (crawler_id, run_id DESC);
-- One run of a crawler at a time.
CREATE UNIQUE INDEX crawler_run_active_key ON crawler_run (crawler_id) WHERE state IN ('queued', 'running');

CREATE TABLE run_change (
    run_id   uuid   NOT NULL,
    seq      int    NOT NULL,
    table_id uuid   NOT NULL,
    name     text   NOT NULL,
    kind     text   NOT NULL,
    version  int,
    lines    text[] NOT NULL,
    CONSTRAINT run_change_pkey PRIMARY KEY (run_id, seq),
    CONSTRAINT run_change_run_id_fkey FOREIGN KEY (run_id) REFERENCES crawler_run ON DELETE CASCADE
);

CREATE TABLE run_problem (
    run_id   uuid NOT NULL,
    seq      int  NOT NULL,
    table_id uuid,
    path     text NOT NULL,
    cause    text NOT NULL,
    CONSTRAINT run_problem_pkey PRIMARY KEY (run_id, seq),
    CONSTRAINT run_problem_run_id_fkey FOREIGN KEY (run_id) REFERENCES crawler_run ON DELETE CASCADE
);
