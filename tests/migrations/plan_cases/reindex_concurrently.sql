-- transactional: false
-- REINDEX: with CONCURRENTLY "a SHARE UPDATE EXCLUSIVE lock" on table and index, at every phase.
-- locks: books SHARE UPDATE EXCLUSIVE
-- rebuilds: books_title_idx
REINDEX INDEX CONCURRENTLY books_title_idx;
