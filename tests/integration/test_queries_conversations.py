"""What the queries on conversations do."""

from __future__ import annotations

from functools import partial

import pytest
from examples import ONE_MOMENT, Connection, a_conversation, a_tenant, a_user, one_after_another

from mathison_data.errors import NoRowError
from mathison_data.queries import conversations, messages
from mathison_data.records import MessageRole, Tenant, User


@pytest.fixture
def tenant(connection: Connection) -> Tenant:
    return a_tenant(connection)


@pytest.fixture
def user(connection: Connection, tenant: Tenant) -> User:
    return a_user(connection, tenant)


def test_create_and_get(connection: Connection, user: User) -> None:
    made = conversations.create(connection, tenant_id=user.tenant_id, user_id=user.id, title="Hello")
    assert (made.tenant_id, made.user_id, made.title) == (user.tenant_id, user.id, "Hello")
    assert conversations.get(connection, tenant_id=user.tenant_id, id=made.id) == made
    assert a_conversation(connection, user).title is None


def test_create_is_for_the_tenants_own_users(connection: Connection, tenant: Tenant) -> None:
    stranger = a_user(connection, a_tenant(connection, "other"))
    for user_id in (stranger.id, "nobody"):
        with pytest.raises(NoRowError):
            conversations.create(connection, tenant_id=tenant.id, user_id=user_id)
    assert connection.execute("SELECT count(*) FROM conversations").fetchone() == (0,)


def test_rename_and_delete(connection: Connection, tenant: Tenant, user: User) -> None:
    made, other = a_conversation(connection, user), a_conversation(connection, user, "Other")
    renamed = conversations.rename(connection, tenant_id=tenant.id, id=made.id, title="New")
    assert renamed.title == "New"
    assert renamed.updated_at >= made.updated_at
    messages.append(connection, tenant_id=tenant.id, conversation_id=made.id, role=MessageRole.USER, content="x")
    assert conversations.delete(connection, tenant_id=tenant.id, id=made.id) == 1
    assert conversations.delete(connection, tenant_id=tenant.id, id=made.id) == 0
    assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    assert conversations.get(connection, tenant_id=tenant.id, id=other.id) == other
    with pytest.raises(NoRowError):
        conversations.rename(connection, tenant_id=tenant.id, id=made.id, title="gone")


def test_list_by_user_shows_the_last_message_and_the_count(connection: Connection, tenant: Tenant, user: User) -> None:
    quiet, busy = a_conversation(connection, user, "quiet"), a_conversation(connection, user, "busy")
    a_conversation(connection, a_user(connection, tenant, "other@acme.example"))
    for content in ("first", "second", "ä" * 500):
        messages.append(
            connection, tenant_id=tenant.id, conversation_id=quiet.id, role=MessageRole.USER, content=content
        )
    found = conversations.list_by_user(connection, tenant_id=tenant.id, user_id=user.id, limit=10)
    assert [(row.title, row.last_message, row.message_count) for row in found] == [
        ("quiet", "ä" * 200, 3),
        ("busy", None, 0),
    ]
    assert found[1].model_dump(exclude={"last_message", "message_count"}) == busy.model_dump()


def test_list_by_user_takes_the_later_id_of_one_moment_for_the_last_message(
    connection: Connection, tenant: Tenant, user: User
) -> None:
    made = a_conversation(connection, user)
    for id_, content in (("c2", "last"), ("c1", "before")):
        connection.execute(
            "INSERT INTO messages (id, conversation_id, role, content, created_at) VALUES (%s, %s, 'USER', %s, %s)",
            [id_, made.id, content, ONE_MOMENT],
        )
    (found,) = conversations.list_by_user(connection, tenant_id=tenant.id, user_id=user.id, limit=10)
    assert (found.last_message, found.message_count) == ("last", 2)


def test_list_by_user_pages_through_equal_timestamps(connection: Connection, tenant: Tenant, user: User) -> None:
    for _ in range(8):
        connection.execute(
            "INSERT INTO conversations (tenant_id, user_id, updated_at) VALUES (%s, %s, %s)",
            [tenant.id, user.id, ONE_MOMENT],
        )
    latest = a_conversation(connection, user)
    read = one_after_another(
        partial(conversations.list_by_user, connection, tenant_id=tenant.id, user_id=user.id),
        3,
        before_updated_at="updated_at",
        before_id="id",
    )
    ids = [row.id for row in read]
    assert ids[0] == latest.id
    assert ids[1:] == sorted(ids[1:], reverse=True)
    assert len(set(ids)) == 9
