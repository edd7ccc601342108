-- ALTER TABLE: "VALIDATE CONSTRAINT ... acquires only a SHARE UPDATE EXCLUSIVE lock", "scanning the table".
-- locks: books SHARE UPDATE EXCLUSIVE
-- reads: books
ALTER TABLE books VALIDATE CONSTRAINT books_not_yet_valid;
