-- name: touch :exec
UPDATE tenants SET name = :name WHERE id = :id;
DELETE FROM tenants;
