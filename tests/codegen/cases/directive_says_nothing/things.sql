-- name: get :optional
-- @param id
-- @column slug
-- @param
-- @param id! never
SELECT id, slug
FROM tenants
WHERE id = :id;
