"""What the queries on messages do, and the order that a conversation keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypedDict

import psycopg
import pytest
from examples import (
    ONE_MOMENT,
    Connection,
    a_conversation,
    a_tenant,
    a_user,
    another_connection,
    at_once,
    one_after_another,
    running,
)
from pydantic import ValidationError

from mathison_data.documents import NewMessage, ToolInvocation
from mathison_data.errors import NoRowError
from mathison_data.queries import conversations, messages
from mathison_data.records import Conversation, Message, MessageRole

CALLS = [{"toolName": "search", "args": {"q": "a database", "n": 3}, "result": [1.5, None, {"ok": True}], "ms": 12}]


@pytest.fixture
def conversation(connection: Connection) -> Conversation:
    return a_conversation(connection, a_user(connection, a_tenant(connection)))


class Key(TypedDict):
    tenant_id: str
    conversation_id: str


def key(conversation: Conversation) -> Key:
    return {"tenant_id": conversation.tenant_id, "conversation_id": conversation.id}


def say(db: Connection, conversation: Conversation, content: str) -> Message:
    return messages.append(db, **key(conversation), role=MessageRole.USER, content=content)


def said(db: Connection, conversation: Conversation) -> list[str]:
    """Return what was said, in its order."""
    return [message.content for message in messages.list_page(db, **key(conversation), limit=10_000)]


def dated(db: Connection, conversation: Conversation, created_at: datetime, id_: str, content: str = "") -> None:
    """Write a message as another client might: with a time and an id of its own."""
    db.execute(
        "INSERT INTO messages (id, conversation_id, role, content, created_at) VALUES (%s, %s, 'USER', %s, %s)",
        [id_, conversation.id, content or id_, created_at],
    )


def now(db: Connection, conversation: Conversation) -> Conversation:
    found = conversations.get(db, tenant_id=conversation.tenant_id, id=conversation.id)
    assert found is not None
    return found


def test_append_stores_a_message_and_moves_the_conversation(connection: Connection, conversation: Conversation) -> None:
    made = messages.append(
        connection, **key(conversation), role=MessageRole.ASSISTANT, content="Done.", tool_invocations=CALLS
    )
    assert (made.conversation_id, made.role, made.content) == (conversation.id, MessageRole.ASSISTANT, "Done.")
    assert made.tool_invocations is not None
    assert [c.model_dump(by_alias=True, exclude_unset=True) for c in made.tool_invocations] == CALLS
    assert messages.list_recent(connection, **key(conversation), limit=1) == [made]
    moved = now(connection, conversation)
    assert conversation.updated_at < moved.updated_at == made.created_at
    plain = messages.append(connection, **key(conversation), role=MessageRole.SYSTEM, content="")
    assert plain.tool_invocations is None
    modelled = messages.append(
        connection,
        **key(conversation),
        role=MessageRole.TOOL,
        content="",
        tool_invocations=[ToolInvocation(tool_name="search")],
    )
    assert modelled.tool_invocations == [ToolInvocation(tool_name="search")]


def test_append_to_another_tenants_conversation_writes_nothing(
    connection: Connection, conversation: Conversation
) -> None:
    other = a_tenant(connection, "other")
    for tenant_id, conversation_id in ((other.id, conversation.id), (conversation.tenant_id, "nothing")):
        where: Key = {"tenant_id": tenant_id, "conversation_id": conversation_id}
        with pytest.raises(NoRowError):
            messages.append(connection, **where, role=MessageRole.USER, content="x")
        assert messages.append_many(connection, **where, messages=[{"role": "USER", "content": "x"}]) == []
    assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    assert now(connection, conversation) == conversation


def test_appends_keep_their_order_however_fast(connection: Connection, conversation: Conversation) -> None:
    spoken = [f"{n}" for n in range(300)]
    with connection.transaction():  # now() stands still here, and no commit slows it down
        for content in spoken:
            say(connection, conversation, content)
    assert said(connection, conversation) == spoken


def test_an_append_that_waited_comes_after_the_one_it_waited_for(
    connection: Connection, database_url: str, conversation: Conversation
) -> None:
    with another_connection(database_url) as first, first.transaction():
        first.execute("SELECT")  # its transaction begins first
        with running(database_url, lambda db: [say(db, conversation, c) for c in ("c", "d")]) as second:
            second.result()
        say(first, conversation, "e")
        with running(database_url, lambda db: say(db, conversation, "g")) as second:
            second.waits_for_lock(connection)
            say(first, conversation, "f")
            first.execute("COMMIT; BEGIN")
            second.result()
    assert said(connection, conversation) == ["c", "d", "e", "f", "g"]


def test_many_at_once_keep_one_order(connection: Connection, database_url: str, conversation: Conversation) -> None:
    def talk(name: int, db: Connection) -> None:
        for n in range(15):
            say(db, conversation, f"{name}.{n}")
            batch = [{"role": "USER", "content": f"{name}.{n}.{part}"} for part in range(3)]
            messages.append_many(db, **key(conversation), messages=batch)

    def listen(db: Connection) -> list[str]:
        """Read page after page while the others talk; nothing may turn up before what was read."""
        heard: list[Message] = []
        while len(heard) < 4 * 15 * 4:
            seen = {"after_created_at": heard[-1].created_at, "after_id": heard[-1].id} if heard else {}
            heard += messages.list_page(db, **key(conversation), limit=7, **seen)  # type: ignore[arg-type]
        return [message.content for message in heard]

    *_, heard = at_once(database_url, [*(partial(talk, name) for name in range(4)), listen])
    assert heard == said(connection, conversation)
    for name in range(4):
        own = [content for content in heard if content.startswith(f"{name}.")]
        assert own == [f"{name}.{n}{part}" for n in range(15) for part in ("", ".0", ".1", ".2")]


def test_append_goes_behind_a_message_from_a_clock_that_is_fast(
    connection: Connection, conversation: Conversation
) -> None:
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    dated(connection, conversation, ahead, "zzz")
    say(connection, conversation, "next")
    messages.append_many(connection, **key(conversation), messages=[{"role": "USER", "content": c} for c in "abc"])
    assert said(connection, conversation) == ["zzz", "next", "a", "b", "c"]


def test_append_many_keeps_the_order_of_the_list(connection: Connection, conversation: Conversation) -> None:
    say(connection, conversation, "before")
    # The ids' counter is about to start over, which would put later messages first.
    connection.execute("SELECT setval('cuid_counter', 1679615 - 50)")
    given: list[Any] = [{"role": "USER", "content": f"{n}"} for n in range(200)]
    made = messages.append_many(connection, **key(conversation), messages=given)
    assert [m.content for m in made] == [f"{n}" for n in range(200)]
    say(connection, conversation, "after")
    assert said(connection, conversation) == ["before", *(f"{n}" for n in range(200)), "after"]
    assert now(connection, conversation).updated_at >= made[-1].created_at


def test_append_many_takes_roles_and_tools(connection: Connection, conversation: Conversation) -> None:
    given: list[Any] = [
        {"role": "USER", "content": "a database", "tool_invocations": None},
        {"role": MessageRole.ASSISTANT, "content": "", "tool_invocations": CALLS},
        {"role": "TOOL", "content": "x"},
        NewMessage(role=MessageRole.ASSISTANT, content="", tool_invocations=[ToolInvocation(tool_name="search")]),
    ]
    made = messages.append_many(connection, **key(conversation), messages=given)
    assert [m.role for m in made] == [MessageRole(role) for role in ("USER", "ASSISTANT", "TOOL", "ASSISTANT")]
    assert made[1].tool_invocations is not None
    assert [c.model_dump(by_alias=True, exclude_unset=True) for c in made[1].tool_invocations] == CALLS
    stored = connection.execute("SELECT tool_invocations IS NULL FROM messages ORDER BY created_at, id").fetchall()
    assert stored == [(True,), (False,), (True,), (False,)]
    assert made[3].tool_invocations == [ToolInvocation(tool_name="search")]
    assert messages.list_page(connection, **key(conversation), limit=9) == made


def test_append_many_writes_all_or_none(connection: Connection, conversation: Conversation) -> None:
    before = now(connection, conversation)
    assert messages.append_many(connection, **key(conversation), messages=[]) == []
    good = {"role": "USER", "content": "x"}
    bad: Any
    error: type[Exception]
    for bad, error in (
        ({"role": "USER"}, ValidationError),
        ({"rol": 1}, ValidationError),
        ({"role": "USER", "content": None}, ValidationError),
        ({"role": "USER", "content": "x", "tool_invocations": [{"name": "search"}]}, ValidationError),
        ({"role": "USER", "content": "x", "toolInvocations": CALLS}, ValidationError),
        ({"role": "KING", "content": "x"}, psycopg.errors.InvalidTextRepresentation),
        ("x", ValidationError),
        (None, ValidationError),
    ):
        with pytest.raises(error):
            messages.append_many(connection, **key(conversation), messages=[good, bad])
    for bad, error in ((good, ValidationError), (5, ValidationError), (None, psycopg.DataError)):
        with pytest.raises(error):
            messages.append_many(connection, **key(conversation), messages=bad)
    assert said(connection, conversation) == []
    assert now(connection, conversation) == before


def test_pages_go_forth_and_back_through_equal_timestamps(connection: Connection, conversation: Conversation) -> None:
    other = a_conversation(connection, a_user(connection, a_tenant(connection, "other")))
    for n in range(10):
        dated(connection, conversation, ONE_MOMENT + timedelta(milliseconds=n // 6), f"c{n}")
    dated(connection, other, ONE_MOMENT, "c55")
    ids = [f"c{n}" for n in range(10)]
    forth = one_after_another(
        partial(messages.list_page, connection, **key(conversation)), 3, after_created_at="created_at", after_id="id"
    )
    assert [m.id for m in forth] == ids

    back: list[list[str]] = []
    seen: dict[str, Any] = {}
    while rows := messages.list_before(connection, **key(conversation), limit=3, **seen):
        back.append([m.id for m in rows])
        seen = {"before_created_at": rows[0].created_at, "before_id": rows[0].id}
    assert back == [ids[7:], ids[4:7], ids[1:4], ids[:1]]

    assert [m.id for m in messages.list_recent(connection, **key(conversation), limit=4)] == ids[6:]
    with messages.stream(connection, **key(conversation)) as stream:
        assert [m.id for m in stream] == ids
    assert [m.id for m in messages.list_recent(connection, **key(other), limit=4)] == ["c55"]
