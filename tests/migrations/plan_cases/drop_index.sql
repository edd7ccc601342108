-- DROP INDEX: "A normal DROP INDEX acquires an ACCESS EXCLUSIVE lock on the table".
-- locks: books ACCESS EXCLUSIVE
-- drops: index books_title_idx
DROP INDEX books_title_idx;
