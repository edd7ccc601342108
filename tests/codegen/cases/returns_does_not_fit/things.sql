-- name: list_all :many
-- @returns Conversation
SELECT id, tenant_id, user_id, title, created_at
FROM conversations;

-- name: list_texts :many
-- @returns Conversation
SELECT id, tenant_id, user_id, title, created_at::text AS created_at, updated_at
FROM conversations;

-- name: list_more :many
-- @returns Conversation
SELECT id, tenant_id, user_id, title, created_at, updated_at, 1 AS one
FROM conversations;
