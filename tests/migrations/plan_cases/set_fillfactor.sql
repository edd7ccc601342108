-- ALTER TABLE: "SHARE UPDATE EXCLUSIVE lock will be taken for fillfactor, toast and autovacuum storage parameters".
-- locks: books SHARE UPDATE EXCLUSIVE
ALTER TABLE books SET (fillfactor = 80);
