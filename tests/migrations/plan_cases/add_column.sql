-- ALTER TABLE: "An ACCESS EXCLUSIVE lock is acquired unless explicitly noted."
-- locks: books ACCESS EXCLUSIVE
ALTER TABLE books ADD COLUMN isbn text;
