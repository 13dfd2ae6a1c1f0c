-- Who may do what with which object. A grant is never changed, only made and revoked; the rows stay as evidence.
CREATE TABLE access_grant (
    grant_id      uuid        NOT NULL,
    principal_id  uuid        NOT NULL,
    resource_kind text        NOT NULL,
    resource_id   uuid        NOT NULL,
    -- What the resource lies in, so that a container can tell whether somebody holds something inside it.
    container_ids uuid[]      NOT NULL,
    privileges    text[]      NOT NULL,
    column_mode   text        NOT NULL,
    field_ids     int[]       NOT NULL,
    grantable     boolean     NOT NULL,
    valid_from    timestamptz,
    valid_until   timestamptz,
    reason        text,
    created_by    uuid        NOT NULL,
    created_at    timestamptz NOT NULL,
    revoked_by    uuid,
    revoked_at    timestamptz,
    CONSTRAINT access_grant_pkey PRIMARY KEY (grant_id),
    CONSTRAINT access_grant_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal,
    CONSTRAINT access_grant_created_by_fkey FOREIGN KEY (created_by) REFERENCES principal,
    CONSTRAINT access_grant_resource_kind_check CHECK (resource_kind IN ('server', 'catalog', 'namespace', 'table', 'location', 'crawler')),
    CONSTRAINT access_grant_column_mode_check CHECK (column_mode IN ('all', 'only', 'all_but')),
    CONSTRAINT access_grant_privileges_check CHECK (
        cardinality(privileges) > 0 AND privileges <@ ARRAY['CREATE_NAMESPACE', 'CREATE_TABLE', 'DESCRIBE', 'SELECT', 'INSERT', 'DELETE', 'ALTER',
            'DROP', 'ANNOTATE', 'TAG', 'DATA_LOCATION_ACCESS', 'MANAGE_GRANTS', 'ALL']
    )
);
CREATE INDEX access_grant_principal_id_idx ON access_grant (principal_id, resource_id) WHERE revoked_at IS NULL;
CREATE INDEX access_grant_resource_id_idx ON access_grant (resource_id) WHERE revoked_at IS NULL;
-- The same grant twice would have to be revoked twice.
CREATE UNIQUE INDEX access_grant_same_key ON access_grant (principal_id, resource_id, privileges, column_mode, field_ids, grantable)
    WHERE revoked_at IS NULL AND valid_until IS NULL;
