-- transactional: false
-- DROP INDEX, CONCURRENTLY: "Drop the index without locking out concurrent selects, inserts, updates, and deletes".
-- locks: books SHARE UPDATE EXCLUSIVE
-- drops: index books_title_idx
DROP INDEX CONCURRENTLY IF EXISTS books_title_idx;
