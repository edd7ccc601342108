-- ALTER TABLE, SET NOT NULL: "if a valid CHECK constraint exists ... which proves no NULL can exist, then the table
-- scan is skipped." (Here the lock of the first statement is held to the end.)
-- locks: books ACCESS EXCLUSIVE | books SHARE UPDATE EXCLUSIVE |
-- reads: | books |
ALTER TABLE books ADD CONSTRAINT books_title_set CHECK (title IS NOT NULL) NOT VALID;
ALTER TABLE books VALIDATE CONSTRAINT books_title_set;
ALTER TABLE books ALTER COLUMN title SET NOT NULL;
