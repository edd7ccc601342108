-- ALTER TABLE: ACCESS EXCLUSIVE; "DROP COLUMN ... simply makes it invisible": no rewrite. Its index goes with it.
-- locks: books ACCESS EXCLUSIVE
-- drops: index books_title_idx
ALTER TABLE books DROP COLUMN title;
