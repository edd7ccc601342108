"""Statements whose columns can or can't be null, each with rows that prove it."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = """
CREATE TABLE authors (id int PRIMARY KEY, name text NOT NULL, nick text);
CREATE TABLE books (id int PRIMARY KEY, author_id int NOT NULL, title text NOT NULL, sequel_of int);
CREATE TABLE sales (id int NOT NULL, day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE sales_2024 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE sales_2025 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE loans (id int NOT NULL, book_id int NOT NULL);
CREATE TABLE notes (id int NOT NULL, body text);
CREATE TABLE drafts () INHERITS (notes);
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    EXECUTE 'ALTER TABLE notes ADD CONSTRAINT notes_body_not_null NOT NULL body NO INHERIT';
  ELSE
    ALTER TABLE ONLY notes ALTER body SET NOT NULL;
  END IF;
END
$$;
CREATE TABLE "Odd ""Name" ("Some Id" int PRIMARY KEY);
CREATE VIEW book_authors AS
  SELECT b.id, b.title, a.name FROM books AS b LEFT JOIN authors AS a ON a.id = b.author_id;
CREATE VIEW plain_books AS SELECT id, title FROM books;
CREATE MATERIALIZED VIEW stored_books AS SELECT id, title FROM books;
CREATE FUNCTION books_of(author int) RETURNS SETOF books LANGUAGE sql STABLE
  AS 'SELECT id, author_id, title, sequel_of FROM books WHERE author_id = author';
INSERT INTO authors VALUES (1, 'Ada', 'a'), (2, 'Bob', NULL), (3, 'Cyd', NULL);
INSERT INTO books VALUES (1, 1, 'One', NULL), (2, 2, 'Two', 1), (3, 99, 'Three', 2);
INSERT INTO sales VALUES (1, '2024-05-01', NULL), (2, '2025-05-01', 'x');
INSERT INTO "Odd ""Name" VALUES (1), (7);
INSERT INTO loans SELECT n, 1 + n % 2 FROM generate_series(1, 5000) AS n;
INSERT INTO notes VALUES (1, 'x');
INSERT INTO drafts VALUES (2, NULL);
REFRESH MATERIALIZED VIEW stored_books;
ANALYZE;
"""


@dataclass(frozen=True)
class Case:
    """A statement; `inferred` are the columns that count as nullable, `seen` those in which a row does hold null.

    What is inferred but not seen is over-marked: safe, and a query file can correct it.
    """

    name: str
    sql: str
    inferred: str = ""
    seen: str = ""
    arguments: tuple[object, ...] = ()
    since: int = 16


# The small table is hashed, so the large one, whose columns are padded, is the outer side.
RIGHT_ANTI = "anti join onto a table that is much larger"

CASES = [
    Case("plain", "SELECT id, name, nick FROM authors", "nick", "nick"),
    Case("quoted names", 'SELECT "Some Id" AS x FROM "Odd ""Name" AS "Odd ""Name"'),
    Case("key", "SELECT id, name FROM authors WHERE id = $1", arguments=(1,)),
    Case("inner join", "SELECT a.id, b.title FROM authors a JOIN books b ON b.author_id = a.id"),
    Case(
        "left join",
        "SELECT a.name, b.id, b.title FROM authors a LEFT JOIN books b ON b.author_id = a.id",
        "id title",
        "id title",
    ),
    Case(
        "left join by key",  # with an argument of NULL its plan would fold away, and with it what it tells
        "SELECT a.id, b.title FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE a.id = $1",
        "title",
        "title",
        (3,),
    ),
    Case(
        "left join below sort and limit",
        "SELECT a.name, b.title FROM authors a LEFT JOIN books b ON b.author_id = a.id ORDER BY b.title, a.id LIMIT $1",
        "title",
        "title",
        (10,),
    ),
    Case(
        "right join",
        "SELECT a.name, b.title FROM books b RIGHT JOIN authors a ON b.author_id = a.id",
        "title",
        "title",
    ),
    Case(
        "full join",
        "SELECT a.id AS author, b.id AS book FROM authors a FULL JOIN books b ON b.author_id = a.id",
        "author book",
        "author book",
    ),
    Case(
        "full join using",
        "SELECT id, b.title, a.name FROM authors a FULL JOIN books b USING (id) WHERE id < $1",
        "id title name",
        "",
        (3,),
    ),
    Case(
        "left join using",
        "SELECT author_id, b.title, x.name FROM books b LEFT JOIN (SELECT id AS author_id, name FROM authors) x "
        "USING (author_id)",
        "name",
        "name",
    ),
    Case(
        "chain of left joins",
        "SELECT a.id, b.title, c.title AS sequel FROM authors a LEFT JOIN books b ON b.author_id = a.id "
        "LEFT JOIN books c ON c.sequel_of = b.id",
        "title sequel",
        "title sequel",
    ),
    Case(
        "inner join within a left join",
        "SELECT a.name, b.title, c.title AS sequel FROM authors a LEFT JOIN "
        "(books b JOIN books c ON c.sequel_of = b.id) ON b.author_id = a.id",
        "title sequel",
        "title sequel",
    ),
    Case(
        "left join made inner by a strict condition",
        "SELECT a.name, b.title FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE b.title = $1",
        "",
        "",
        ("One",),
    ),
    Case(
        "left join that is an anti join",
        "SELECT a.id, b.id AS book, b.title FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE b.id IS NULL",
        "book title",
        "book title",
    ),
    Case(
        "anti join by a column that joins",
        "SELECT a.id, b.author_id FROM authors a LEFT JOIN books b ON b.author_id = a.id WHERE b.author_id IS NULL",
        "author_id",
        "author_id",
    ),
    Case(
        RIGHT_ANTI,
        "SELECT b.title, l.id AS loan FROM books b LEFT JOIN loans l ON l.book_id = b.id WHERE l.book_id IS NULL",
        "loan",
        "loan",
    ),
    Case(
        "not exists",
        "SELECT a.id, a.name FROM authors a WHERE NOT EXISTS (SELECT FROM books b WHERE b.author_id = a.id)",
    ),
    Case("exists", "SELECT a.id FROM authors a WHERE EXISTS (SELECT FROM books b WHERE b.author_id = a.id)"),
    Case("left join on false", "SELECT a.id, b.title FROM authors a LEFT JOIN books b ON false", "title", "title"),
    Case(
        "left join on true",
        "SELECT a.id, b.title FROM authors a LEFT JOIN (SELECT title FROM books WHERE id = $1) b ON true",
        "title",
        "title",
        (77,),
    ),
    Case(
        "left join lateral",
        "SELECT a.id, x.title FROM authors a LEFT JOIN LATERAL "
        "(SELECT b.title FROM books b WHERE b.author_id = a.id ORDER BY b.id LIMIT 1) x ON true",
        "title",
        "title",
    ),
    Case(
        "cross join lateral",
        "SELECT a.id, x.title FROM authors a CROSS JOIN LATERAL "
        "(SELECT b.title FROM books b WHERE b.author_id = a.id ORDER BY b.id LIMIT 1) x",
    ),
    Case(
        "lateral with an outer join within",
        "SELECT a.id, x.name FROM authors a CROSS JOIN LATERAL (SELECT y.name FROM books b LEFT JOIN authors y "
        "ON y.id = b.author_id WHERE b.id >= a.id ORDER BY b.id DESC LIMIT 1) x",
        "name",
        "name",
    ),
    Case(
        "lateral aggregate",
        "SELECT a.id, x.n FROM authors a, LATERAL (SELECT max(b.id) AS n FROM books b WHERE b.author_id = a.id) x",
        "n",
        "n",
    ),
    Case(
        "scalar subquery",
        "SELECT a.id, (SELECT b.title FROM books b WHERE b.author_id = a.id) AS title FROM authors a",
        "title",
        "title",
    ),
    Case(
        "expressions",
        "SELECT count(*) AS n, max(id) AS m, coalesce(max(nick), '') AS c FROM authors WHERE id < 0",
        "n m c",
        "m",
    ),
    Case("group by", "SELECT author_id, count(*) AS n FROM books GROUP BY author_id", "n"),
    Case("distinct", "SELECT DISTINCT ON (author_id) author_id, title FROM books ORDER BY author_id, id"),
    Case(
        "rollup",
        "SELECT author_id, title FROM books GROUP BY ROLLUP (author_id, title)",
        "author_id title",
        "author_id title",
    ),
    Case(
        "cube below sort",
        "SELECT author_id, title FROM books GROUP BY CUBE (author_id, title) ORDER BY 1, 2 LIMIT 50",
        "author_id title",
        "author_id title",
    ),
    Case(
        "grouping sets within a CTE",
        "WITH g AS MATERIALIZED (SELECT author_id FROM books GROUP BY "
        "GROUPING SETS ((author_id), ())) SELECT g.author_id FROM g",
        "author_id",
        "author_id",
    ),
    Case(
        "grouping sets within a subquery",
        "SELECT a.id, g.author_id FROM authors a, (SELECT author_id FROM books GROUP BY ROLLUP (author_id)) g",
        "id author_id",
        "author_id",
    ),
    Case("CTE", "WITH x AS (SELECT id, title FROM books) SELECT x.id, x.title FROM x"),
    Case("materialized CTE", "WITH x AS MATERIALIZED (SELECT id, title FROM books) SELECT x.id, x.title FROM x"),
    Case(
        "left join within a CTE",
        "WITH x AS MATERIALIZED (SELECT a.id, b.title FROM authors a LEFT JOIN books b "
        "ON b.author_id = a.id) SELECT x.id, x.title FROM x",
        "id title",
        "title",
    ),
    Case(
        "left join within a CTE used twice",
        "WITH x AS (SELECT a.id, b.title FROM authors a LEFT JOIN books b "
        "ON b.author_id = a.id) SELECT x.id, y.title FROM x JOIN x AS y ON x.id = y.id",
        "id title",
        "title",
    ),
    Case(
        "left join onto a CTE",
        "WITH x AS MATERIALIZED (SELECT id, author_id, title FROM books) SELECT a.id, x.title "
        "FROM authors a LEFT JOIN x ON x.author_id = a.id",
        "title",
        "title",
    ),
    Case(
        "anti join within a CTE",
        "WITH x AS MATERIALIZED (SELECT b.title FROM authors a LEFT JOIN books b "
        "ON b.author_id = a.id WHERE b.author_id IS NULL) SELECT x.title FROM x",
        "title",
        "title",
    ),
    Case(
        "recursive CTE",
        "WITH RECURSIVE r AS (SELECT id, sequel_of FROM books WHERE id = 3 UNION ALL "
        "SELECT b.id, b.sequel_of FROM books b JOIN r ON b.id = r.sequel_of) SELECT id, sequel_of FROM r",
        "id sequel_of",
        "sequel_of",
    ),
    Case(
        "left join within a subquery",
        "SELECT s.id, s.title FROM (SELECT a.id, b.title FROM authors a "
        "LEFT JOIN books b ON b.author_id = a.id OFFSET 0) s",
        "title",
        "title",
    ),
    Case(
        "left join within a subquery that is filtered",
        "SELECT s.id, s.title FROM (SELECT a.id, b.title FROM authors a "
        "LEFT JOIN books b ON b.author_id = a.id OFFSET 0) s WHERE s.id > 0",
        "id title",
        "title",
    ),
    Case(
        "left join of a subquery",
        "SELECT a.id, s.title FROM authors a LEFT JOIN (SELECT author_id, title FROM books "
        "ORDER BY id OFFSET 0) s ON s.author_id = a.id",
        "title",
        "title",
    ),
    Case(
        "left join of a constant",
        "SELECT a.id, s.one FROM authors a LEFT JOIN (SELECT author_id, 1 AS one FROM books) s ON s.author_id = a.id",
        "one",
        "one",
    ),
    Case("union", "SELECT id, title FROM books UNION SELECT id, nick FROM authors", "id title", "title"),
    Case("union all", "SELECT id, title FROM books UNION ALL SELECT NULL, NULL", "id title", "id title"),
    Case(
        "union all within a subquery",
        "SELECT x.id FROM (SELECT id FROM books UNION ALL SELECT sequel_of FROM books) x",
        "id",
        "id",
    ),
    Case("except", "SELECT sequel_of AS id FROM books EXCEPT SELECT id FROM authors WHERE id < 3", "id", "id"),
    Case("values", "SELECT v.x FROM (VALUES (1), (NULL)) AS v (x)", "x", "x"),
    Case(
        "left join of values",
        "SELECT v.x, b.title FROM (VALUES (1), (42)) AS v (x) LEFT JOIN books b ON b.id = v.x",
        "x title",
        "title",
    ),
    Case("view", "SELECT id, title, name FROM book_authors", "id title name", "name"),
    Case("plain view", "SELECT id, title FROM plain_books", "id title"),
    Case("materialized view", "SELECT id, title FROM stored_books", "id title"),
    Case(
        "left join of a view",
        "SELECT a.id, v.title FROM authors a LEFT JOIN plain_books v ON v.id = a.id + 1",
        "title",
        "title",
    ),
    Case(
        "window functions",
        "SELECT id, row_number() OVER w AS n, lag(id) OVER w AS before, title FROM books WINDOW w AS (ORDER BY id)",
        "n before",
        "before",
    ),
    Case(
        "window over a left join",
        "SELECT a.id, b.title, count(*) OVER () AS n FROM authors a LEFT JOIN books b "
        "ON b.author_id = a.id ORDER BY a.id",
        "title n",
        "title",
    ),
    Case("set-returning function", "SELECT id, unnest(ARRAY[nick, 'x']) AS word FROM authors", "word", "word"),
    Case("function", "SELECT f.id, f.title FROM books_of($1) AS f", "id title", "", (1,)),
    Case(
        "left join of a function",
        "SELECT a.id, f.title FROM authors a LEFT JOIN LATERAL books_of(a.id) f ON true",
        "title",
        "title",
    ),
    Case("partitions", "SELECT id, day, note FROM sales", "note", "note"),
    Case("partitions, sorted", "SELECT s.id, s.day, s.note FROM sales s ORDER BY s.id LIMIT 10", "note", "note"),
    Case("left join of partitions", "SELECT a.id, s.day FROM authors a LEFT JOIN sales s ON s.id = a.id", "day", "day"),
    Case(
        "join onto partitions",
        "SELECT s.day, b.title FROM sales s LEFT JOIN books b ON b.id = s.id + 2",
        "title",
        "title",
    ),
    Case("not null that is not inherited", "SELECT body FROM notes", "body", "body"),
    Case("not null that is inherited", "SELECT id FROM notes", since=18),
    Case("for update", "SELECT id, nick FROM authors WHERE id = 2 FOR UPDATE", "nick", "nick"),
    Case("insert", "INSERT INTO authors (id, name) VALUES (50, 'Eve') RETURNING id, name, nick", "nick", "nick"),
    Case(
        "insert from a left join",
        "INSERT INTO authors SELECT a.id + 60, a.name, b.title FROM authors a LEFT JOIN books b "
        "ON b.author_id = a.id RETURNING id, name, nick",
        "nick",
        "nick",
    ),
    Case(
        "upsert",
        "INSERT INTO authors (id, name) VALUES (1, 'Eve') ON CONFLICT (id) DO UPDATE SET name = excluded.name "
        "RETURNING id, name",
    ),
    Case("update", "UPDATE authors SET name = 'x' WHERE id = 2 RETURNING id, nick", "nick", "nick"),
    Case(
        "update from a left join",
        "UPDATE authors t SET name = 'x' FROM authors a LEFT JOIN books b "
        "ON b.author_id = a.id WHERE t.id = a.id RETURNING t.id, b.title",
        "title",
        "title",
    ),
    Case(
        "delete using",
        "DELETE FROM books d USING books b LEFT JOIN authors a ON a.id = b.author_id "
        "WHERE d.id = b.id RETURNING d.id, a.name",
        "name",
        "name",
    ),
    Case(
        "insert within a CTE",
        "WITH x AS (INSERT INTO authors (id, name) VALUES (50, 'Eve') RETURNING id, name, nick) "
        "SELECT x.id, x.name, x.nick FROM x",
        "nick",
        "nick",
    ),
    Case(
        "left join onto an insert within a CTE",
        "WITH x AS (INSERT INTO authors (id, name) VALUES (50, 'Eve') "
        "ON CONFLICT DO NOTHING RETURNING id, name) SELECT b.id, x.name FROM books b LEFT JOIN x ON x.id = b.id",
        "name",
        "name",
    ),
    Case(
        "merge",
        "MERGE INTO authors a USING books b ON a.id = b.id WHEN MATCHED THEN UPDATE SET name = b.title "
        "WHEN NOT MATCHED THEN INSERT VALUES (b.id, b.title, NULL) RETURNING a.id, b.title",
        "id",
        "",
        (),
        17,
    ),
    Case(
        "merge by source",
        "MERGE INTO authors a USING (SELECT id, title FROM books WHERE id = 1) b ON a.id = b.id "
        "WHEN MATCHED THEN UPDATE SET name = b.title WHEN NOT MATCHED BY SOURCE THEN DELETE "
        "RETURNING a.id, b.title",
        "title",
        "title",
        (),
        17,
    ),
    Case(
        "merge within a CTE",
        "WITH m AS (MERGE INTO authors a USING (SELECT id, title FROM books WHERE id = 1) b "
        "ON a.id = b.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING a.id, b.title) SELECT m.id, m.title FROM m",
        "id title",
        "title",
        (),
        17,
    ),
    Case(
        "returning old and new of an update",
        "UPDATE authors SET name = 'x' WHERE id = 1 RETURNING old.id, new.name",
        "id name",
        "",
        (),
        18,
    ),
    Case(
        "returning old of an insert",
        "INSERT INTO authors (id, name) VALUES (50, 'Eve') RETURNING old.name, id",
        "name",
        "name",
        (),
        18,
    ),
    Case(
        "returning new of a delete",
        "DELETE FROM authors WHERE id = 1 RETURNING new.name, authors.id",
        "name",
        "name",
        (),
        18,
    ),
    Case(
        "returning old by another name",
        "INSERT INTO authors (id, name) VALUES (50, 'Eve') RETURNING WITH (OLD AS before) before.name, id",
        "name",
        "name",
        (),
        18,
    ),
    Case(
        "returning old within a CTE",
        "WITH x AS (INSERT INTO authors (id, name) VALUES (50, 'Eve') "
        "RETURNING old.name AS name, id) SELECT x.id, x.name FROM x",
        "id name",
        "name",
        (),
        18,
    ),
    Case("a table called old", "SELECT old.id, old.name FROM authors AS old"),
]
