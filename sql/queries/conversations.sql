-- Threads of messages between a user and the agent. Rows belong to a tenant: every query takes its id.
--
-- Pages go by key: (updated_at, id) of the last row seen, both or neither. Without one the page starts
-- above every key: the comparison is an index condition either way, under a generic plan as well.
-- A limit of null would mean all rows; as -1 the server refuses it.

-- name: create :one
-- Begin a conversation of one of the tenant's users.
-- A user who is not of this tenant, or not there at all, raises NoRowError, and nothing is written.
-- @param title?  short heading for lists; None until there is one
INSERT INTO conversations (tenant_id, user_id, title)
SELECT u.tenant_id, u.id, :title
FROM users AS u
WHERE u.id = :user_id
  AND u.tenant_id = :tenant_id
RETURNING id, tenant_id, user_id, title, created_at, updated_at;

-- name: get :optional
-- The conversation with this id, if it is of this tenant.
SELECT id, tenant_id, user_id, title, created_at, updated_at
FROM conversations
WHERE id = :id
  AND tenant_id = :tenant_id;

-- name: rename :one
-- Change the heading; the conversation moves to the top of its user's list.
UPDATE conversations
SET title = :title
WHERE id = :id
  AND tenant_id = :tenant_id
RETURNING id, tenant_id, user_id, title, created_at, updated_at;

-- name: delete :execrows
-- Delete a conversation with all its messages; return 1, or 0 if the tenant has none with this id.
DELETE FROM conversations
WHERE id = :id
  AND tenant_id = :tenant_id;

-- name: list_by_user :many
-- A user's conversations, the latest first, with the first 200 characters of the last message and how many there are.
-- The page is cut before the messages are looked at. One whose updated_at moves between two pages may be met
-- again or be passed over, as in any list that is ordered by what changes.
-- @param before_updated_at?  updated_at of the last row seen, together with before_id; None for the first page
-- @param before_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
-- @column message_count!
SELECT
  page.id, page.tenant_id, page.user_id, page.title, page.created_at, page.updated_at,
  last.start AS last_message,
  (SELECT count(*) FROM messages AS m WHERE m.conversation_id = page.id) AS message_count
FROM (
  SELECT c.id, c.tenant_id, c.user_id, c.title, c.created_at, c.updated_at
  FROM conversations AS c
  WHERE c.tenant_id = :tenant_id
    AND c.user_id = :user_id
    AND (c.updated_at, c.id) < (
      CASE num_nulls(:before_updated_at::timestamptz, :before_id::text)
        WHEN 0 THEN :before_updated_at
        WHEN 2 THEN 'infinity'
      END,
      coalesce(:before_id, '')
    )
  ORDER BY c.updated_at DESC, c.id DESC
  LIMIT coalesce(:limit, -1)
) AS page
LEFT JOIN LATERAL (
  SELECT left(m.content, 200) AS start
  FROM messages AS m
  WHERE m.conversation_id = page.id
  ORDER BY m.created_at DESC, m.id DESC
  LIMIT 1
) AS last ON true
ORDER BY page.updated_at DESC, page.id DESC;
