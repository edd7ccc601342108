-- Explicit Locking, ACCESS EXCLUSIVE: "Acquired by the DROP TABLE, TRUNCATE, ... commands".
-- locks: books ACCESS EXCLUSIVE
-- empties: books
TRUNCATE books;
