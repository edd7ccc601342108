-- name: get :many
SELECT t.id
FROM tenants AS x;
