-- name: get :many
SELECT id, jsonb_build_object('a', :first::text, 'b', :second) AS pair
FROM recipes;
