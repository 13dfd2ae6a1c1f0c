-- Who there is, what belongs to what, and how people and services prove who they are.
CREATE TABLE principal (
    principal_id uuid        NOT NULL,
    name         text        NOT NULL,
    kind         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    disabled_at  timestamptz,
    CONSTRAINT principal_pkey PRIMARY KEY (principal_id),
    CONSTRAINT principal_name_key UNIQUE (name),
    CONSTRAINT principal_kind_check CHECK (kind IN ('user', 'group', 'service', 'role'))
);

CREATE TABLE membership (
    group_id  uuid        NOT NULL,
    member_id uuid        NOT NULL,
    added_at  timestamptz NOT NULL,
    CONSTRAINT membership_pkey PRIMARY KEY (group_id, member_id),
    CONSTRAINT membership_group_id_fkey FOREIGN KEY (group_id) REFERENCES principal,
    CONSTRAINT membership_member_id_fkey FOREIGN KEY (member_id) REFERENCES principal,
    CONSTRAINT membership_self_check CHECK (group_id <> member_id)
);
CREATE INDEX membership_member_id_idx ON membership (member_id);

-- argon2id in PHC form.
CREATE TABLE local_password (
    principal_id uuid        NOT NULL,
    hash         text        NOT NULL,
    changed_at   timestamptz NOT NULL,
    CONSTRAINT local_password_pkey PRIMARY KEY (principal_id),
    CONSTRAINT local_password_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal
);

-- A secret is 256 random bits, so its SHA-256 is enough to check it by and useless to steal.
CREATE TABLE service_client (
    client_id    text        NOT NULL,
    principal_id uuid        NOT NULL,
    secret_hash  bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    CONSTRAINT service_client_pkey PRIMARY KEY (client_id),
    CONSTRAINT service_client_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal
);

CREATE TABLE session (
    token_hash   bytea       NOT NULL,
    session_id   uuid        NOT NULL,
    principal_id uuid        NOT NULL,
    face         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ip           text,
    user_agent   text,
    CONSTRAINT session_pkey PRIMARY KEY (token_hash),
    CONSTRAINT session_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal
);
CREATE INDEX session_principal_id_idx ON session (principal_id);
CREATE INDEX session_expires_at_idx ON session (expires_at);
