-- name: get :optional
SELECT id, slug FROM tenants WHERE id = :id;

-- name: get :many
SELECT id, slug FROM tenants;
