-- Explicit Locking, SHARE: "Acquired by CREATE INDEX (without CONCURRENTLY)."
-- locks: books SHARE
-- builds: books_code_idx
CREATE INDEX books_code_idx ON books (code);
