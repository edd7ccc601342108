-- name: get :many
SELECT id, slug
FROM recipes
WHERE category = :class AND slug = :Slug AND id = :db;
