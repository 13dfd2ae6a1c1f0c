-- Every committed change, for whoever follows the catalog. xid orders them: a reader takes what its snapshot sees and
-- remembers the snapshot, since transactions become visible out of the order of their numbers.
CREATE TABLE catalog_event (
    event_id     uuid        NOT NULL,
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at           timestamptz NOT NULL,
    request_id   uuid        NOT NULL,
    principal_id uuid,
    operation    text        NOT NULL,
    object_kind  text        NOT NULL,
    object_id    uuid,
    object_name  text        NOT NULL,
    detail       json        NOT NULL,
    CONSTRAINT catalog_event_pkey PRIMARY KEY (event_id)
);
CREATE INDEX catalog_event_xid_idx ON catalog_event (xid);

-- What came of a request that carried an Idempotency-Key, written in the transaction of its change.
CREATE TABLE idempotency_key (
    key          uuid        NOT NULL,
    principal_id uuid        NOT NULL,
    operation    text        NOT NULL,
    body_hash    bytea       NOT NULL,
    -- 'ok', or the name of the outcome with what was said.
    outcome      text        NOT NULL,
    message      text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (key)
);
CREATE INDEX idempotency_key_created_at_idx ON idempotency_key (created_at);
