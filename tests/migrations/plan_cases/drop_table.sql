-- Explicit Locking, ACCESS EXCLUSIVE: "Acquired by the DROP TABLE ... commands"; dropping its foreign key needs the same
-- on the referenced table.
-- locks: authors ACCESS EXCLUSIVE, books ACCESS EXCLUSIVE
-- drops: table books
DROP TABLE books;
