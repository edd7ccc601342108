-- name: get :optional
SELECT id, slug, display_nam
FROM recipes
WHERE id = :id;
