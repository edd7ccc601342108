-- ALTER TABLE: SET UNLOGGED changes the table's persistence by a rewrite, under ACCESS EXCLUSIVE.
-- locks: authors ACCESS EXCLUSIVE, books ACCESS EXCLUSIVE
-- rewrites: books
ALTER TABLE books DROP CONSTRAINT books_author_later, SET UNLOGGED;
