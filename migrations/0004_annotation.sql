-- What people say about an object or one of its columns: one row a value, each with its author. A cleared value keeps its
-- row, so that the version of an object's annotations only rises.
CREATE TABLE annotation (
    object_id    uuid        NOT NULL,
    field_id     int         NOT NULL DEFAULT 0,
    attribute    text        NOT NULL,
    value        text,
    -- For owner and steward: who, by identity. The name is looked up.
    principal_id uuid,
    edited_by    uuid        NOT NULL,
    edited_at    timestamptz NOT NULL,
    version      bigint      NOT NULL,
    CONSTRAINT annotation_pkey PRIMARY KEY (object_id, field_id, attribute),
    CONSTRAINT annotation_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principal,
    CONSTRAINT annotation_edited_by_fkey FOREIGN KEY (edited_by) REFERENCES principal,
    CONSTRAINT annotation_attribute_check CHECK (attribute IN ('owner', 'steward', 'definition', 'sensitivity')),
    CONSTRAINT annotation_value_check CHECK (value IS NULL OR principal_id IS NULL)
);
