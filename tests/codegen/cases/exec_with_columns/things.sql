-- name: touch :exec
UPDATE tenants SET name = :name WHERE id = :id RETURNING id;

-- name: notify :exec
SELECT pg_notify('x', :payload);
