-- ALTER TABLE, Notes: "When a column is added with ADD COLUMN and a non-volatile DEFAULT is specified, the default value
-- is evaluated at the time of the statement and the result stored in the table's metadata ... neither of these cases
-- requires a rewrite of the table."
-- locks: books ACCESS EXCLUSIVE
ALTER TABLE books ADD COLUMN added_at timestamptz NOT NULL DEFAULT now();
