-- ALTER TABLE: "The RENAME forms" take the ACCESS EXCLUSIVE lock that is not "explicitly noted" otherwise.
-- locks: books ACCESS EXCLUSIVE
ALTER TABLE books RENAME TO volumes;
