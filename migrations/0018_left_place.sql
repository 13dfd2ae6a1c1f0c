-- Whoever took a table or view out of the catalog and left its files may take them over again; others need the right to use the
-- storage location.
CREATE TABLE left_place (
    location text NOT NULL,
    principal_id uuid NOT NULL,
    left_at timestamptz NOT NULL,
    CONSTRAINT left_place_pkey PRIMARY KEY (location, principal_id),
    CONSTRAINT left_place_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal
);
-- These find what lies below a place, in any collation.
CREATE INDEX left_place_location_idx ON left_place (location text_pattern_ops);
CREATE INDEX left_place_left_at_idx ON left_place (left_at);
CREATE INDEX vended_credential_staged_prefix_idx ON vended_credential (prefix text_pattern_ops) WHERE table_id IS NULL;

-- From when on a table lies at a place, around it or inside it, that is nobody's any more by having been left or staged before: what
-- is there is the table's, and after it the files are of others too. Here, so that it holds for whatever makes a table: engines,
-- crawlers, and a server of the release before. Between `/` and `0` lies all that begins with the place and a slash.
CREATE FUNCTION lake_table_takes_its_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above text[] := ARRAY[NEW.location];
    at text := NEW.location;
BEGIN
    WHILE position('/' IN at) > 0 LOOP
        at := substring(at FROM 1 FOR length(at) - position('/' IN reverse(at)));
        above := above || at;
    END LOOP;
    DELETE FROM left_place WHERE location = ANY (above) OR (location ~>=~ (NEW.location || '/') AND location ~<~ (NEW.location || '0'));
    UPDATE vended_credential SET table_id = NEW.table_id
    WHERE table_id IS NULL AND (prefix = ANY (above) OR (prefix ~>=~ (NEW.location || '/') AND prefix ~<~ (NEW.location || '0')));
    RETURN NULL;
END $$;
CREATE TRIGGER lake_table_place AFTER INSERT OR UPDATE OF location ON lake_table
    FOR EACH ROW EXECUTE FUNCTION lake_table_takes_its_place();
