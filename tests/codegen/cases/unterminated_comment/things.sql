-- name: get :many
SELECT id /* the key /* nested */
FROM tenants;

-- name: get_other :many
SELECT idd FROM tenants;
