-- name: get :optional
SELECT *
FROM recipes
WHERE id = :id;

-- name: get_joined :optional
SELECT d.id, r.*
FROM deployments AS d
JOIN recipes AS r ON r.id = d.recipe_id;

-- name: create :one
INSERT INTO tenants (slug) VALUES (:slug) RETURNING *;

-- name: list_counts :many
-- @column n!
-- @column square!
SELECT version, count(*) AS n, 2 * version AS square FROM recipes AS r GROUP BY version HAVING count(r.*) > 1;
