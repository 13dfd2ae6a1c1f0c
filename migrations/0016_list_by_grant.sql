-- What a caller holds grants on in a namespace is read in the order of the names, so that a page of a list costs what it
-- shows, however much else there is. For that a grant on a table keeps what the table is called while it lies in a namespace.
ALTER TABLE access_grant
    ADD COLUMN table_kind text,
    ADD COLUMN table_name text;

UPDATE access_grant g SET table_kind = t.kind, table_name = CASE WHEN t.namespace_id IS NOT NULL THEN t.name END
FROM lake_table t WHERE g.resource_kind = 'table' AND t.table_id = g.resource_id;

-- The lock keeps the table from being renamed, moved or dropped until the grant is there to be told of it.
CREATE FUNCTION access_grant_takes_table_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT t.kind, CASE WHEN t.namespace_id IS NOT NULL THEN t.name END INTO NEW.table_kind, NEW.table_name
    FROM lake_table t WHERE t.table_id = NEW.resource_id FOR KEY SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER access_grant_table_name BEFORE INSERT ON access_grant
    FOR EACH ROW WHEN (NEW.resource_kind = 'table') EXECUTE FUNCTION access_grant_takes_table_name();

CREATE FUNCTION lake_table_tells_grants_its_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE access_grant SET table_name = CASE WHEN NEW.namespace_id IS NOT NULL THEN NEW.name END WHERE resource_id = NEW.table_id AND revoked_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER lake_table_name_in_grants AFTER UPDATE OF name, namespace_id ON lake_table
    FOR EACH ROW EXECUTE FUNCTION lake_table_tells_grants_its_name();

CREATE INDEX access_grant_by_name_idx ON access_grant (principal_id, (container_ids[1]), table_kind, table_name)
    WHERE revoked_at IS NULL AND table_name IS NOT NULL;
DROP INDEX access_grant_in_namespace_idx;
