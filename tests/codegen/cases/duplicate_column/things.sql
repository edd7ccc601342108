-- name: get :many
SELECT t.id, u.id
FROM tenants AS t
JOIN users AS u ON u.tenant_id = t.id;
