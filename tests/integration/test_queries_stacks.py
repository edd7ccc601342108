"""What the queries on stacks do; the search is tested with that of recipes."""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg
import pytest
from examples import (
    Connection,
    a_stack,
    a_vector,
    another_connection,
    contents,
    one_after_another,
    running,
)

from mathison_data.errors import NoRowError
from mathison_data.queries import stacks
from mathison_data.records import RecipeStatus, RecipeTier, Stack

FULL: dict[str, Any] = {
    "slug": "crm",
    "display_name": "CRM",
    "description": "Customers.",
    "services": [{"recipeSlug": "postgresql", "alias": "db", "config": {"version": "16"}, "wiring": {"to": "n8n"}}],
    "ai_hints": {"summary": "Customers.", "pairsWellWith": ["n8n"]},
    "tier": RecipeTier.OFFICIAL,
    "status": RecipeStatus.PUBLISHED,
    "created_by_id": "someone",
}
OTHER: dict[str, Any] = {
    "display_name": "C.R.M.",
    "description": "Clients.",
    "services": [],
    "ai_hints": {},
    "tier": RecipeTier.VERIFIED,
    "status": RecipeStatus.DRAFT,
    "created_by_id": "someone else",
}


def row_version(db: Connection) -> Any:
    return db.execute("SELECT ctid, xmin, xmax FROM stacks").fetchone()


def test_create_stores_every_field(connection: Connection) -> None:
    made = stacks.create(connection, **FULL)
    assert contents(made) == FULL
    assert made.services[0].recipe_slug == "postgresql"
    assert stacks.get(connection, id=made.id) == stacks.get_by_slug(connection, slug="crm") == made
    with pytest.raises(psycopg.errors.UniqueViolation, match="stacks_slug_key"):
        stacks.create(connection, **FULL)


@pytest.mark.parametrize("make", [stacks.create, stacks.upsert])
def test_what_is_left_out_gets_the_tables_own_default(connection: Connection, make: Any) -> None:
    connection.execute(
        "INSERT INTO stacks (slug, display_name, description, services) VALUES ('bare', 'CRM', 'Customers.', '[]')"
    )
    bare = stacks.get_by_slug(connection, slug="bare")
    made = make(connection, slug="crm", display_name="CRM", description="Customers.", services=[])
    assert contents(made) == contents(bare) | {"slug": "crm"}


def test_upsert_that_changes_nothing_writes_nothing_and_returns_the_row(connection: Connection) -> None:
    made = stacks.upsert(connection, **FULL)
    before = row_version(connection)
    assert stacks.upsert(connection, **FULL) == made
    assert stacks.upsert(connection, **FULL | {"created_by_id": None}) == made
    assert row_version(connection) == before


def test_upsert_sets_the_whole_content_but_keeps_who_made_it(connection: Connection) -> None:
    stacks.create(connection, **FULL)
    changed = stacks.upsert(connection, slug="crm", display_name="CRM", description="Clients.", services=[])
    expected = {"ai_hints": {}, "tier": RecipeTier.COMMUNITY, "status": RecipeStatus.DRAFT, "created_by_id": "someone"}
    assert {name: contents(changed)[name] for name in expected} == expected


def test_upsert_notices_a_change_of_any_field(connection: Connection) -> None:
    assert set(OTHER) == set(FULL) - {"slug"}
    for field, value in OTHER.items():
        made = stacks.create(connection, **FULL | {"slug": f"for-{field}"})
        other = FULL | {"slug": f"for-{field}", field: value}
        changed = stacks.upsert(connection, **other)
        assert contents(changed) == other
        assert (changed.id, changed.created_at) == (made.id, made.created_at)
        assert stacks.get(connection, id=made.id) == changed


def test_two_upserts_of_a_new_slug_both_return_it(connection: Connection, database_url: str) -> None:
    def upsert(db: Connection) -> Stack:
        return stacks.upsert(db, **FULL)

    with another_connection(database_url) as first, first.transaction():
        made = upsert(first)
        with running(database_url, upsert) as second:
            second.waits_for_lock(connection)
            first.execute("COMMIT; BEGIN")
            found = second.result()
    assert found == made


def test_lists_page_through_equal_names(connection: Connection) -> None:
    made = [a_stack(connection, f"s{n}", display_name="Same" if n % 2 else f"Name {n}") for n in range(7)]
    a_stack(connection, "draft", status=RecipeStatus.DRAFT)
    read = one_after_another(
        partial(stacks.list_published, connection), 3, after_display_name="display_name", after_id="id"
    )
    assert [(s.display_name, s.id) for s in read] == sorted((s.display_name, s.id) for s in made)
    stacks.set_embedding(connection, id=made[3].id, embedding=a_vector(1))
    missing = one_after_another(partial(stacks.list_missing_embedding, connection), 3, after_id="id")
    assert [s.slug for s in missing] == ["s0", "s1", "s2", "s4", "s5", "s6", "draft"]


def test_set_status_and_embedding(connection: Connection) -> None:
    made = stacks.create(connection, **FULL)
    withdrawn = stacks.set_status(connection, slug="crm", status=RecipeStatus.DEPRECATED)
    assert contents(withdrawn) == FULL | {"status": RecipeStatus.DEPRECATED}
    stacks.set_embedding(connection, id=made.id, embedding=a_vector(1))
    assert stacks.list_missing_embedding(connection, limit=1) == []
    stacks.set_embedding(connection, id=made.id, embedding=None)
    assert [s.id for s in stacks.list_missing_embedding(connection, limit=1)] == [made.id]
    with pytest.raises(NoRowError):
        stacks.set_status(connection, slug="nothing", status=RecipeStatus.DRAFT)
    with pytest.raises(NoRowError):
        stacks.set_embedding(connection, id="nothing")


def test_delete_counts(connection: Connection) -> None:
    made, other = a_stack(connection), a_stack(connection, "other")
    assert stacks.delete(connection, id=made.id) == 1
    assert stacks.delete(connection, id=made.id) == 0
    assert stacks.get(connection, id=other.id) == other
