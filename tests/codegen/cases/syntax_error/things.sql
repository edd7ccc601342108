-- name: list_all :many
-- Umlauts before it: äöü.
SELECT id, slug /* ä :no */
FROM recipes
WHERE slug = :slug_that_is_long AND category = :category
  ORDR BY id;
