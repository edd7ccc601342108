-- name: list_all :many
SELECT id, slug
FROM recipes
WHERE :category IS NULL OR category = :category
LIMIT :limit;
