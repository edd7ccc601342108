-- ALTER TABLE, Notes: "Adding a column with a volatile DEFAULT (e.g., clock_timestamp()) ... will require the entire
-- table and its indexes to be rewritten."
-- locks: books ACCESS EXCLUSIVE
-- rewrites: books
ALTER TABLE books ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
