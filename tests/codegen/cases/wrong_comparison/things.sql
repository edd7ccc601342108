-- name: list_all :many
SELECT id, slug
FROM recipes
WHERE version > slug;
