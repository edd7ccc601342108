-- name: get :options
SELECT id, slug FROM tenants;

-- name: get_all many
SELECT id, slug FROM tenants;

-- name: get_two :batch extra
SELECT id, slug FROM tenants;
