-- name: get :many
SELECT id, to_tsvector('simple', slug) AS words
FROM recipes;

-- name: search :many
SELECT id, slug FROM recipes WHERE to_tsvector('simple', slug) @@ :query;

-- name: get_row :many
SELECT id, t AS whole FROM tenants AS t;

-- name: get_statuses :many
SELECT array_agg(status) AS statuses FROM tenants;
