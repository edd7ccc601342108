-- ALTER TABLE, Notes: "... a stored generated column ... will require the entire table and its indexes to be rewritten."
-- locks: books ACCESS EXCLUSIVE
-- rewrites: books
ALTER TABLE books ADD COLUMN sheets integer GENERATED ALWAYS AS (pages / 2) STORED;
