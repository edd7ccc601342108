-- ALTER TABLE: with NOT VALID "this potentially-lengthy scan is skipped".
-- locks: books ACCESS EXCLUSIVE
ALTER TABLE books ADD CONSTRAINT books_title_check CHECK (title <> '') NOT VALID;
