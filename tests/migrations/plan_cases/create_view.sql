-- Explicit Locking, ACCESS SHARE: what any query takes that "only reads a table".
-- locks:
CREATE VIEW titles AS SELECT title FROM books;
