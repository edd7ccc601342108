-- People who write.
-- They come first.
--
-- A second paragraph.

-- name: get :optional
-- An author by id.
SELECT id, name, born, site FROM authors WHERE id = :id;

-- name: get_one :one
SELECT site, born, id, name FROM authors WHERE id = :id::bigint;

-- Between queries anything may be said.

-- name: count_all :one
-- @column n! how many there are
SELECT count(*) AS n FROM authors;

-- name: get_name :optional
-- The name alone; a bare value. Nothing more is read of the row than this.
SELECT name FROM authors WHERE id = :id;

-- name: list_births :many
SELECT born FROM authors ORDER BY born;

-- name: find :many
-- Authors whose name is like a pattern, 100% sure, with the number of their books and the title of the latest one.
--
-- The second paragraph says more than fits on one line of the docstring, so that it has to be wrapped somewhere here.
-- @param pattern      a LIKE pattern such as 'A%'; this text is longer than a single line of the docstring would allow,
--                     so it goes on
-- @param born_before? only those born before that day; None means all
-- @column books!      how many books
SELECT a.id, a.name, count(b.isbn) AS books, max(b.title) AS latest_title -- 100%
FROM authors AS a
LEFT JOIN books AS b ON b.author_id = a.id
WHERE a.name LIKE :pattern AND a.name NOT LIKE '%:nobody%' AND a.name <> E'\':x' AND a.name <> $$:y$$
  AND (:born_before::date IS NULL OR a.born < :born_before)
GROUP BY a.id
ORDER BY a.id % 7, a.name
LIMIT :limit;

-- name: stream_all :stream
SELECT id, name, born, site FROM authors ORDER BY id;

-- name: rename :execrows
UPDATE authors SET name = :name WHERE id = :id;

-- name: forget :exec
DELETE FROM authors WHERE id = ANY (:ids);

-- name: next_number :one
-- @column number!
SELECT nextval('numbers') AS number;

-- name: lock :optional
SELECT id FROM authors WHERE id = :id FOR UPDATE;

-- name: notify :exec
SELECT pg_notify('authors', :payload);
