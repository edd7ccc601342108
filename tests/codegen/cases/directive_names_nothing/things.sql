-- name: get :optional
-- One tenant.
-- @param idd?
-- @column sluq!
-- @returns Tenat
SELECT id, slug
FROM tenants
WHERE id = :id;
