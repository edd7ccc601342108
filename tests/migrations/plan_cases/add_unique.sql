-- ALTER TABLE: ACCESS EXCLUSIVE; a unique constraint builds its index.
-- locks: books ACCESS EXCLUSIVE
-- builds: books_code_key
ALTER TABLE books ADD CONSTRAINT books_code_key UNIQUE (code);
