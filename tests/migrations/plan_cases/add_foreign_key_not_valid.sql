-- ALTER TABLE: with NOT VALID "this potentially-lengthy scan is skipped"; the locks are the same.
-- locks: authors SHARE ROW EXCLUSIVE, books SHARE ROW EXCLUSIVE
ALTER TABLE books ADD CONSTRAINT books_author_id_fkey FOREIGN KEY (author_id) REFERENCES authors (id) NOT VALID;
