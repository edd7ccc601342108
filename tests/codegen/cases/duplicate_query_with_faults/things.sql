-- name: get :optional
SELECT * FROM tenants WHERE id = :id;

-- name: list_all :many
SELECT id FROM tenants WHERE slug = 'acme;

-- name: get :manny
SELECT id, slug FROM tenants;

-- name: list_all :many
SELECT id, slug FROM tenants;
