-- name: get :optional
-- @param id? one
-- @param id two
SELECT id, slug FROM tenants WHERE id = :id;
