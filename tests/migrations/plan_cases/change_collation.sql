-- ALTER TABLE, Notes: "However, indexes are rebuilt unless the system can verify that the new index would be logically
-- equivalent to the existing one. For example, if the collation for a column has been changed, an index rebuild is
-- required because the new sort order might be different."
-- locks: books ACCESS EXCLUSIVE
-- rebuilds: books_title_idx
ALTER TABLE books ALTER COLUMN title TYPE text COLLATE "C";
