-- Who deletes the files of a dropped table says so first: from then on it cannot be put back, and no other replica deletes too.
ALTER TABLE lake_table ADD COLUMN purging_until timestamptz;
