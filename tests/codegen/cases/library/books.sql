-- name: create :one
-- @param tags?
-- @param pages?
INSERT INTO books (isbn, author_id, title, binding, tags, notes, pages, price, weight, data, cover, read_for, opens, added)
VALUES (:isbn, :author_id, :title, :binding, :tags, :notes, :pages, :price, :weight, :data, :cover, :read_for, :opens, :added)
RETURNING isbn, author_id, title, binding, tags, notes, pages, price, weight, data, cover, read_for, opens, added;

-- name: list_slices :many
-- Tags 2 to 3, and from :first on: only the second colon begins a parameter.
SELECT isbn, tags[2:3] AS tags, notes[1] AS note, pages[:first:3] AS pages, (:words::text[])[1] AS word
FROM books
WHERE title = ANY (:marks::text[])
FETCH FIRST :n ROWS ONLY;

-- name: list_outer :many
-- @column name?
-- @column title!
SELECT b.isbn, b.title, a.name, b.tags
FROM authors AS a
LEFT JOIN books AS b ON b.author_id = a.id;

-- name: list_bindings :many
SELECT DISTINCT binding, 'left'::page_side AS side FROM books;

-- name: list_tags :many
SELECT tags FROM books;
