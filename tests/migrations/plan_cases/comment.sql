-- Explicit Locking, SHARE UPDATE EXCLUSIVE: "... COMMENT ON ...".
-- locks: books SHARE UPDATE EXCLUSIVE
COMMENT ON COLUMN books.title IS 'As on the cover.';
