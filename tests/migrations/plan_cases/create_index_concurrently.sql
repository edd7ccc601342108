-- transactional: false
-- Explicit Locking, SHARE UPDATE EXCLUSIVE: "Acquired by VACUUM (without FULL), ANALYZE, CREATE INDEX CONCURRENTLY, ..."
-- locks: | books SHARE UPDATE EXCLUSIVE
-- builds: | books_code_idx
DROP INDEX CONCURRENTLY IF EXISTS books_code_idx;
CREATE INDEX CONCURRENTLY books_code_idx ON books (code);
