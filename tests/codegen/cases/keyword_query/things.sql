-- name: import :many
SELECT id, slug FROM recipes;

-- name: list :many
SELECT id, slug FROM recipes;

-- name: getAll :many
SELECT id, slug FROM recipes;
