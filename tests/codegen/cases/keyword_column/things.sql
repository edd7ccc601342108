-- name: get :many
SELECT id, category AS class
FROM recipes;

-- name: get_copies :many
SELECT id, category AS copy, slug AS "Slug" FROM recipes;
