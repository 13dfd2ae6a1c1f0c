-- What is kept sealed: the credentials of storage locations, and the key of the gateway. An envelope names its master key.
CREATE TABLE secret (
    secret_id  uuid        NOT NULL,
    purpose    text        NOT NULL,
    envelope   text        NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT secret_pkey PRIMARY KEY (secret_id),
    CONSTRAINT secret_purpose_check CHECK (purpose IN ('location', 'gateway'))
);
-- All replicas share one.
CREATE UNIQUE INDEX secret_gateway_key ON secret (purpose) WHERE purpose = 'gateway';

ALTER TABLE storage_location
    ADD COLUMN zone text CONSTRAINT storage_location_zone_check CHECK (zone IN ('raw', 'cleaned', 'curated')),
    ADD COLUMN secret_id uuid CONSTRAINT storage_location_secret_id_fkey REFERENCES secret;

-- What engines were given, to whom and until when. Never what it was.
CREATE TABLE vended_credential (
    credential_id uuid        NOT NULL,
    principal_id  uuid        NOT NULL,
    -- Absent for a table that was staged only.
    table_id      uuid,
    table_name    text        NOT NULL,
    prefix        text        NOT NULL,
    delivery      text        NOT NULL,
    access        text        NOT NULL,
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    CONSTRAINT vended_credential_pkey PRIMARY KEY (credential_id),
    CONSTRAINT vended_credential_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal,
    CONSTRAINT vended_credential_delivery_check CHECK (delivery IN ('store', 'gateway')),
    CONSTRAINT vended_credential_access_check CHECK (access IN ('read', 'add', 'change'))
);
CREATE INDEX vended_credential_table_id_idx ON vended_credential (table_id, expires_at);
CREATE INDEX vended_credential_prefix_idx ON vended_credential (prefix, expires_at);
CREATE INDEX vended_credential_expires_at_idx ON vended_credential (expires_at);
