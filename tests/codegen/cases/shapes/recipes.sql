-- name: set_shapes :one
-- @param config_schema?
-- @param embedding?
UPDATE recipes
SET config_schema = coalesce(:config_schema, config_schema), dependencies = :dependencies, embedding = :embedding
WHERE ai_hints @> :ai_hints
RETURNING config_schema, dependencies, coalesce(ai_hints, '{}') AS ai_hints, embedding;

-- name: list_hints :many
-- @column ai_hints!: recipes.ai_hints
-- @column extra!
SELECT id, coalesce(ai_hints, '{}') AS ai_hints, jsonb_build_object('a', :extra::jsonb) AS extra FROM recipes;

-- name: upsert_and_read :one
-- @returns Conversation
WITH made AS (
  INSERT INTO conversations (tenant_id, user_id)
  VALUES (:tenant_id, :user_id)
  RETURNING id, tenant_id, user_id, title, created_at, updated_at
)
SELECT id, tenant_id, user_id, title, created_at, updated_at FROM made
UNION ALL
SELECT id, tenant_id, user_id, title, created_at, updated_at FROM conversations WHERE user_id = :user_id
LIMIT 1;

-- name: search :many
-- @column similarity!
SELECT id, 1 - (embedding <=> :embedding) AS similarity, clock_timestamp() AS now
FROM recipes
ORDER BY embedding <=> :embedding
LIMIT :limit;
