-- Tables and views that Weir itself is the catalog of. Both are rows of lake_table, so that they share one space of names,
-- and grants, annotations and schema versions hold for them as for any table.
ALTER TABLE lake_table DROP CONSTRAINT lake_table_kind_check;
ALTER TABLE lake_table ADD CONSTRAINT lake_table_kind_check CHECK (kind IN ('external', 'iceberg', 'view'));
ALTER TABLE lake_table DROP CONSTRAINT lake_table_format_check;
ALTER TABLE lake_table ADD CONSTRAINT lake_table_format_check CHECK (format IN ('parquet', 'csv', 'jsonl', 'avro', 'orc', 'sql'));

-- A dropped table keeps its row until it is undropped or its time is over, and is found by no name: it lies in no namespace.
ALTER TABLE lake_table ALTER COLUMN namespace_id DROP NOT NULL;
ALTER TABLE lake_table ADD COLUMN protected boolean NOT NULL DEFAULT false;
ALTER TABLE lake_table ADD COLUMN dropped_from uuid;
ALTER TABLE lake_table ADD COLUMN dropped_at timestamptz;
ALTER TABLE lake_table ADD COLUMN dropped_by uuid;
ALTER TABLE lake_table ADD COLUMN purge_after timestamptz;
ALTER TABLE lake_table ADD COLUMN purge_files boolean NOT NULL DEFAULT false;
ALTER TABLE lake_table ADD CONSTRAINT lake_table_dropped_check CHECK ((namespace_id IS NULL) = (dropped_at IS NOT NULL));
CREATE INDEX lake_table_dropped_idx ON lake_table (purge_after) WHERE dropped_at IS NOT NULL;

-- No two tables share a place: a new one is compared with those above and below it.
CREATE INDEX lake_table_location_idx ON lake_table (location text_pattern_ops);

-- The current metadata file: where it lies, and its text, zstd-compressed. refs: the same with only the snapshots that a
-- branch or tag points to, where that is less. Compressed already, so Postgres shall not try again.
CREATE TABLE iceberg_metadata (
    table_id          uuid        NOT NULL,
    metadata_location text        NOT NULL,
    metadata          bytea       NOT NULL,
    refs              bytea,
    changed_at        timestamptz NOT NULL,
    CONSTRAINT iceberg_metadata_pkey PRIMARY KEY (table_id),
    CONSTRAINT iceberg_metadata_table_id_fkey FOREIGN KEY (table_id) REFERENCES lake_table ON DELETE CASCADE
);
ALTER TABLE iceberg_metadata ALTER COLUMN metadata SET STORAGE EXTERNAL, ALTER COLUMN refs SET STORAGE EXTERNAL;
