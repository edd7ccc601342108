-- name: list_all :many
-- @returns Conversation
SELECT id, tenant_id, user_id, title, created_at, updated_at
FROM conversations;
