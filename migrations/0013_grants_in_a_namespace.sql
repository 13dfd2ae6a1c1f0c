-- The tables of one namespace that somebody holds something on. A grant's containers begin with the deepest.
CREATE INDEX access_grant_in_namespace_idx ON access_grant ((container_ids[1]), principal_id) WHERE revoked_at IS NULL AND resource_kind = 'table';
