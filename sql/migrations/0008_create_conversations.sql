-- What people and the agent say to each other: conversations and their messages.
-- Messages go with their conversation (CASCADE); a user or tenant with conversations stays (RESTRICT).
-- depends: 0007_create_deployments
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

CREATE TABLE conversations (
  id text NOT NULL DEFAULT cuid(),
  tenant_id text NOT NULL,
  user_id text NOT NULL,
  title text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT conversations_pkey PRIMARY KEY (id),
  CONSTRAINT conversations_tenant_id_fkey FOREIGN KEY (tenant_id)
    REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT conversations_user_id_fkey FOREIGN KEY (user_id)
    REFERENCES users (id) ON UPDATE CASCADE ON DELETE RESTRICT
);

CREATE TRIGGER conversations_set_updated_at
  BEFORE UPDATE ON conversations
  FOR EACH ROW
  WHEN (OLD.* *<> NEW.*)
  EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE conversations IS 'One row a thread of messages between a user and the agent.';
COMMENT ON COLUMN conversations.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN conversations.tenant_id IS 'The tenant within which it is held.';
COMMENT ON COLUMN conversations.user_id IS 'The user who holds it.';
COMMENT ON COLUMN conversations.title IS 'Short heading for lists; null until someone or the agent gives one.';
COMMENT ON COLUMN conversations.created_at IS 'When the row was made, to the millisecond.';
COMMENT ON COLUMN conversations.updated_at IS 'When the row last changed, by the server''s clock; set by a trigger, whatever a client sends.';

CREATE TABLE messages (
  id text NOT NULL DEFAULT cuid(),
  conversation_id text NOT NULL,
  role "MessageRole" NOT NULL,
  content text NOT NULL,
  tool_invocations jsonb,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT messages_pkey PRIMARY KEY (id),
  CONSTRAINT messages_conversation_id_fkey FOREIGN KEY (conversation_id)
    REFERENCES conversations (id) ON UPDATE CASCADE ON DELETE CASCADE
);

COMMENT ON TABLE messages IS 'What was said, one row a turn; rows are added, never changed.';
COMMENT ON COLUMN messages.id IS 'cuid; made by the database unless the client sends its own.';
COMMENT ON COLUMN messages.conversation_id IS 'The conversation; its messages go when it is deleted.';
COMMENT ON COLUMN messages.role IS 'Who speaks: USER, ASSISTANT, SYSTEM or TOOL.';
COMMENT ON COLUMN messages.content IS 'The text of the turn; may be empty when there are only tool invocations.';
COMMENT ON COLUMN messages.tool_invocations IS
  'Tools that the agent called in this turn: a list of {"toolName", "args": object, "result"}; null for none.';
COMMENT ON COLUMN messages.created_at IS 'When it was said, to the millisecond; equal ones are ordered by id.';
