-- Where a catalog places new tables, and what engines keep beside a namespace.
ALTER TABLE catalog ADD COLUMN location text;
ALTER TABLE namespace ADD COLUMN properties json NOT NULL DEFAULT '{}';
CREATE INDEX namespace_parent_id_idx ON namespace (parent_id, path);
