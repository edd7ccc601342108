-- The catalog's audit trail: rows are written by the database, never by a query, and never changed.

-- name: list_by_recipe :many
-- A recipe's versions, the newest first; a page at a time.
-- @param before_version?  version of the last row seen; None for the first page
-- @param limit  rows a page; a limit of None is refused by the server
SELECT id, recipe_id, version, snapshot, changed_by, created_at
FROM recipe_versions
WHERE recipe_id = :recipe_id
  -- One above the largest integer when there is no cursor; an index condition either way.
  AND version < coalesce(:before_version, 2147483648)
ORDER BY version DESC
LIMIT coalesce(:limit, -1);

-- name: get :optional
-- A recipe as it stood at one version.
SELECT id, recipe_id, version, snapshot, changed_by, created_at
FROM recipe_versions
WHERE recipe_id = :recipe_id
  AND version = :version;
