-- name: get :optional
-- @column slug!
-- @column n?
SELECT u.id, u.email AS slug, count(*) AS n
FROM users AS u
WHERE u.id = :id
GROUP BY u.id;
