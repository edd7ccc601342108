"""What the queries that list recipes do: pages, filters and their order; the audit trail's list as well."""

from __future__ import annotations

from functools import partial

from examples import ONE_MOMENT, Connection, a_recipe, a_vector, one_after_another, pages
from psycopg.types.json import Jsonb

from mathison_data.queries import recipe_versions, recipes
from mathison_data.records import RecipeStatus


def test_get_many_gives_them_in_the_order_asked_for(connection: Connection) -> None:
    made = {slug: a_recipe(connection, slug) for slug in ("minio", "n8n", "redis")}
    ids = [made["redis"].id, "nothing", made["minio"].id, made["redis"].id]
    assert recipes.get_many(connection, ids=ids) == [made["redis"], made["minio"]]
    assert recipes.get_many(connection, ids=[]) == []


def test_list_published_pages_by_name_through_equal_names(connection: Connection) -> None:
    made = [a_recipe(connection, f"r{n}", display_name="Same" if n % 3 else f"Name {n}") for n in range(11)]
    a_recipe(connection, "draft", status=RecipeStatus.DRAFT)
    a_recipe(connection, "old", status=RecipeStatus.DEPRECATED)
    read = one_after_another(
        partial(recipes.list_published, connection), 3, after_display_name="display_name", after_id="id"
    )
    assert [(r.display_name, r.id) for r in read] == sorted((r.display_name, r.id) for r in made)


def test_list_published_by_category_and_tag(connection: Connection) -> None:
    for n in range(12):
        a_recipe(connection, f"r{n:02}", category="ab"[n % 2], tags=["t3"] if n % 3 == 0 else [])
    connection.execute("UPDATE recipes SET tags = NULL WHERE slug = 'r01'")

    def slugs(**filters: str) -> list[str]:
        read = one_after_another(
            partial(recipes.list_published, connection, **filters),  # type: ignore[arg-type]
            2,
            after_display_name="display_name",
            after_id="id",
        )
        return [r.slug for r in read]

    assert slugs(category="b") == [f"r{n:02}" for n in range(1, 12, 2)]
    assert slugs(tag="t3") == ["r00", "r03", "r06", "r09"]
    assert slugs(category="b", tag="t3") == ["r03", "r09"]
    assert slugs(category="c") == slugs(tag="t") == []


def test_list_all_shows_every_status_in_the_order_of_coming(connection: Connection) -> None:
    made = [a_recipe(connection, f"r{n}", status=list(RecipeStatus)[n % 3]) for n in range(9)]
    connection.execute("UPDATE recipes SET created_at = %s WHERE slug <> 'r8'", [ONE_MOMENT])
    cursor = {"after_created_at": "created_at", "after_id": "id"}
    read = one_after_another(partial(recipes.list_all, connection), 4, **cursor)
    assert [r.id for r in read] == [*sorted(r.id for r in made[:8]), made[8].id]
    drafts = one_after_another(partial(recipes.list_all, connection, status=RecipeStatus.DRAFT), 1, **cursor)
    assert [r.slug for r in drafts] == ["r0", "r3", "r6"]


def test_list_categories_counts_published_recipes(connection: Connection) -> None:
    for n, category in enumerate(("storage", "database", "database", "database", "monitoring")):
        status = RecipeStatus.DRAFT if category == "monitoring" or n == 3 else RecipeStatus.PUBLISHED
        a_recipe(connection, f"r{n}", category=category, status=status)
    found = recipes.list_categories(connection)
    assert [(row.category, row.recipe_count) for row in found] == [("database", 2), ("storage", 1)]


def test_list_missing_embedding_pages_through_what_is_left(connection: Connection) -> None:
    made = [a_recipe(connection, f"r{n}", status=list(RecipeStatus)[n % 3]) for n in range(8)]
    for recipe in made[::3]:
        recipes.set_embedding(connection, id=recipe.id, embedding=a_vector(1))
    read = one_after_another(partial(recipes.list_missing_embedding, connection), 2, after_id="id")
    assert [r.slug for r in read] == ["r1", "r2", "r4", "r5", "r7"]


def test_versions_come_newest_first_a_page_at_a_time(connection: Connection) -> None:
    recipe, other = a_recipe(connection, "n8n"), a_recipe(connection, "redis")
    connection.execute("DELETE FROM recipe_versions")
    for version in range(1, 8):
        connection.execute(
            "INSERT INTO recipe_versions (recipe_id, version, snapshot, changed_by) VALUES (%s, %s, %s, 'me')",
            [recipe.id, version, Jsonb({"slug": "n8n", "version": version})],
        )
    connection.execute(
        "INSERT INTO recipe_versions (recipe_id, version, snapshot) VALUES (%s, 2147483647, %s)",
        [other.id, Jsonb({"slug": "redis"})],
    )
    page = partial(recipe_versions.list_by_recipe, connection, recipe_id=recipe.id)
    assert [[v.version for v in rows] for rows in pages(page, 3, before_version="version")] == [
        [7, 6, 5],
        [4, 3, 2],
        [1],
    ]
    assert [v.version for v in recipe_versions.list_by_recipe(connection, recipe_id=other.id, limit=1)] == [2147483647]

    found = recipe_versions.get(connection, recipe_id=recipe.id, version=4)
    assert found is not None
    assert (found.version, found.changed_by, found.snapshot.slug) == (4, "me", "n8n")
    assert recipe_versions.get(connection, recipe_id=other.id, version=4) is None
