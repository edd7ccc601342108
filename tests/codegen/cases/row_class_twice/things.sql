-- name: a_b :many
SELECT id, slug FROM tenants;

-- name: a__b :many
SELECT id, name FROM tenants;

-- name: a___b :many
SELECT id FROM tenants;
