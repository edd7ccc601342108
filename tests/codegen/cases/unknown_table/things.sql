-- name: get :optional
SELECT id, slug
FROM recipe
WHERE id = :id;
