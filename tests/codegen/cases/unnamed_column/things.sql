-- name: get :many
SELECT id, version + 1
FROM recipes;
