-- Explicit Locking, ROW EXCLUSIVE: "The commands UPDATE, DELETE, INSERT, and MERGE acquire this lock mode".
-- locks: authors ROW EXCLUSIVE
-- rows: authors inserted 2
INSERT INTO authors (id, name) VALUES (-1, 'Anonymous'), (-2, 'Ada');
