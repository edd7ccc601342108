"""What the queries on tenants do, on a real server."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest
from examples import ONE_MOMENT, Connection, a_conversation, a_deployment, a_recipe, a_tenant, a_user, one_after_another

from mathison_data.documents import Quota
from mathison_data.errors import NoRowError
from mathison_data.queries import deployments, tenants
from mathison_data.records import DeploymentStatus, TenantStatus


def test_create_returns_the_row_as_it_is_stored(connection: Connection) -> None:
    quota = {"cpu": "4", "memory": "8Gi", "gpu": {"count": 1}}
    made = tenants.create(connection, slug="acme", name="Acme", namespace="tenant-acme", quota=quota)
    assert (made.slug, made.name, made.namespace, made.status) == ("acme", "Acme", "tenant-acme", TenantStatus.ACTIVE)
    assert made.quota.cpu == "4"
    assert made.quota.model_dump(exclude_unset=True) == quota  # unknown keys stay
    assert tenants.get(connection, id=made.id) == made
    assert tenants.get_by_slug(connection, slug="acme") == made


def test_create_refuses_a_slug_or_namespace_that_is_taken(connection: Connection) -> None:
    a_tenant(connection, "acme")
    with pytest.raises(psycopg.errors.UniqueViolation, match="tenants_slug_key"):
        tenants.create(connection, slug="acme", name="A", namespace="other", quota={})
    with pytest.raises(psycopg.errors.UniqueViolation, match="tenants_namespace_key"):
        tenants.create(connection, slug="other", name="A", namespace="tenant-acme", quota={})


def test_get_gives_none_for_what_is_not_there(connection: Connection) -> None:
    assert tenants.get(connection, id="nobody") is None
    assert tenants.get_by_slug(connection, slug="nobody") is None


def test_list_all_pages_through_equal_timestamps_without_gap_or_repeat(connection: Connection) -> None:
    made = [a_tenant(connection, f"t{n}") for n in range(8)]
    connection.execute("UPDATE tenants SET created_at = %s WHERE slug <> 't3'", [ONE_MOMENT])
    read = one_after_another(partial(tenants.list_all, connection), 3, after_created_at="created_at", after_id="id")
    assert len(read) == len(made)
    assert read[-1].slug == "t3"  # the only one of today
    assert [t.id for t in read[:-1]] == sorted(t.id for t in made if t.slug != "t3")


def test_list_all_of_one_status(connection: Connection) -> None:
    for n in range(6):
        tenant = a_tenant(connection, f"t{n}")
        if n % 2:
            tenants.set_status(connection, id=tenant.id, status=TenantStatus.SUSPENDED)
    read = one_after_another(
        partial(tenants.list_all, connection, status=TenantStatus.SUSPENDED),
        2,
        after_created_at="created_at",
        after_id="id",
    )
    assert [t.slug for t in read] == ["t1", "t3", "t5"]
    assert tenants.list_all(connection, status=TenantStatus.DELETED, limit=10) == []


def test_rename_set_quota_and_set_status_change_one_thing(connection: Connection) -> None:
    other = a_tenant(connection, "other")
    tenant = a_tenant(connection, "acme")
    renamed = tenants.rename(connection, id=tenant.id, name="Acme & Sons")
    assert renamed == tenant.model_copy(update={"name": "Acme & Sons", "updated_at": renamed.updated_at})
    assert renamed.updated_at >= tenant.updated_at
    limited = tenants.set_quota(connection, id=tenant.id, quota=Quota(cpu="2"))
    assert limited.quota == Quota(cpu="2")
    suspended = tenants.set_status(connection, id=tenant.id, status=TenantStatus.SUSPENDED)
    assert (suspended.name, suspended.quota.cpu, suspended.status) == ("Acme & Sons", "2", TenantStatus.SUSPENDED)
    assert tenants.get(connection, id=other.id) == other


def test_writes_on_no_tenant_raise(connection: Connection) -> None:
    with pytest.raises(NoRowError):
        tenants.rename(connection, id="nobody", name="x")
    with pytest.raises(NoRowError):
        tenants.set_quota(connection, id="nobody", quota={})
    with pytest.raises(NoRowError):
        tenants.set_status(connection, id="nobody", status=TenantStatus.DELETED)


def test_usage_counts_what_the_tenant_has_and_nothing_else(connection: Connection) -> None:
    recipe = a_recipe(connection)
    tenant, other = a_tenant(connection, "acme"), a_tenant(connection, "other")
    for owner, users in ((tenant, 3), (other, 1)):
        for n in range(users):
            a_conversation(connection, a_user(connection, owner, f"u{n}@{owner.slug}.example"))
        for status in DeploymentStatus:
            made = a_deployment(connection, owner, recipe, f"d-{status}")
            deployments.transition(connection, id=made.id, from_statuses=[DeploymentStatus.PENDING], to_status=status)
    a_deployment(connection, tenant, recipe, "second")
    found = tenants.usage(connection, id=tenant.id)
    assert found.model_dump() == {
        "deployments_pending": 2,
        "deployments_deploying": 1,
        "deployments_running": 1,
        "deployments_failed": 1,
        "deployments_stopped": 1,
        "deployments_deleting": 1,
        "users": 3,
        "conversations": 3,
    }


def test_usage_of_an_empty_tenant_is_zero_and_of_none_an_error(connection: Connection) -> None:
    tenant = a_tenant(connection)
    assert set(tenants.usage(connection, id=tenant.id).model_dump().values()) == {0}
    with pytest.raises(NoRowError):
        tenants.usage(connection, id="nobody")
