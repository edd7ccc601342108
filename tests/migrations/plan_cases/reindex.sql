-- REINDEX: "locks out writes but not reads of the index's parent table. It also takes an ACCESS EXCLUSIVE lock on the
-- specific index being processed".
-- locks: books_title_idx ACCESS EXCLUSIVE, books SHARE
-- rebuilds: books_title_idx
REINDEX INDEX books_title_idx;
