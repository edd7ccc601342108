-- People who sign in. Rows belong to a tenant: every query takes its id, but for sign-in and sign-up,
-- when it is not known yet.
--
-- Pages go by key: (created_at, id) of the last row seen, both or neither. Without one the page starts
-- below every key: the comparison is an index condition either way, under a generic plan as well.
-- A limit of null would mean all rows; as -1 the server refuses it.

-- name: create :one
-- Add a user to a tenant.
-- An e-mail that is taken, by whichever tenant, raises psycopg.errors.UniqueViolation; a tenant that is not there,
-- ForeignKeyViolation.
-- @param password_hash?  made by the services, with its salt; None for an account without a password
-- @param name?  the person's name for display
INSERT INTO users (tenant_id, email, password_hash, name, role)
VALUES (:tenant_id, :email, :password_hash, :name, :role)
RETURNING id, email, password_hash, name, role, tenant_id, created_at, updated_at;

-- name: get :optional
-- The user with this id, if it is of this tenant.
SELECT id, email, password_hash, name, role, tenant_id, created_at, updated_at
FROM users
WHERE id = :id
  AND tenant_id = :tenant_id;

-- name: get_by_email :optional
-- Sign-in: the user with this e-mail, with what must be known of its tenant before it is let in.
-- The e-mail's case does not matter. Where two accounts differ in nothing else, the one that is spelled as given
-- comes first, then the older one.
SELECT
  u.id, u.email, u.password_hash, u.name, u.role, u.tenant_id, u.created_at, u.updated_at,
  t.slug AS tenant_slug,
  t.namespace AS tenant_namespace,
  t.status AS tenant_status
FROM users AS u
JOIN tenants AS t ON t.id = u.tenant_id
WHERE lower(u.email) = lower(:email)
ORDER BY u.email <> :email, u.created_at, u.id
LIMIT 1;

-- name: list_by_tenant :many
-- A tenant's users in the order in which they came; a page at a time.
-- @param after_created_at?  created_at of the last row seen, together with after_id; None for the first page
-- @param after_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT id, email, password_hash, name, role, tenant_id, created_at, updated_at
FROM users
WHERE tenant_id = :tenant_id
  AND (created_at, id) > (
    CASE num_nulls(:after_created_at::timestamptz, :after_id::text)
      WHEN 0 THEN :after_created_at
      WHEN 2 THEN '-infinity'
    END,
    coalesce(:after_id, '')
  )
ORDER BY created_at, id
LIMIT coalesce(:limit, -1);

-- name: update_profile :one
-- Change what users say of themselves: both fields as they shall be.
-- @param name?  the person's name for display; None takes it away
UPDATE users
SET
  email = :email,
  name = :name
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING id, email, password_hash, name, role, tenant_id, created_at, updated_at;

-- name: set_password_hash :one
-- Replace the password's hash.
UPDATE users
SET password_hash = :password_hash
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING id, email, password_hash, name, role, tenant_id, created_at, updated_at;

-- name: set_role :one
-- Make a user an ADMIN of its tenant, or a mere USER.
UPDATE users
SET role = :role
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING id, email, password_hash, name, role, tenant_id, created_at, updated_at;

-- name: delete :execrows
-- Delete a user; return 1, or 0 if the tenant has none with this id.
-- One who holds conversations stays: psycopg.errors.RestrictViolation or ForeignKeyViolation, by the server's version.
DELETE FROM users
WHERE id = :id
  AND tenant_id = :tenant_id;

-- name: sign_up :one
-- Make a tenant and its first user, an ADMIN, in one statement: both or neither.
-- A slug, namespace or e-mail that is taken raises psycopg.errors.UniqueViolation, which names the constraint.
-- @param tenant_name  the customer's name as people write it
-- @param user_name?  the person's name for display
WITH tenant AS (
  INSERT INTO tenants (slug, name, namespace, quota)
  VALUES (:slug, :tenant_name, :namespace, :quota)
  RETURNING id
)
INSERT INTO users (tenant_id, email, password_hash, name, role)
SELECT tenant.id, :email, :password_hash, :user_name, 'ADMIN'
FROM tenant
RETURNING tenant_id, id AS user_id;
