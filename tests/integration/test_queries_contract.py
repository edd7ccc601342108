"""What all queries have in common: a tenant's rows are its own, a cursor is whole or absent, a limit is a number."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import psycopg
import pytest
from examples import (
    ONE_MOMENT,
    Connection,
    a_conversation,
    a_deployment,
    a_recipe,
    a_stack,
    a_tenant,
    a_user,
    a_vector,
)

from mathison_data.errors import NoRowError
from mathison_data.queries import (
    conversations,
    deployments,
    messages,
    recipe_versions,
    recipes,
    stacks,
    tenants,
    users,
)
from mathison_data.records import DeploymentStatus, MessageRole, Role

MODULES = (conversations, deployments, messages, recipe_versions, recipes, stacks, tenants, users)
TENANT_OWNED = (users, deployments, conversations, messages)
EXEMPT = {  # sign-in and sign-up, and the platform's own workers
    "users.get_by_email",
    "users.sign_up",
    "deployments.list_by_status",
    "deployments.claim_pending",
    "deployments.transition",
    "deployments.requeue_stale",
}
MAKES_ROWS = {"users.create", "deployments.create"}  # of the tenant that is given, and reach none

Call = Callable[..., Any]


def functions(*modules: ModuleType) -> dict[str, Call]:
    """Return the queries of these modules by their full names."""
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": query
        for module in modules
        for name, query in vars(module).items()
        if name in module.__all__ and inspect.isfunction(query)
    }


def parameters(query: Call) -> set[str]:
    return set(inspect.signature(query).parameters) - {"db"}


def paged() -> dict[str, Call]:
    return {name: query for name, query in functions(*MODULES).items() if "limit" in parameters(query)}


class Rows:
    """One row of everything, of one tenant, and arguments that find it."""

    def __init__(self, db: Connection, slug: str) -> None:
        self.tenant = a_tenant(db, slug)
        self.user = a_user(db, self.tenant)
        self.recipe = recipes.get_by_slug(db, slug="postgresql") or a_recipe(db)
        self.deployment = a_deployment(db, self.tenant, self.recipe)
        self.dependent = a_deployment(db, self.tenant, self.recipe, "dependent", [self.deployment.id])
        self.conversation = a_conversation(db, self.user)
        self.message = messages.append(
            db, tenant_id=self.tenant.id, conversation_id=self.conversation.id, role=MessageRole.USER, content="x"
        )

    def arguments(self, name: str) -> dict[str, Any]:
        """Return arguments for a tenant-owned query that reach these rows."""
        module = name.partition(".")[0]
        ids = {"users": self.user.id, "deployments": self.deployment.id, "conversations": self.conversation.id}
        values = {
            "tenant_id": self.tenant.id,
            "id": ids.get(module),
            "user_id": self.user.id,
            "conversation_id": self.conversation.id,
            "name": self.deployment.name,
            "email": "new@example.com",
            "password_hash": "$new",
            "role": MessageRole.USER if module == "messages" else Role.ADMIN,
            "recipe_version": 9,
            "config": {"changed": True},
            "url": "https://changed",
            "depends_on": [],
            "title": "changed",
            "content": "changed",
            "messages": [{"role": "USER", "content": "changed"}],
            "limit": 10,
        }
        return {parameter: values[parameter] for parameter in parameters(functions(*TENANT_OWNED)[name]) & set(values)}


def everything(db: Connection) -> list[Any]:
    tables = ("tenants", "users", "deployments", "conversations", "messages")
    return [db.execute(f"SELECT t.* FROM {t} AS t ORDER BY id").fetchall() for t in tables]


def run(db: Connection, query: Call, arguments: dict[str, Any]) -> Any:
    """Run a query and return its result as plain values; of a stream, all rows."""
    result = query(db, **arguments)
    if hasattr(result, "__enter__"):
        with result as rows:
            result = list(rows)
    return result.model_dump() if hasattr(result, "model_dump") else result


def is_nothing(result: Any) -> bool:
    return result in (None, [], 0, {"nodes": [], "edges": []})


def test_every_tenant_owned_query_takes_the_tenant() -> None:
    without = {name for name, query in functions(*TENANT_OWNED).items() if "tenant_id" not in parameters(query)}
    assert without == EXEMPT


def test_no_query_reaches_another_tenants_rows(connection: Connection) -> None:
    mine, other = Rows(connection, "acme"), Rows(connection, "other")
    for name, query in functions(*TENANT_OWNED).items():
        if name in EXEMPT | MAKES_ROWS:
            continue
        # The other tenant has rows of its own, which a query without a key may well return.
        arguments = mine.arguments(name) | {"tenant_id": other.tenant.id}
        if not {"id", "conversation_id", "user_id"} & set(arguments):
            mine_too = {mine.deployment.id, mine.dependent.id, mine.user.id}
            assert not any(id_ in repr(run(connection, query, arguments)) for id_ in mine_too), name
            assert is_nothing(run(connection, query, arguments | {"tenant_id": "nobody"})), name
            continue
        before = everything(connection)
        with suppress(NoRowError):
            assert is_nothing(run(connection, query, arguments)), name
        assert everything(connection) == before, name


def test_the_same_arguments_do_reach_them_by_the_right_tenant(connection: Connection) -> None:
    for name, query in functions(*TENANT_OWNED).items():
        if name in EXEMPT | MAKES_ROWS:
            continue
        with connection.transaction(force_rollback=True):
            rows = Rows(connection, "acme")
            if name == "users.delete":
                connection.execute("DELETE FROM conversations")
            assert not is_nothing(run(connection, query, rows.arguments(name))), name


def test_half_a_cursor_gives_no_rows(connection: Connection) -> None:
    rows = Rows(connection, "acme")
    a_stack(connection)
    tried = 0
    for name, query in paged().items():
        cursor = [p for p in parameters(query) if p.startswith(("after_", "before_"))]
        if len(cursor) != 2:
            continue
        given = rows.arguments(name) if name in functions(*TENANT_OWNED) else {"limit": 10}
        key, id_ = sorted(cursor, key=lambda parameter: parameter.endswith("_id"))
        # Beyond these comes every row.
        first: Any = {"after": ONE_MOMENT.replace(year=2000), "before": ONE_MOMENT.replace(year=3000)}[
            key.split("_")[0]
        ]
        whole = {key: "" if key == "after_display_name" else first, id_: "x"}
        assert not is_nothing(run(connection, query, given)), name
        assert not is_nothing(run(connection, query, given | whole)), name
        assert run(connection, query, given | {id_: whole[id_]}) == [], name
        assert run(connection, query, given | {key: whole[key]}) == [], name
        tried += 1
    assert tried == 9


def test_a_limit_of_none_is_refused(connection: Connection) -> None:
    rows = Rows(connection, "acme")
    others = {
        "recipe_id": rows.recipe.id,
        "statuses": [DeploymentStatus.PENDING],
        "embedding": a_vector(1),
        "query": "postgresql",
    }
    for name, query in paged().items():
        arguments = others | rows.arguments(name) if name in functions(*TENANT_OWNED) else others
        given = {p: value for p, value in arguments.items() if p in parameters(query)}
        run(connection, query, given | {"limit": 1})
        for limit in (None, -1):
            with pytest.raises(psycopg.errors.InvalidRowCountInLimitClause):
                run(connection, query, given | {"limit": limit})
        if name != "recipes.search_hybrid":
            assert is_nothing(run(connection, query, given | {"limit": 0})), name
