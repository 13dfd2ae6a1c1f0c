-- Catalogs, namespaces, tables, their versions, columns and partitions: what engines and crawlers say. What people say is
-- kept apart (0004), so that no crawl can overwrite it.
CREATE TABLE catalog (
    catalog_id uuid        NOT NULL,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT catalog_pkey PRIMARY KEY (catalog_id),
    CONSTRAINT catalog_name_key UNIQUE (name)
);

-- ancestor_ids: itself first, then its parents up to the top. A namespace never moves.
CREATE TABLE namespace (
    namespace_id uuid        NOT NULL,
    catalog_id   uuid        NOT NULL,
    parent_id    uuid,
    path         text[]      NOT NULL,
    ancestor_ids uuid[]      NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT namespace_pkey PRIMARY KEY (namespace_id),
    CONSTRAINT namespace_catalog_id_fkey FOREIGN KEY (catalog_id) REFERENCES catalog,
    CONSTRAINT namespace_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES namespace,
    CONSTRAINT namespace_path_key UNIQUE (catalog_id, path)
);

CREATE TABLE lake_table (
    table_id       uuid        NOT NULL,
    namespace_id   uuid        NOT NULL,
    name           text        NOT NULL,
    kind           text        NOT NULL,
    format         text        NOT NULL,
    location       text        NOT NULL,
    partition_keys int[]       NOT NULL DEFAULT '{}',
    schema_version int         NOT NULL,
    last_field_id  int         NOT NULL,
    row_count      bigint,
    byte_count     bigint      NOT NULL,
    file_count     bigint      NOT NULL,
    -- The crawler that keeps it, and the listing that it last described.
    crawler_id     uuid,
    fingerprint    text        NOT NULL DEFAULT '',
    missing_since  timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT lake_table_pkey PRIMARY KEY (table_id),
    CONSTRAINT lake_table_namespace_id_fkey FOREIGN KEY (namespace_id) REFERENCES namespace,
    CONSTRAINT lake_table_name_key UNIQUE (namespace_id, name),
    CONSTRAINT lake_table_kind_check CHECK (kind IN ('external')),
    CONSTRAINT lake_table_format_check CHECK (format IN ('parquet', 'csv', 'jsonl'))
);
CREATE INDEX lake_table_crawler_id_idx ON lake_table (crawler_id, location);

CREATE TABLE schema_version (
    table_id     uuid        NOT NULL,
    number       int         NOT NULL,
    schema       json        NOT NULL,
    changes      json        NOT NULL,
    origin       text        NOT NULL,
    made_by      uuid        NOT NULL,
    made_by_name text        NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT schema_version_pkey PRIMARY KEY (table_id, number),
    CONSTRAINT schema_version_table_id_fkey FOREIGN KEY (table_id) REFERENCES lake_table ON DELETE CASCADE,
    CONSTRAINT schema_version_origin_check CHECK (origin IN ('crawl', 'engine', 'person'))
);

-- Every column that a table has or had, at any depth, by its stable id.
CREATE TABLE lake_column (
    table_id        uuid NOT NULL,
    field_id        int  NOT NULL,
    parent_field_id int,
    path            text NOT NULL,
    data_type       text NOT NULL,
    added_in        int  NOT NULL,
    removed_in      int,
    CONSTRAINT lake_column_pkey PRIMARY KEY (table_id, field_id),
    CONSTRAINT lake_column_table_id_fkey FOREIGN KEY (table_id) REFERENCES lake_table ON DELETE CASCADE
);

CREATE TABLE partition (
    table_id      uuid        NOT NULL,
    key           text        NOT NULL,
    values        text[]      NOT NULL,
    row_count     bigint,
    byte_count    bigint      NOT NULL,
    file_count    bigint      NOT NULL,
    fingerprint   text        NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    CONSTRAINT partition_pkey PRIMARY KEY (table_id, key),
    CONSTRAINT partition_table_id_fkey FOREIGN KEY (table_id) REFERENCES lake_table ON DELETE CASCADE
);
