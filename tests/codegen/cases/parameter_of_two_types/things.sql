-- name: list_all :many
SELECT id
FROM recipes
WHERE slug = :x AND version = :x;
