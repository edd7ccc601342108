-- name: get :many
SELECT lowerr(slug) AS slug
FROM tenants;
