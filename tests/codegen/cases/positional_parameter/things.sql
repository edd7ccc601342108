-- name: get :optional
SELECT id, slug FROM tenants WHERE id = $1;
