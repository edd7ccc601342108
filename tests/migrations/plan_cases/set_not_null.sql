-- ALTER TABLE, SET NOT NULL: "Ordinarily this is checked during the ALTER TABLE by scanning the entire table".
-- locks: books ACCESS EXCLUSIVE
-- reads: books
ALTER TABLE books ALTER COLUMN title SET NOT NULL;
