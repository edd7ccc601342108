-- name: create :one
INSERT INTO tenants (slug, name, namespace) VALUES (:slug, :slug, lower(:slug))
RETURNING id, lower(slug), 2, slug AS id;
