-- ALTER TABLE, VALIDATE CONSTRAINT: "acquires only a SHARE UPDATE EXCLUSIVE lock on the table being altered. If the
-- constraint is a foreign key then a ROW SHARE lock is also required on the table referenced by the constraint."
-- locks: books SHARE UPDATE EXCLUSIVE, authors ROW SHARE
-- reads: books
-- reads with rows: books, authors
ALTER TABLE books VALIDATE CONSTRAINT books_author_later;
