-- Does the staging of a table rest on the right to use the storage location? Then it ends with that right. A release that does
-- not know of it may have, too; where Weir made the place up it never does.
ALTER TABLE staged_table ADD COLUMN by_right boolean NOT NULL DEFAULT true;
UPDATE staged_table SET by_right = false WHERE made_up;
