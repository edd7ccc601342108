-- ALTER TABLE, Notes: "Changing the type of an existing column will normally cause the entire table and its indexes to
-- be rewritten."
-- locks: books ACCESS EXCLUSIVE
-- rewrites: books
ALTER TABLE books ALTER COLUMN pages TYPE bigint;
