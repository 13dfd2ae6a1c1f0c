-- Who did what and who was refused what. Written in the transaction of the change; never changed or removed by the server.
CREATE TABLE audit_event (
    event_id       uuid        NOT NULL,
    at             timestamptz NOT NULL,
    principal_id   uuid,
    principal_name text        NOT NULL,
    action         text        NOT NULL,
    object_kind    text        NOT NULL,
    object_id      uuid,
    object_name    text        NOT NULL,
    outcome        text        NOT NULL,
    determined_by  uuid[]      NOT NULL,
    detail         json        NOT NULL,
    request_id     uuid        NOT NULL,
    face           text        NOT NULL,
    CONSTRAINT audit_event_pkey PRIMARY KEY (event_id),
    CONSTRAINT audit_event_outcome_check CHECK (outcome IN ('ok', 'denied'))
);
CREATE INDEX audit_event_principal_idx ON audit_event (principal_name, event_id DESC);
CREATE INDEX audit_event_object_idx ON audit_event (object_id, event_id DESC);

CREATE FUNCTION audit_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_is_append_only();
