-- CREATE TABLE: "The addition of a foreign key constraint requires a SHARE ROW EXCLUSIVE lock on the referenced table."
-- locks: authors SHARE ROW EXCLUSIVE
CREATE TABLE prizes (id bigint PRIMARY KEY, author_id bigint REFERENCES authors (id));
