-- name: create :one
INSERT INTO tenants (slug, nmae)
VALUES (:slug, :name)
RETURNING id;
