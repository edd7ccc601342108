-- name: drop_all :exec
DROP TABLE tenants;
