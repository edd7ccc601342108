-- What was said, a row a turn. Messages belong to their conversation's tenant: every query takes the tenant's id, and
-- asks for the conversation once, before a single message is read (a one-time filter in the plan, not a join).
--
-- The order of a conversation is (created_at, id), and it is made when a message is written. The conversation's row is
-- updated first, and so locked: whoever comes second waits there, and only then takes the time. updated_at is the
-- server's clock after the wait (its trigger sees to that), and created_at is the same. Hence no message is older than
-- one that was there before it, and none can turn up between two that were read. Ids are drawn later still, so that
-- within a millisecond they ascend as well. Behind a message that is dated later than the clock (a client dated it
-- whose clock is fast) the next one goes a millisecond after it.
--
-- Pages go by key: (created_at, id) of the last row seen, both or neither. Without one the page starts beyond every
-- key: the comparison is an index condition either way, under a generic plan as well.
-- A limit of null would mean all rows; as -1 the server refuses it. Messages of null would be none; as JSON's null,
-- which is no array, the server refuses them.

-- name: append :one
-- Add a message to the end of a conversation, which moves to the top of its user's list.
-- Two at once wait for each other and keep one order. A conversation that is not this tenant's, or not there at all,
-- raises NoRowError, and nothing is written.
-- @param tool_invocations?  tools that the agent called in this turn; None for none
WITH conversation AS (
  UPDATE conversations
  SET updated_at = clock_timestamp()
  WHERE id = :conversation_id
    AND tenant_id = :tenant_id
  RETURNING id, updated_at
)
INSERT INTO messages (conversation_id, role, content, tool_invocations, created_at)
SELECT
  conversation.id,
  :role,
  :content,
  :tool_invocations,
  greatest(
    conversation.updated_at,
    (
      SELECT max(ahead.created_at) + interval '1 millisecond'
      FROM messages AS ahead
      WHERE ahead.conversation_id = conversation.id
        AND ahead.created_at > conversation.updated_at
    )
  )
FROM conversation
RETURNING id, conversation_id, role, content, tool_invocations, created_at;

-- name: append_many :many
-- Add messages to the end of a conversation in the order of the list, all or none, and return them in it.
-- Each is a NewMessage or an object like it: role, content and, if there are any, tool_invocations; no other key.
-- A conversation that is not this tenant's, or not there at all, gives an empty list, and nothing is written; nor is
-- anything for an empty list. The messages have one created_at, and their ids are dealt out in ascending order.
-- @param messages  [{"role": "USER", "content": "…", "tool_invocations": […]}, …]
WITH conversation AS (
  UPDATE conversations
  SET updated_at = clock_timestamp()
  WHERE id = :conversation_id
    AND tenant_id = :tenant_id
    AND jsonb_array_length(coalesce(:messages::jsonb, 'null')) > 0
  RETURNING id, updated_at
),
drawn AS MATERIALIZED (
  SELECT cuid() AS id
  FROM conversation
  CROSS JOIN generate_series(1, jsonb_array_length(:messages))
),
numbered AS (
  SELECT id, row_number() OVER (ORDER BY id) AS place
  FROM drawn
),
appended AS (
  INSERT INTO messages (id, conversation_id, role, content, tool_invocations, created_at)
  SELECT
    numbered.id,
    conversation.id,
    said.role,
    said.content,
    said.tool_invocations,
    greatest(
      conversation.updated_at,
      (
        SELECT max(ahead.created_at) + interval '1 millisecond'
        FROM messages AS ahead
        WHERE ahead.conversation_id = conversation.id
          AND ahead.created_at > conversation.updated_at
      )
    )
  FROM conversation
  CROSS JOIN ROWS FROM (
    jsonb_to_recordset(:messages) AS (role "MessageRole", content text, tool_invocations jsonb)
  ) WITH ORDINALITY AS said (role, content, tool_invocations, place)
  JOIN numbered ON numbered.place = said.place
  RETURNING id, conversation_id, role, content, tool_invocations, created_at
)
SELECT id, conversation_id, role, content, tool_invocations, created_at
FROM appended
ORDER BY created_at, id;

-- name: list_page :many
-- A conversation's messages, oldest first; a page at a time.
-- @param after_created_at?  created_at of the last row seen, together with after_id; None for the first page
-- @param after_id?  id of the last row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT m.id, m.conversation_id, m.role, m.content, m.tool_invocations, m.created_at
FROM messages AS m
WHERE m.conversation_id = :conversation_id
  AND EXISTS (SELECT FROM conversations AS c WHERE c.id = :conversation_id AND c.tenant_id = :tenant_id)
  AND (m.created_at, m.id) > (
    CASE num_nulls(:after_created_at::timestamptz, :after_id::text)
      WHEN 0 THEN :after_created_at
      WHEN 2 THEN '-infinity'
    END,
    coalesce(:after_id, '')
  )
ORDER BY m.created_at, m.id
LIMIT coalesce(:limit, -1);

-- name: list_before :many
-- The page of messages just before one, oldest first within the page: how a reader scrolls back.
-- @param before_created_at?  created_at of the first row seen, together with before_id; None for the last page
-- @param before_id?  id of the first row seen; half a cursor gives no rows
-- @param limit  rows a page
SELECT page.id, page.conversation_id, page.role, page.content, page.tool_invocations, page.created_at
FROM (
  SELECT m.id, m.conversation_id, m.role, m.content, m.tool_invocations, m.created_at
  FROM messages AS m
  WHERE m.conversation_id = :conversation_id
    AND EXISTS (SELECT FROM conversations AS c WHERE c.id = :conversation_id AND c.tenant_id = :tenant_id)
    AND (m.created_at, m.id) < (
      CASE num_nulls(:before_created_at::timestamptz, :before_id::text)
        WHEN 0 THEN :before_created_at
        WHEN 2 THEN 'infinity'
      END,
      coalesce(:before_id, '')
    )
  ORDER BY m.created_at DESC, m.id DESC
  LIMIT coalesce(:limit, -1)
) AS page
ORDER BY page.created_at, page.id;

-- name: list_recent :many
-- The last messages of a conversation, oldest first: what an agent is given.
-- @param limit  how many at most
SELECT page.id, page.conversation_id, page.role, page.content, page.tool_invocations, page.created_at
FROM (
  SELECT m.id, m.conversation_id, m.role, m.content, m.tool_invocations, m.created_at
  FROM messages AS m
  WHERE m.conversation_id = :conversation_id
    AND EXISTS (SELECT FROM conversations AS c WHERE c.id = :conversation_id AND c.tenant_id = :tenant_id)
  ORDER BY m.created_at DESC, m.id DESC
  LIMIT coalesce(:limit, -1)
) AS page
ORDER BY page.created_at, page.id;

-- name: stream :stream
-- All messages of a conversation, oldest first, however many: read through a cursor, a batch at a time.
SELECT m.id, m.conversation_id, m.role, m.content, m.tool_invocations, m.created_at
FROM messages AS m
WHERE m.conversation_id = :conversation_id
  AND EXISTS (SELECT FROM conversations AS c WHERE c.id = :conversation_id AND c.tenant_id = :tenant_id)
ORDER BY m.created_at, m.id;
