-- What cached answers rest on. A writer that changes who may do what, or who is who, moves the number in its own
-- transaction; the row lock makes the numbers visible in commit order.
CREATE TABLE epoch (
    singleton boolean NOT NULL DEFAULT true,
    policy    bigint  NOT NULL DEFAULT 0,
    directory bigint  NOT NULL DEFAULT 0,
    CONSTRAINT epoch_pkey PRIMARY KEY (singleton),
    CONSTRAINT epoch_singleton_check CHECK (singleton)
);
INSERT INTO epoch DEFAULT VALUES;
