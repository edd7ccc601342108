"""Example rows for tests, made through the queries that a service would use, and what tests of queries share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import Any, Protocol, TypeVar

import psycopg

from mathison_data.queries import conversations, deployments, recipes, stacks, tenants, users
from mathison_data.records import Conversation, Deployment, Recipe, RecipeStatus, Role, Stack, Tenant, User

Connection = psycopg.Connection[Any]
Row = TypeVar("Row")

ONE_MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
"""A time that rows can share, so that only their ids tell them apart."""


def a_tenant(db: Connection, slug: str = "acme") -> Tenant:
    return tenants.create(db, slug=slug, name=slug.title(), namespace=f"tenant-{slug}", quota={})


def a_user(db: Connection, tenant: Tenant, email: str = "") -> User:
    return users.create(db, tenant_id=tenant.id, email=email or f"someone@{tenant.slug}.example", role=Role.USER)


def a_recipe(db: Connection, slug: str = "postgresql", **content: Any) -> Recipe:
    given: dict[str, Any] = {
        "display_name": slug.title(),
        "description": f"What {slug} is.",
        "category": "database",
        "chart_url": f"bitnami/{slug}",
        "status": RecipeStatus.PUBLISHED,
    }
    return recipes.create(db, slug=slug, **given | content)


def a_stack(db: Connection, slug: str = "crm", **content: Any) -> Stack:
    given: dict[str, Any] = {
        "display_name": slug.title(),
        "description": f"What {slug} is for.",
        "services": [{"recipeSlug": "postgresql"}],
        "status": RecipeStatus.PUBLISHED,
    }
    return stacks.create(db, slug=slug, **given | content)


def a_deployment(
    db: Connection, tenant: Tenant, recipe: Recipe, name: str = "my-postgresql", depends_on: Sequence[str] = ()
) -> Deployment:
    return deployments.create(
        db,
        tenant_id=tenant.id,
        recipe_id=recipe.id,
        recipe_version=recipe.version,
        name=name,
        namespace=tenant.namespace,
        helm_release=name,
        config={},
        depends_on=depends_on,
    )


def a_conversation(db: Connection, user: User, title: str | None = None) -> Conversation:
    return conversations.create(db, tenant_id=user.tenant_id, user_id=user.id, title=title)


def a_vector(*leading: float) -> list[float]:
    """Return 1536 numbers that begin with these; the rest are zero."""
    return [*leading, *[0.0] * (1536 - len(leading))]


class Page(Protocol[Row]):
    """A query that gives a page of rows, all its other arguments already bound."""

    def __call__(self, *, limit: int, **cursor: Any) -> list[Row]: ...


def pages(page: Page[Row], limit: int, **cursor: str) -> list[list[Row]]:
    """Read page after page, as a service would, to the empty one; `cursor` says which field goes to which argument."""
    read: list[list[Row]] = []
    seen: dict[str, Any] = {}
    while rows := page(limit=limit, **seen):
        read.append(rows)
        assert len(read) < 100, "the pages don't end"
        seen = {argument: getattr(rows[-1], field) for argument, field in cursor.items()}
    return read


def one_after_another(page: Page[Row], limit: int, **cursor: str) -> list[Row]:
    """Read all pages and return their rows in one list; every page but the last is full."""
    read = pages(page, limit, **cursor)
    assert [len(rows) for rows in read[:-1]] == [limit] * (len(read) - 1)
    return [row for rows in read for row in rows]


class Running:
    """A call on a thread and a connection of its own."""

    def __init__(self, url: str, call: Callable[[Connection], Any]) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._pid = self._connection.info.backend_pid
        self._call = call
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._call(self._connection)
        except BaseException as error:  # handed to the test's own thread
            self._error = error

    def waits_for_lock(self, db: Connection) -> None:
        """Return as soon as the call waits for another transaction's lock."""
        deadline = time.monotonic() + 20
        while db.execute("SELECT cardinality(pg_blocking_pids(%s)) = 0", [self._pid]).fetchone() == (True,):
            assert self._thread.is_alive(), "the call did not wait for a lock"
            assert time.monotonic() < deadline, "the call neither waits for a lock nor ends"
            time.sleep(0.005)

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        self._thread.join(60)
        assert not self._thread.is_alive(), "the call does not end"
        if self._error:
            raise self._error
        return self._result

    def close(self) -> None:
        """End the call, if need be, and its connection."""
        if self._thread.is_alive():
            self._connection.cancel_safe(timeout=5)
        self._thread.join(20)
        self._connection.close()


@contextmanager
def running(url: str, call: Callable[[Connection], Any]) -> Iterator[Running]:
    """Let a call run on a thread and a connection of its own within the block."""
    run = Running(url, call)
    try:
        yield run
    finally:
        run.close()


def at_once(url: str, calls: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    """Run calls at the same time, each on a connection of its own, and return what each returned."""
    started = [Running(url, call) for call in calls]
    try:
        return [run.result() for run in started]
    finally:
        for run in started:
            run.close()


@contextmanager
def another_connection(url: str) -> Iterator[Connection]:
    """Give a second autocommit connection to the test's database."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def contents(row: Any) -> dict[str, Any]:
    """Return a recipe's or stack's content: what a new version is made for."""
    values: dict[str, Any] = row.model_dump(by_alias=True, exclude_unset=True)
    return {key: value for key, value in values.items() if key not in ("id", "version", "created_at", "updated_at")}
