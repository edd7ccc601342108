-- name: create :one
-- The quota is called after its column, and so has its shape.
INSERT INTO tenants (slug, name, namespace, quota)
VALUES (:slug, :name, :namespace, :quota)
RETURNING id, slug, name, namespace, quota, status, created_at, updated_at;

-- name: set_limits :execrows
-- @param limits: tenants.quota what it may use at most
UPDATE tenants SET quota = :limits, status = coalesce(:status, status) WHERE id = ANY (:ids);

-- name: set_statuses :execrows
-- @param status?
UPDATE tenants SET status = coalesce(:status, status) WHERE status = ANY (:statuses::"TenantStatus"[]);
