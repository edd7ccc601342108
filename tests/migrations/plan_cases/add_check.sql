-- ALTER TABLE: ACCESS EXCLUSIVE, and "a scan of the table to verify that all existing rows" satisfy it.
-- locks: books ACCESS EXCLUSIVE
-- reads: books
ALTER TABLE books ADD CONSTRAINT books_title_check CHECK (title <> '');
