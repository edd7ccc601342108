"""A small service as its authors would write it; test_typing.py checks it with mypy --strict."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from mathison_data import NoRowError, PoolExhaustedError, db
from mathison_data.aio import db as aio_db
from mathison_data.aio.queries import messages as aio_messages
from mathison_data.aio.queries import recipes as aio_recipes
from mathison_data.documents import Quota
from mathison_data.queries import deployments, messages, recipes, tenants
from mathison_data.records import MessageRole, Recipe, RecipeStatus, Tenant


def describe(slug: str) -> str:
    """Read a record and its documents."""
    recipe = recipes.get_by_slug(db, slug=slug)
    if recipe is None:
        return f"no {slug}"
    fields = [field.label or name for name, field in recipe.config_schema.items()]
    host: str = recipe.ingress_config.hostname_template or ""
    return f"{recipe.display_name} {host} {recipe.created_at.isoformat()} {', '.join(fields + recipe.tags)}"


def sign_up(slug: str) -> Tenant:
    """Write within a transaction, with a model and with a plain mapping."""
    with db.transaction() as tx:
        tenant = tenants.create(tx, slug=slug, name=slug, namespace=f"tenant-{slug}", quota=Quota(cpu="4"))
        with tx.transaction():
            return tenants.set_quota(tx, id=tenant.id, quota={"cpu": "8"})


def publish(slug: str) -> RecipeStatus:
    """Expect the row to be there."""
    try:
        return recipes.set_status(db, slug=slug, status=RecipeStatus.PUBLISHED).status
    except (NoRowError, PoolExhaustedError, psycopg.OperationalError):
        return RecipeStatus.DRAFT


def similar(embedding: Sequence[float]) -> list[tuple[str, float]]:
    """Read rows of a class of their own."""
    return [(row.slug, row.similarity) for row in recipes.search(db, embedding=embedding, limit=10)]


def transcript(tenant_id: str, conversation_id: str) -> list[str]:
    """Stream."""
    with messages.stream(db, tenant_id=tenant_id, conversation_id=conversation_id) as rows:
        return [row.content for row in rows if row.role is MessageRole.USER]


def remove(tenant_id: str, name: str) -> int:
    """Count what was deleted, on a connection of one's own."""
    with db.connection() as connection:
        found = deployments.get_by_name(connection, tenant_id=tenant_id, name=name)
        return deployments.delete(connection, tenant_id=tenant_id, id=found.id) if found else 0


async def describe_soon(slug: str) -> Recipe | None:
    """Await the same."""
    async with aio_db.transaction(read_only=True) as tx:
        return await aio_recipes.get_by_slug(tx, slug=slug)


async def transcript_soon(tenant_id: str, conversation_id: str) -> list[str]:
    """Stream with asyncio."""
    async with aio_messages.stream(aio_db, tenant_id=tenant_id, conversation_id=conversation_id) as rows:
        return [row.content async for row in rows]
