-- name: remove :many
DELETE FROM tenants WHERE id = :id;
