-- ALTER TABLE: ACCESS EXCLUSIVE, and for a foreign key on the referenced table too, whose triggers go.
-- locks: authors ACCESS EXCLUSIVE, books ACCESS EXCLUSIVE
ALTER TABLE books DROP CONSTRAINT books_author_later;
