-- Whoever took a table or view out of the catalog and left its files may take them over again; others need the right to use the
-- storage location. A place is another's once something else lay there.
CREATE TABLE left_place (
    location text NOT NULL,
    principal_id uuid NOT NULL,
    left_at timestamptz NOT NULL,
    CONSTRAINT left_place_pkey PRIMARY KEY (location, principal_id),
    CONSTRAINT left_place_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal
);
-- A pattern finds what lies below a place, in any collation.
CREATE INDEX left_place_location_idx ON left_place (location text_pattern_ops);
CREATE INDEX left_place_left_at_idx ON left_place (left_at);
