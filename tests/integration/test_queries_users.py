"""What the queries on users do, sign-in and sign-up among them."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest
from examples import ONE_MOMENT, Connection, a_conversation, a_tenant, a_user, one_after_another

from mathison_data.errors import NoRowError
from mathison_data.queries import tenants, users
from mathison_data.records import Role, TenantStatus


def test_create_and_get(connection: Connection) -> None:
    tenant = a_tenant(connection)
    made = users.create(
        connection, tenant_id=tenant.id, email="ada@acme.example", password_hash="$argon2", name="Ada", role=Role.ADMIN
    )
    assert (made.email, made.password_hash, made.name, made.role) == ("ada@acme.example", "$argon2", "Ada", Role.ADMIN)
    assert users.get(connection, tenant_id=tenant.id, id=made.id) == made
    bare = users.create(connection, tenant_id=tenant.id, email="b@acme.example", role=Role.USER)
    assert (bare.password_hash, bare.name) == (None, None)


def test_create_refuses_a_taken_email_and_an_unknown_tenant(connection: Connection) -> None:
    tenant = a_tenant(connection)
    a_user(connection, tenant, "ada@acme.example")
    with pytest.raises(psycopg.errors.UniqueViolation):
        a_user(connection, a_tenant(connection, "other"), "ada@acme.example")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        users.create(connection, tenant_id="nobody", email="x@acme.example", role=Role.USER)


def test_get_by_email_signs_in_whatever_the_case(connection: Connection) -> None:
    tenant = a_tenant(connection)
    user = a_user(connection, tenant, "Ada@Acme.example")
    a_user(connection, a_tenant(connection, "other"), "bob@other.example")
    found = users.get_by_email(connection, email="aDA@acme.EXAMPLE")
    assert found is not None
    assert (found.id, found.email, found.tenant_slug, found.tenant_namespace, found.tenant_status) == (
        user.id,
        "Ada@Acme.example",
        "acme",
        "tenant-acme",
        TenantStatus.ACTIVE,
    )
    assert users.get_by_email(connection, email="eve@acme.example") is None
    assert users.get_by_email(connection, email="%") is None


def test_get_by_email_tells_that_the_tenant_is_suspended(connection: Connection) -> None:
    tenant = a_tenant(connection)
    a_user(connection, tenant, "ada@acme.example")
    tenants.set_status(connection, id=tenant.id, status=TenantStatus.SUSPENDED)
    found = users.get_by_email(connection, email="ada@acme.example")
    assert found is not None
    assert found.tenant_status is TenantStatus.SUSPENDED


def test_get_by_email_prefers_the_exact_spelling_then_the_older(connection: Connection) -> None:
    tenant = a_tenant(connection)
    try:
        made = [a_user(connection, tenant, email) for email in ("Ada@acme.example", "ADA@acme.example")]
    except psycopg.errors.UniqueViolation:
        return  # the database allows no such pair any more
    for user in made:
        found = users.get_by_email(connection, email=user.email)
        assert found is not None
        assert found.id == user.id
    found = users.get_by_email(connection, email="ada@acme.example")
    assert found is not None
    assert found.id == made[0].id


def test_list_by_tenant_pages_through_equal_timestamps(connection: Connection) -> None:
    tenant, other = a_tenant(connection), a_tenant(connection, "other")
    made = [a_user(connection, tenant, f"u{n}@acme.example") for n in range(7)]
    a_user(connection, other)
    connection.execute("UPDATE users SET created_at = %s", [ONE_MOMENT])
    read = one_after_another(
        partial(users.list_by_tenant, connection, tenant_id=tenant.id), 3, after_created_at="created_at", after_id="id"
    )
    assert [u.id for u in read] == sorted(u.id for u in made)


def test_update_profile_sets_both_fields(connection: Connection) -> None:
    tenant = a_tenant(connection)
    user = a_user(connection, tenant, "ada@acme.example")
    changed = users.update_profile(connection, tenant_id=tenant.id, id=user.id, email="l@acme.example", name="Ada L.")
    assert (changed.email, changed.name) == ("l@acme.example", "Ada L.")
    cleared = users.update_profile(connection, tenant_id=tenant.id, id=user.id, email="l@acme.example")
    assert cleared.name is None


def test_set_password_hash_and_role(connection: Connection) -> None:
    tenant = a_tenant(connection)
    user, other = a_user(connection, tenant, "ada@acme.example"), a_user(connection, tenant, "bob@acme.example")
    changed = users.set_password_hash(connection, tenant_id=tenant.id, id=user.id, password_hash="$new")
    assert changed.password_hash == "$new"
    assert users.set_role(connection, tenant_id=tenant.id, id=user.id, role=Role.ADMIN).role is Role.ADMIN
    assert users.get(connection, tenant_id=tenant.id, id=other.id) == other


def test_delete_counts_and_keeps_those_who_hold_conversations(connection: Connection) -> None:
    tenant = a_tenant(connection)
    user, talker = a_user(connection, tenant, "ada@acme.example"), a_user(connection, tenant, "bob@acme.example")
    a_conversation(connection, talker)
    assert users.delete(connection, tenant_id=tenant.id, id=user.id) == 1
    assert users.delete(connection, tenant_id=tenant.id, id=user.id) == 0
    with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.ForeignKeyViolation)):
        users.delete(connection, tenant_id=tenant.id, id=talker.id)
    assert users.get(connection, tenant_id=tenant.id, id=talker.id) == talker


def test_sign_up_makes_a_tenant_and_its_admin(connection: Connection) -> None:
    made = users.sign_up(
        connection,
        slug="acme",
        tenant_name="Acme",
        namespace="tenant-acme",
        quota={"cpu": "4"},
        email="ada@acme.example",
        password_hash="$argon2",
        user_name="Ada",
    )
    tenant = tenants.get(connection, id=made.tenant_id)
    user = users.get(connection, tenant_id=made.tenant_id, id=made.user_id)
    assert tenant is not None
    assert user is not None
    assert (tenant.slug, tenant.name, tenant.namespace, tenant.quota.cpu) == ("acme", "Acme", "tenant-acme", "4")
    assert (user.email, user.password_hash, user.name, user.role) == ("ada@acme.example", "$argon2", "Ada", Role.ADMIN)


def test_sign_up_makes_neither_when_the_email_is_taken(connection: Connection) -> None:
    a_user(connection, a_tenant(connection, "other"), "ada@acme.example")
    with pytest.raises(psycopg.errors.UniqueViolation):
        users.sign_up(
            connection,
            slug="acme",
            tenant_name="Acme",
            namespace="tenant-acme",
            quota={},
            email="ada@acme.example",
            password_hash="$argon2",
        )
    assert tenants.get_by_slug(connection, slug="acme") is None


def test_writes_on_no_user_raise(connection: Connection) -> None:
    tenant = a_tenant(connection)
    with pytest.raises(NoRowError):
        users.update_profile(connection, tenant_id=tenant.id, id="nobody", email="x@acme.example")
    with pytest.raises(NoRowError):
        users.set_password_hash(connection, tenant_id=tenant.id, id="nobody", password_hash="$")
    with pytest.raises(NoRowError):
        users.set_role(connection, tenant_id=tenant.id, id="nobody", role=Role.ADMIN)
