-- name: get :many
SELECT id FROM tenants WHERE slug = $x$acme$;
