-- Tables whose makers write the files first, and commit the table last: whether they were given a credential for that or not.
CREATE TABLE staged_table (
    location     text        NOT NULL,
    principal_id uuid        NOT NULL,
    -- `catalog.namespace.table`
    table_name   text        NOT NULL,
    -- Did Weir make the location up, so that nobody else can know of it?
    made_up      boolean     NOT NULL,
    staged_at    timestamptz NOT NULL,
    CONSTRAINT staged_table_pkey PRIMARY KEY (location, principal_id, table_name),
    CONSTRAINT staged_table_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal
);
-- This finds what lies below a place, in any collation.
CREATE INDEX staged_table_location_idx ON staged_table (location text_pattern_ops);
CREATE INDEX staged_table_table_name_idx ON staged_table (principal_id, table_name);
CREATE INDEX staged_table_staged_at_idx ON staged_table (staged_at);

-- Until now the ledger alone told who staged what. What a table came of is nobody's any more; the lock keeps others from being made meanwhile.
LOCK TABLE lake_table IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO staged_table (location, principal_id, table_name, made_up, staged_at)
SELECT v.prefix, v.principal_id, v.table_name, bool_or(v.delivery = 'store'), max(v.issued_at)
FROM vended_credential v
WHERE v.table_id IS NULL AND v.expires_at > now() AND NOT EXISTS (
    SELECT 1 FROM lake_table t
    WHERE t.location = v.prefix OR starts_with(t.location, v.prefix || '/') OR starts_with(v.prefix, t.location || '/'))
GROUP BY v.prefix, v.principal_id, v.table_name;

-- The ledger is not asked for it any more.
DROP INDEX vended_credential_staged_idx;

-- As before (0018), and for staged tables, credential or not.
CREATE OR REPLACE FUNCTION lake_table_takes_its_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above text[] := ARRAY[NEW.location];
    at text := NEW.location;
BEGIN
    WHILE position('/' IN at) > 0 LOOP
        at := substring(at FROM 1 FOR length(at) - position('/' IN reverse(at)));
        above := above || at;
    END LOOP;
    DELETE FROM left_place WHERE location = ANY (above) OR (location ~>=~ (NEW.location || '/') AND location ~<~ (NEW.location || '0'));
    DELETE FROM staged_table WHERE location = ANY (above) OR (location ~>=~ (NEW.location || '/') AND location ~<~ (NEW.location || '0'));
    UPDATE vended_credential SET table_id = NEW.table_id
    WHERE table_id IS NULL AND (prefix = ANY (above) OR (prefix ~>=~ (NEW.location || '/') AND prefix ~<~ (NEW.location || '0')));
    RETURN NULL;
END $$;
