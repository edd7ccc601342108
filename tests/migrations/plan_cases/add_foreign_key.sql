-- ALTER TABLE: "ADD FOREIGN KEY requires only a SHARE ROW EXCLUSIVE lock. ... also acquires a SHARE ROW EXCLUSIVE lock
-- on the referenced table, in addition to the lock on the table on which the constraint is declared." It "will cause a
-- scan of the table to verify that all existing rows in the table satisfy the constraint".
-- locks: authors SHARE ROW EXCLUSIVE, books SHARE ROW EXCLUSIVE
-- reads: books
-- reads with rows: books, authors
ALTER TABLE books ADD CONSTRAINT books_author_id_fkey FOREIGN KEY (author_id) REFERENCES authors (id);
