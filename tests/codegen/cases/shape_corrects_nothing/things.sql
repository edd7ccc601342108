-- name: get :optional
-- @column quota: tenants.quota
-- @column status: tenants.quota
SELECT id, quota, status, 1 AS n
FROM tenants
WHERE id = :id;

-- name: set_quota :execrows
-- @param quota: tenants.quota
UPDATE tenants SET quota = :quota WHERE id = :id;
