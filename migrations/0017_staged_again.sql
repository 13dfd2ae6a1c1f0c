-- Who staged a table comes again for its next credential, or to have requests signed, by the table's name.
CREATE INDEX vended_credential_staged_idx ON vended_credential (principal_id, table_name, expires_at) WHERE table_id IS NULL;
