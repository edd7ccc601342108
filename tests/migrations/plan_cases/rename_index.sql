-- ALTER INDEX: "RENAME ... acquires a SHARE UPDATE EXCLUSIVE lock."
-- locks: books_title_idx SHARE UPDATE EXCLUSIVE
ALTER INDEX books_title_idx RENAME TO books_name_idx;
