"""What a tenant's queries on deployments do; those of the workers have a file of their own."""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg
import pytest
from examples import ONE_MOMENT, Connection, a_deployment, a_recipe, a_tenant, one_after_another

from mathison_data.errors import NoRowError
from mathison_data.queries import deployments
from mathison_data.records import Deployment, DeploymentStatus, Recipe, Tenant


@pytest.fixture
def tenant(connection: Connection) -> Tenant:
    return a_tenant(connection)


@pytest.fixture
def recipe(connection: Connection) -> Recipe:
    return a_recipe(connection, "postgresql", icon_url="https://example.com/p.svg")


def needs(db: Connection, deployment: Deployment, *others: Deployment | str) -> None:
    """Write down dependencies that the database may refuse: a circle, or what is not there."""
    ids = [other if isinstance(other, str) else other.id for other in others]
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")  # no triggers
        db.execute("UPDATE deployments SET depends_on = %s WHERE id = %s", [ids, deployment.id])


def test_create_stores_what_is_given(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    needed = a_deployment(connection, tenant, recipe, "db")
    config = {"mode": "queue", "size": 3, "nested": {"a": [1.5, None, True]}}
    made = deployments.create(
        connection,
        tenant_id=tenant.id,
        recipe_id=recipe.id,
        recipe_version=7,
        name="flows",
        namespace="tenant-acme",
        helm_release="flows-1",
        config=config,
        depends_on=[needed.id],
        secrets_ref="flows-secrets",
    )
    expected = {
        "tenant_id": tenant.id,
        "recipe_id": recipe.id,
        "recipe_version": 7,
        "name": "flows",
        "namespace": "tenant-acme",
        "helm_release": "flows-1",
        "config": config,
        "secrets_ref": "flows-secrets",
        "status": DeploymentStatus.PENDING,
        "url": None,
        "error_message": None,
        "depends_on": [needed.id],
    }
    assert made.model_dump(include=set(expected)) == expected
    with pytest.raises(psycopg.errors.UniqueViolation, match="deployments_tenant_id_name_key"):
        a_deployment(connection, tenant, recipe, "flows")
    a_deployment(connection, a_tenant(connection, "other"), recipe, "flows")


def test_get_comes_with_the_recipe(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    made = a_deployment(connection, tenant, recipe)
    a_deployment(connection, tenant, a_recipe(connection, "redis"), "cache")
    found = deployments.get(connection, tenant_id=tenant.id, id=made.id)
    named = deployments.get_by_name(connection, tenant_id=tenant.id, name="my-postgresql")
    recipe_columns = {
        "recipe_slug": "postgresql",
        "recipe_display_name": "Postgresql",
        "recipe_icon_url": "https://example.com/p.svg",
    }
    assert found is not None
    assert named is not None
    assert found.model_dump() == named.model_dump() == made.model_dump() | recipe_columns
    assert deployments.get_by_name(connection, tenant_id=tenant.id, name="nothing") is None


def test_depends_on_that_is_null_reads_as_empty(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    made = a_deployment(connection, tenant, recipe)
    connection.execute("UPDATE deployments SET depends_on = NULL")
    found = deployments.get(connection, tenant_id=tenant.id, id=made.id)
    assert found is not None
    assert found.depends_on == []
    assert [row.depth for row in deployments.list_in_dependency_order(connection, tenant_id=tenant.id)] == [0]
    assert deployments.graph(connection, tenant_id=tenant.id).edges == []


def test_list_by_tenant_pages_through_equal_timestamps(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    made = [a_deployment(connection, tenant, recipe, f"d{n}") for n in range(7)]
    a_deployment(connection, a_tenant(connection, "other"), recipe)
    connection.execute("UPDATE deployments SET created_at = %s", [ONE_MOMENT])
    cursor = {"after_created_at": "created_at", "after_id": "id"}
    page = partial(deployments.list_by_tenant, connection, tenant_id=tenant.id)
    read = one_after_another(page, 3, **cursor)
    assert [d.id for d in read] == sorted(d.id for d in made)
    assert {d.recipe_slug for d in read} == {"postgresql"}
    connection.execute("UPDATE deployments SET status = 'FAILED' WHERE name IN ('d1', 'd4', 'd5')")
    failed = one_after_another(partial(page, status=DeploymentStatus.FAILED), 1, **cursor)
    assert {d.name for d in failed} == {"d1", "d4", "d5"}


def test_upgrade_and_set_change_what_they_say(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    made, other = a_deployment(connection, tenant, recipe), a_deployment(connection, tenant, recipe, "other")
    key = {"tenant_id": tenant.id, "id": made.id}

    def changed(row: Deployment) -> dict[str, Any]:
        before, after = made.model_dump(), row.model_dump()
        return {name: after[name] for name in after if after[name] != before[name] and name != "updated_at"}

    upgraded = deployments.upgrade(connection, **key, recipe_version=2, config={"a": 1})
    assert changed(upgraded) == {"recipe_version": 2, "config": {"a": 1}}
    configured = deployments.set_config(connection, **key, config={"b": 2})
    assert changed(configured) == {"recipe_version": 2, "config": {"b": 2}}
    reached = deployments.set_url(connection, **key, url="https://x")
    assert reached.url == "https://x"
    assert deployments.set_url(connection, **key).url is None
    assert deployments.set_depends_on(connection, **key, depends_on=[other.id]).depends_on == [other.id]
    assert deployments.set_depends_on(connection, **key, depends_on=[]).depends_on == []
    for write in (
        partial(deployments.upgrade, recipe_version=1, config={}),
        partial(deployments.set_config, config={}),
        partial(deployments.set_url),
        partial(deployments.set_depends_on, depends_on=[]),
    ):
        with pytest.raises(NoRowError):
            write(connection, tenant_id=tenant.id, id="nothing")
    found = deployments.get_by_name(connection, tenant_id=tenant.id, name="other")
    assert found is not None
    assert found.updated_at == other.updated_at


def test_list_dependents_gives_those_that_need_it_directly(
    connection: Connection, tenant: Tenant, recipe: Recipe
) -> None:
    db = a_deployment(connection, tenant, recipe, "db")
    near = [a_deployment(connection, tenant, recipe, name, [db.id]) for name in ("b", "a")]
    a_deployment(connection, tenant, recipe, "far", [near[0].id])
    found = deployments.list_dependents(connection, tenant_id=tenant.id, id=db.id)
    assert found == sorted(near, key=lambda d: d.name)


def order(db: Connection, tenant: Tenant) -> list[tuple[str, int | None, bool]]:
    found = deployments.list_in_dependency_order(db, tenant_id=tenant.id)
    return [(row.name, row.depth, row.in_cycle) for row in found]


def test_dependencies_come_first_at_the_depth_of_their_longest_chain(
    connection: Connection, tenant: Tenant, recipe: Recipe
) -> None:
    made = {name: a_deployment(connection, tenant, recipe, name) for name in "zyxwab"}
    needs(connection, made["y"], made["z"])
    needs(connection, made["x"], made["y"], made["z"], made["z"])
    needs(connection, made["a"], made["x"], made["b"], "gone")
    elsewhere = a_deployment(connection, a_tenant(connection, "other"), recipe, "elsewhere")
    needs(connection, made["w"], elsewhere)
    assert order(connection, tenant) == [
        ("b", 0, False),
        ("w", 0, False),
        ("z", 0, False),
        ("y", 1, False),
        ("x", 2, False),
        ("a", 3, False),
    ]
    first = deployments.list_in_dependency_order(connection, tenant_id=tenant.id)[0]
    assert first.model_dump(exclude={"depth", "in_cycle"}) == made["b"].model_dump()


def test_a_circle_is_reported_and_what_needs_it_has_no_depth(
    connection: Connection, tenant: Tenant, recipe: Recipe
) -> None:
    made = {name: a_deployment(connection, tenant, recipe, name) for name in ("a", "b", "c", "before", "after", "self")}
    needs(connection, made["a"], made["b"])
    needs(connection, made["b"], made["c"])
    needs(connection, made["c"], made["a"], made["before"])
    needs(connection, made["after"], made["a"])
    needs(connection, made["self"], made["self"])
    assert order(connection, tenant) == [
        ("before", 0, False),
        ("a", None, True),
        ("after", None, False),
        ("b", None, True),
        ("c", None, True),
        ("self", None, True),
    ]


def test_the_order_of_many_layers_is_found_without_walking_every_path(
    connection: Connection, tenant: Tenant, recipe: Recipe
) -> None:
    layers = [[a_deployment(connection, tenant, recipe, f"{layer:02}{side}") for side in "ab"] for layer in range(30)]
    for above, below in zip(layers[1:], layers, strict=False):
        for deployment in above:
            needs(connection, deployment, *below)
    connection.execute("SET statement_timeout = '5s'")  # there are 2 ** 30 paths
    assert order(connection, tenant) == [(f"{n:02}{side}", n, False) for n in range(30) for side in "ab"]


def test_graph_gives_nodes_and_edges(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    db = a_deployment(connection, tenant, recipe, "db")
    app = a_deployment(connection, tenant, a_recipe(connection, "n8n"), "app", [db.id])
    elsewhere = a_deployment(connection, a_tenant(connection, "other"), recipe, "elsewhere")
    needs(connection, app, db, "gone", elsewhere)
    found = deployments.graph(connection, tenant_id=tenant.id)
    nodes = [("app", app.id, "n8n", "N8N", None), ("db", db.id, "postgresql", "Postgresql", recipe.icon_url)]
    assert found.nodes == [
        {
            "id": id_,
            "name": name,
            "status": "PENDING",
            "url": None,
            "error_message": None,
            "recipe_slug": slug,
            "recipe_display_name": display_name,
            "recipe_icon_url": icon_url,
        }
        for name, id_, slug, display_name, icon_url in nodes
    ]
    assert found.edges == [{"source": app.id, "target": db.id}]
    assert deployments.graph(connection, tenant_id="nobody").model_dump() == {"nodes": [], "edges": []}


def test_count_by_status(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    for n, status in enumerate(("STOPPED", "PENDING", "STOPPED")):
        made = a_deployment(connection, tenant, recipe, f"d{n}")
        connection.execute('UPDATE deployments SET status = %s::"DeploymentStatus" WHERE id = %s', [status, made.id])
    a_deployment(connection, a_tenant(connection, "other"), recipe)
    found = deployments.count_by_status(connection, tenant_id=tenant.id)
    assert [(row.status, row.deployment_count) for row in found] == [
        (DeploymentStatus.PENDING, 1),
        (DeploymentStatus.STOPPED, 2),
    ]


def test_delete_counts(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    made, other = a_deployment(connection, tenant, recipe), a_deployment(connection, tenant, recipe, "other")
    assert deployments.delete(connection, tenant_id=tenant.id, id=made.id) == 1
    assert deployments.delete(connection, tenant_id=tenant.id, id=made.id) == 0
    assert deployments.get(connection, tenant_id=tenant.id, id=other.id) is not None
