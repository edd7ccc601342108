"""What the queries that write recipes do; those that read lists and search have files of their own."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from examples import (
    Connection,
    a_deployment,
    a_recipe,
    a_tenant,
    a_vector,
    another_connection,
    at_once,
    contents,
    running,
)

from mathison_data.documents import AiHints, ConfigField, Dependency
from mathison_data.errors import NoRowError
from mathison_data.queries import recipe_versions, recipes
from mathison_data.records import Recipe, RecipeStatus, RecipeTier

MINIMAL: dict[str, Any] = {
    "slug": "n8n",
    "display_name": "n8n",
    "description": "Workflows.",
    "category": "automation",
    "chart_url": "oci://example/n8n",
}
FULL: dict[str, Any] = MINIMAL | {
    "tags": ["workflow", "no-code"],
    "icon_url": "https://example.com/n8n.svg",
    "source_type": "git",
    "chart_version": ">=2.0",
    "config_schema": {"mode": {"type": "select", "options": ["regular", "queue"], "default": "regular", "x": 1}},
    "secrets_schema": {"key": {"generate": True, "length": 32}},
    "values_template": "mode: {{config.mode}} 100%",
    "dependencies": [{"service": "postgresql", "alias": "db", "config": {"version": "16"}}],
    "ingress_config": {"enabled": True, "port": 5678},
    "resource_defaults": {"cpu": "250m", "memory": "256Mi"},
    "resource_limits": {"cpu": "1"},
    "health_check": {"type": "http", "path": "/healthz", "intervalSeconds": 10},
    "ai_hints": {"summary": "Automates.", "whenToSuggest": "Zapier", "pairsWellWith": ["postgresql"]},
    "tier": RecipeTier.OFFICIAL,
    "status": RecipeStatus.PUBLISHED,
    "created_by_id": "someone",
}
# A second value for each field of the content.
OTHER: dict[str, Any] = {
    "display_name": "N8N",
    "description": "Flows.",
    "category": "flows",
    "chart_url": "x/n8n",
    "tags": ["workflow"],
    "icon_url": None,
    "source_type": "helm",
    "chart_version": None,
    "config_schema": {},
    "secrets_schema": {"key": {"generate": False}},
    "values_template": "",
    "dependencies": [],
    "ingress_config": {},
    "resource_defaults": {"cpu": "251m"},
    "resource_limits": {"cpu": "2"},
    "health_check": {"type": "tcp"},
    "ai_hints": {"summary": "Automates!"},
    "tier": RecipeTier.VERIFIED,
    "status": RecipeStatus.DRAFT,
    "created_by_id": "someone else",
}


def row_version(db: Connection, recipe: Recipe) -> Any:
    """Return what changes with every write of the row, even one that changes no column."""
    return db.execute("SELECT ctid, xmin, xmax, updated_at FROM recipes WHERE id = %s", [recipe.id]).fetchone()


def record_version(db: Connection, recipe: Recipe, snapshot: str = "") -> None:
    """Record the present row in the audit trail, where the database does not do so by itself."""
    db.execute(
        "INSERT INTO recipe_versions (recipe_id, version, snapshot)"
        " SELECT id, version, to_jsonb(recipes) - 'embedding' - %s FROM recipes WHERE id = %s"
        " ON CONFLICT DO NOTHING",
        [snapshot, recipe.id],
    )


def test_create_stores_every_field(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    assert contents(made) == FULL
    assert made.version == 1
    assert made.config_schema["mode"] == ConfigField.model_validate(FULL["config_schema"]["mode"])
    assert recipes.get(connection, id=made.id) == made
    assert recipes.get_by_slug(connection, slug="n8n") == made


def test_create_takes_models_as_well_as_objects(connection: Connection) -> None:
    models = {"dependencies": [Dependency(service="postgresql")], "ai_hints": AiHints(when_to_suggest="often")}
    made = recipes.create(connection, **MINIMAL | models)
    assert made.dependencies == [Dependency(service="postgresql")]
    assert made.ai_hints.when_to_suggest == "often"


@pytest.mark.parametrize("make", [recipes.create, recipes.upsert])
def test_what_is_left_out_gets_the_tables_own_default(connection: Connection, make: Any) -> None:
    connection.execute(
        "INSERT INTO recipes (slug, display_name, description, category, chart_url) VALUES ('bare', %s, %s, %s, %s)",
        [MINIMAL[name] for name in ("display_name", "description", "category", "chart_url")],
    )
    bare = recipes.get_by_slug(connection, slug="bare")
    assert contents(make(connection, **MINIMAL)) == contents(bare) | {"slug": "n8n"}
    columns = "jsonb_build_object('t', tags) || to_jsonb(recipes) - '{id,slug,created_at,updated_at}'::text[]"
    stored = connection.execute(f"SELECT DISTINCT {columns} FROM recipes").fetchall()
    assert len(stored) == 1  # null and {} would read alike


def test_a_list_is_no_string_and_holds_no_null(connection: Connection) -> None:
    wrong: Any
    for wrong in ("database", b"ab", ["a", None], {"a": 1}):
        with pytest.raises(TypeError):
            recipes.create(connection, **MINIMAL, tags=wrong)
    for wrong in ("database", [None], None):
        with pytest.raises(TypeError):
            recipes.get_many(connection, ids=wrong)
    assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (0,)
    made = recipes.create(connection, **MINIMAL, tags=("a", "b"))
    assert made.tags == ["a", "b"]
    assert recipes.get_many(connection, ids=iter([made.id])) == [made]  # type: ignore[arg-type]


def test_create_refuses_a_slug_that_is_taken(connection: Connection) -> None:
    recipes.create(connection, **MINIMAL)
    with pytest.raises(psycopg.errors.UniqueViolation, match="recipes_slug_key"):
        recipes.create(connection, **FULL)


def test_upsert_makes_what_is_not_there(connection: Connection) -> None:
    made = recipes.upsert(connection, **FULL)
    assert contents(made) == FULL
    assert made.version == 1
    assert recipes.get_by_slug(connection, slug="n8n") == made


def test_upsert_that_changes_nothing_writes_nothing_and_returns_the_row(connection: Connection) -> None:
    recipes.set_embedding(connection, id=recipes.create(connection, **FULL).id, embedding=a_vector(1))
    made = recipes.get_by_slug(connection, slug="n8n")
    assert made is not None
    before = row_version(connection, made)
    drawn = connection.execute("SELECT last_value FROM cuid_counter").fetchone()
    assert recipes.upsert(connection, **FULL) == made
    assert row_version(connection, made) == before
    assert connection.execute("SELECT last_value FROM cuid_counter").fetchone() == drawn


def test_upsert_takes_tags_that_are_null_for_none(connection: Connection) -> None:
    made = recipes.create(connection, **MINIMAL)
    connection.execute("UPDATE recipes SET tags = NULL")
    before = row_version(connection, made)
    assert recipes.upsert(connection, **MINIMAL).tags == []
    assert row_version(connection, made) == before


def test_upsert_and_update_notice_a_change_of_any_field(connection: Connection) -> None:
    assert set(OTHER) == set(FULL) - {"slug"}
    for field, value in OTHER.items():
        full, other = FULL | {"slug": f"for-{field}"}, FULL | {"slug": f"for-{field}", field: value}
        made = recipes.create(connection, **full)
        changed = recipes.upsert(connection, **other)
        assert contents(changed) == other
        assert (changed.id, changed.version, changed.created_at) == (made.id, 2, made.created_at), field
        assert recipes.get(connection, id=made.id) == changed
        back = recipes.update(connection, id=made.id, expected_version=2, **full)
        assert contents(back) == full
        assert (back.version, back.created_at) == (3, made.created_at), field
        assert recipes.get(connection, id=made.id) == back


def test_upsert_and_update_set_the_whole_content_but_keep_who_made_it(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    bare = contents(recipes.create(connection, **MINIMAL | {"slug": "bare"}))
    expected = bare | {"slug": "n8n", "created_by_id": "someone"}
    assert contents(recipes.upsert(connection, **MINIMAL)) == expected
    recipes.upsert(connection, **FULL)
    assert contents(recipes.update(connection, id=made.id, expected_version=3, **MINIMAL)) == expected


def test_two_upserts_of_a_new_slug_both_return_it(connection: Connection, database_url: str) -> None:
    with another_connection(database_url) as first, first.transaction():
        made = recipes.upsert(first, **FULL)
        with running(database_url, lambda db: recipes.upsert(db, **FULL)) as second:
            second.waits_for_lock(connection)
            first.execute("COMMIT; BEGIN")
            found = second.result()
    assert found == made  # no new version either: nothing was changed
    assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (1,)


def test_the_second_of_two_upserts_with_other_content_makes_a_new_version(
    connection: Connection, database_url: str
) -> None:
    with another_connection(database_url) as first, first.transaction():
        recipes.upsert(first, **FULL)
        with running(database_url, lambda db: recipes.upsert(db, **FULL | {"category": "flows"})) as second:
            second.waits_for_lock(connection)
            first.execute("COMMIT; BEGIN")
            found = second.result()
    assert (found.category, found.version) == ("flows", 2)


def test_an_upsert_that_waited_returns_what_is_there_now(connection: Connection, database_url: str) -> None:
    recipes.create(connection, **MINIMAL)
    with another_connection(database_url) as first, first.transaction():
        changed = recipes.upsert(first, **FULL)
        with running(database_url, lambda db: recipes.upsert(db, **FULL)) as second:
            second.waits_for_lock(connection)
            first.execute("COMMIT; BEGIN")
            found = second.result()
    assert found == changed
    assert found.version == 2


def test_twenty_upserts_at_once(database_url: str) -> None:
    found = at_once(database_url, [lambda db: [recipes.upsert(db, **FULL) for _ in range(5)]] * 4)
    assert {(recipe.slug, recipe.version) for made in found for recipe in made} == {("n8n", 1)}


def test_update_refuses_when_someone_else_was_first(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    first = recipes.update(connection, id=made.id, expected_version=1, **FULL | {"category": "first"})
    with pytest.raises(NoRowError):
        recipes.update(connection, id=made.id, expected_version=1, **FULL | {"category": "second"})
    assert recipes.get(connection, id=made.id) == first
    with pytest.raises(NoRowError):
        recipes.update(connection, id="nothing", expected_version=1, **FULL)


def test_one_of_two_updates_at_once_is_refused(connection: Connection, database_url: str) -> None:
    made = recipes.create(connection, **MINIMAL)

    def update(db: Connection) -> Recipe:
        return recipes.update(db, id=made.id, expected_version=1, **MINIMAL | {"category": "second"})

    with another_connection(database_url) as first, first.transaction():
        recipes.update(first, id=made.id, expected_version=1, **MINIMAL | {"category": "first"})
        with running(database_url, update) as second:
            second.waits_for_lock(connection)
            first.execute("COMMIT; BEGIN")
            with pytest.raises(NoRowError):
                second.result()


def test_update_that_changes_nothing_keeps_the_version(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    assert recipes.update(connection, id=made.id, expected_version=1, **FULL) == made


def test_update_can_rename_the_slug_but_not_to_one_that_is_taken(connection: Connection) -> None:
    made = recipes.create(connection, **MINIMAL)
    a_recipe(connection, "redis")
    renamed = recipes.update(connection, id=made.id, expected_version=1, **MINIMAL | {"slug": "n9n"})
    assert (renamed.slug, renamed.version) == ("n9n", 2)
    with pytest.raises(psycopg.errors.UniqueViolation):
        recipes.update(connection, id=made.id, expected_version=2, **MINIMAL | {"slug": "redis"})


def test_set_status_is_a_new_version_only_when_it_changes(connection: Connection) -> None:
    made = recipes.create(connection, **MINIMAL)
    published = recipes.set_status(connection, slug="n8n", status=RecipeStatus.PUBLISHED)
    assert (published.status, published.version) == (RecipeStatus.PUBLISHED, 2)
    assert recipes.set_status(connection, slug="n8n", status=RecipeStatus.PUBLISHED) == published
    assert contents(published) == contents(made) | {"status": RecipeStatus.PUBLISHED}
    with pytest.raises(NoRowError):
        recipes.set_status(connection, slug="nothing", status=RecipeStatus.DEPRECATED)


def test_set_embedding_stores_and_clears_without_a_new_version(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    stored = "SELECT embedding::real[]::float8[] FROM recipes"
    assert contents(recipes.set_embedding(connection, id=made.id, embedding=a_vector(0.5, -2))) == contents(made)
    assert connection.execute(stored).fetchone() == (a_vector(0.5, -2),)
    cleared = recipes.set_embedding(connection, id=made.id)
    assert cleared.version == 1
    assert connection.execute(stored).fetchone() == (None,)
    with pytest.raises(NoRowError):
        recipes.set_embedding(connection, id="nothing", embedding=a_vector(1))


def test_restore_version_brings_the_whole_content_back_as_a_new_version(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    record_version(connection, made)
    recipes.set_embedding(connection, id=made.id, embedding=a_vector(1))
    changed = recipes.update(
        connection, id=made.id, expected_version=1, **MINIMAL | OTHER | {"slug": "n9n", "category": "x"}
    )
    record_version(connection, changed)
    restored = recipes.restore_version(connection, id=made.id, version=1)
    assert contents(restored) == FULL
    assert (restored.id, restored.version, restored.created_at) == (made.id, 3, made.created_at)
    assert recipes.get(connection, id=made.id) == restored
    again = recipes.restore_version(connection, id=made.id, version=2)
    assert contents(again) == contents(changed)
    assert again.version == 4
    kept = connection.execute("SELECT embedding IS NOT NULL FROM recipes").fetchone()
    assert kept == (True,)


def test_restore_version_keeps_a_column_that_the_snapshot_does_not_know(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    connection.execute("DELETE FROM recipe_versions")
    record_version(connection, made, "health_check")
    recipes.update(connection, id=made.id, expected_version=1, **FULL | {"health_check": {"type": "tcp"}, "tags": []})
    restored = recipes.restore_version(connection, id=made.id, version=1)
    assert contents(restored) == FULL | {"health_check": {"type": "tcp"}}


def test_restore_version_that_changes_nothing_keeps_the_version(connection: Connection) -> None:
    made = recipes.create(connection, **FULL)
    record_version(connection, made)
    assert recipes.restore_version(connection, id=made.id, version=1) == made


def test_restore_version_takes_no_other_recipes_past(connection: Connection) -> None:
    made, other = recipes.create(connection, **FULL), a_recipe(connection, "redis")
    changed = recipes.update(connection, id=other.id, expected_version=1, **MINIMAL | {"slug": "redis"})
    record_version(connection, changed)
    with pytest.raises(NoRowError):
        recipes.restore_version(connection, id=made.id, version=2)
    with pytest.raises(NoRowError):
        recipes.restore_version(connection, id="nothing", version=1)
    assert recipes.get(connection, id=made.id) == made


def test_delete_is_refused_while_a_deployment_uses_it(connection: Connection) -> None:
    used, unused = a_recipe(connection, "postgresql"), a_recipe(connection, "redis")
    record_version(connection, unused)
    a_deployment(connection, a_tenant(connection), used)
    with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.ForeignKeyViolation)):
        recipes.delete(connection, id=used.id)
    assert recipes.delete(connection, id=unused.id) == 1
    assert recipe_versions.list_by_recipe(connection, recipe_id=unused.id, limit=10) == []
    assert recipes.delete(connection, id=unused.id) == 0
    assert recipes.get(connection, id=used.id) == used
