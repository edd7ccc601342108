CREATE TABLE found_rows (id int PRIMARY KEY, word text NOT NULL);
