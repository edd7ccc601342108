-- Customers. A row of this table is what tenant-owned rows hang on; deleting is a status.
--
-- Pages go by key: (created_at, id) of the last row seen, both or neither. Without one the page starts
-- below every key: the comparison is an index condition either way, under a generic plan as well.
-- A limit of null would mean all rows; as -1 the server refuses it.

-- name: create :one
-- Make a tenant, which is ACTIVE from the start.
-- The slug and the namespace are unique: psycopg.errors.UniqueViolation names the constraint that was in the way.
-- @param quota  {} means no limits
INSERT INTO tenants (slug, name, namespace, quota)
VALUES (:slug, :name, :namespace, :quota)
RETURNING id, slug, name, namespace, quota, status, created_at, updated_at;

-- name: get :optional
-- The tenant with this id, whatever its status.
SELECT id, slug, name, namespace, quota, status, created_at, updated_at
FROM tenants
WHERE id = :id;

-- name: get_by_slug :optional
-- The tenant with this slug, whatever its status.
SELECT id, slug, name, namespace, quota, status, created_at, updated_at
FROM tenants
WHERE slug = :slug;

-- name: list_all :many
-- Tenants in the order in which they came; a page at a time.
-- @param status?  only those with this status; None means all
-- @param after_created_at?  created_at of the last row seen, together with after_id; None for the first page
-- @param after_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT id, slug, name, namespace, quota, status, created_at, updated_at
FROM tenants
WHERE (created_at, id) > (
    CASE num_nulls(:after_created_at::timestamptz, :after_id::text)
      WHEN 0 THEN :after_created_at
      WHEN 2 THEN '-infinity'
    END,
    coalesce(:after_id, '')
  )
  AND (:status::"TenantStatus" IS NULL OR status = :status)
ORDER BY created_at, id
LIMIT coalesce(:limit, -1);

-- name: rename :one
-- Change the name that people see; slug and namespace stay.
UPDATE tenants
SET name = :name
WHERE id = :id
RETURNING id, slug, name, namespace, quota, status, created_at, updated_at;

-- name: set_quota :one
-- Replace the whole quota; a key that is left out means no limit.
UPDATE tenants
SET quota = :quota
WHERE id = :id
RETURNING id, slug, name, namespace, quota, status, created_at, updated_at;

-- name: set_status :one
-- Suspend a tenant, delete it (its rows stay), or take it back.
UPDATE tenants
SET status = :status
WHERE id = :id
RETURNING id, slug, name, namespace, quota, status, created_at, updated_at;

-- name: usage :one
-- What a tenant has: its deployments by status, its users and its conversations, counted now.
-- A tenant without any of them has zeros; an id that is no tenant's raises NoRowError.
-- @column deployments_pending!
-- @column deployments_deploying!
-- @column deployments_running!
-- @column deployments_failed!
-- @column deployments_stopped!
-- @column deployments_deleting!
-- @column users!
-- @column conversations!
SELECT
  deployed.pending AS deployments_pending,
  deployed.deploying AS deployments_deploying,
  deployed.running AS deployments_running,
  deployed.failed AS deployments_failed,
  deployed.stopped AS deployments_stopped,
  deployed.deleting AS deployments_deleting,
  (SELECT count(*) FROM users AS u WHERE u.tenant_id = t.id) AS users,
  (SELECT count(*) FROM conversations AS c WHERE c.tenant_id = t.id) AS conversations
FROM tenants AS t
CROSS JOIN LATERAL (
  SELECT
    count(*) FILTER (WHERE d.status = 'PENDING') AS pending,
    count(*) FILTER (WHERE d.status = 'DEPLOYING') AS deploying,
    count(*) FILTER (WHERE d.status = 'RUNNING') AS running,
    count(*) FILTER (WHERE d.status = 'FAILED') AS failed,
    count(*) FILTER (WHERE d.status = 'STOPPED') AS stopped,
    count(*) FILTER (WHERE d.status = 'DELETING') AS deleting
  FROM deployments AS d
  WHERE d.tenant_id = t.id
) AS deployed
WHERE t.id = :id;
