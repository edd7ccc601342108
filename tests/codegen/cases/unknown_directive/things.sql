-- name: get :optional
-- @params id?
-- @cardinality 1
SELECT id, slug
FROM tenants
WHERE id = :id;
