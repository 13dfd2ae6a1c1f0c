-- Which objects changed, by the transaction that changed them. Replicas that cache answers ask for what became visible since
-- they last looked: transactions become visible out of the order of their numbers, so a snapshot is compared and not a
-- number. Rows older than the replicas' memory are removed.
CREATE TABLE change_log (
    xid       xid8        NOT NULL DEFAULT pg_current_xact_id(),
    object_id uuid        NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT change_log_pkey PRIMARY KEY (xid, object_id)
);
CREATE INDEX change_log_at_idx ON change_log (at);
