-- name: get :many
SELECT id
FROM tenants
WHERE slug = 'acme AND name = :name;

-- name: get_other :many
-- It isn't swallowed.
SELECT idd FROM tenants;
