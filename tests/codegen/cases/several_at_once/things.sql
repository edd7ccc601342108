-- name: get :optional
SELECT idd FROM tenants WHERE id = :id;

-- name: get_all :manny
SELECT id FROM tenants;

-- name: list_all :many
-- @param nothing?
SELECT id, slug FROM tenants;
