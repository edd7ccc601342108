-- name: get
SELECT id, slug FROM tenants;

-- name: :many
SELECT id, slug FROM tenants;

-- name:
SELECT id, slug FROM tenants;

-- name: get_all :many all of them
SELECT id, slug FROM tenants;
