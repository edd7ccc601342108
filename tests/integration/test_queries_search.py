"""What the searches of recipes and stacks find, and in which order."""

from __future__ import annotations

from functools import partial

import pytest
from examples import Connection, a_recipe, a_stack, a_vector

from mathison_data.queries import recipes, stacks
from mathison_data.records import RecipeStatus, RecipeTier

STRANGE = [
    "",
    " ",
    "the of and",
    "'",
    "''",
    '"',
    '"unclosed phrase',
    "&",
    "a & | b",
    ":*",
    "postg:*",
    "!",
    "-",
    "--",
    "- -",
    "-redis",
    "!!postgres",
    "(",
    ")(",
    "<->",
    "a <-> ",
    "\\",
    "\\'",
    "postgres\\",
    "or",
    "or or",
    "%",
    "%s %(x)s",
    ":query",
    "{}",
    "[",
    "🐘 数据库 ß",
    "a\nb\tc",
    "x" * 3000,
    "word " * 3000,
    '"' * 1000,
    "'; DROP TABLE recipes; --",
]


def embedded(db: Connection, slug: str, *leading: float, status: RecipeStatus = RecipeStatus.PUBLISHED) -> str:
    recipe = a_recipe(db, slug, category=slug[0], status=status, tier=RecipeTier.VERIFIED)
    return recipes.set_embedding(db, id=recipe.id, embedding=a_vector(*leading)).id


def test_search_finds_published_recipes_by_cosine(connection: Connection) -> None:
    embedded(connection, "a-near", 2, 0.2)
    embedded(connection, "a-opposite", -3)
    embedded(connection, "b-same", 7)
    embedded(connection, "b-across", 0, 1)
    embedded(connection, "b-draft", 1, status=RecipeStatus.DRAFT)
    a_recipe(connection, "a-without")
    found = recipes.search(connection, embedding=a_vector(1), limit=10)
    assert [row.slug for row in found] == ["b-same", "a-near", "b-across", "a-opposite"]
    assert [row.similarity for row in found] == pytest.approx([1, 2 / (2**2 + 0.2**2) ** 0.5, 0, -1])
    assert (found[0].display_name, found[0].category, found[0].tier) == ("B-Same", "b", RecipeTier.VERIFIED)
    assert [row.slug for row in recipes.search(connection, embedding=a_vector(1), limit=2)] == ["b-same", "a-near"]
    in_category = recipes.search(connection, embedding=a_vector(1), category="a", limit=10)
    assert [row.slug for row in in_category] == ["a-near", "a-opposite"]


def test_search_orders_ties_by_id(connection: Connection) -> None:
    ids = [embedded(connection, f"r{n}", 1) for n in range(6)]
    assert [row.id for row in recipes.search(connection, embedding=a_vector(2), limit=4)] == sorted(ids)[:4]


def test_search_text_weighs_name_description_tags_category_and_summary_in_this_order(connection: Connection) -> None:
    plain = {"description": "Something.", "category": "things"}
    a_recipe(connection, "e", **plain, ai_hints={"summary": "A zebra."})
    a_recipe(connection, "d", **plain | {"category": "zebra"})
    a_recipe(connection, "c", **plain, tags=["zebra"])
    a_recipe(connection, "b", **plain | {"description": "A zebra."})
    a_recipe(connection, "a", **plain, display_name="Zebra")
    a_recipe(connection, "x", **plain, values_template="zebra")
    found = recipes.search_text(connection, query="zebras", limit=10)
    assert [row.slug for row in found] == ["a", "b", "c", "d", "e"]
    assert sorted({row.rank for row in found}, reverse=True) == [row.rank for row in found]
    assert [row.slug for row in recipes.search_text(connection, query="zebra", limit=2)] == ["a", "b"]


def test_search_text_wants_all_words_in_any_form_and_the_last_from_its_beginning(connection: Connection) -> None:
    a_recipe(connection, "postgresql", description="Relational databases, with SQL.", tags=["storage"])
    a_recipe(connection, "redis", description="A cache.", category="database")

    def slugs(query: str) -> list[str]:
        return [row.slug for row in recipes.search_text(connection, query=query, limit=10)]

    assert slugs("postg") == ["postgresql"]
    assert slugs("RELATIONAL database") == ["postgresql"]
    assert slugs("storage rela") == ["postgresql"]
    assert slugs("rela storage") == []  # only the last may be a beginning
    assert sorted(slugs("database")) == ["postgresql", "redis"]
    assert slugs("database -cache") == ["postgresql"]
    assert sorted(slugs("cache or sql")) == ["postgresql", "redis"]
    assert slugs('"relational database"') == ["postgresql"]
    assert slugs('"database relational"') == []


def test_search_text_finds_published_recipes_of_the_category(connection: Connection) -> None:
    a_recipe(connection, "draft", description="zebra", status=RecipeStatus.DRAFT)
    a_recipe(connection, "old", description="zebra", status=RecipeStatus.DEPRECATED)
    a_recipe(connection, "one", description="zebra", category="a")
    ids = [a_recipe(connection, f"r{n}", description="zebra", category="b").id for n in range(3)]
    found = recipes.search_text(connection, query="zebra", category="b", limit=10)
    assert [row.id for row in found] == sorted(ids)
    connection.execute("UPDATE recipes SET tags = NULL, ai_hints = '[]'")
    assert len(recipes.search_text(connection, query="zebra", limit=10)) == 4


def test_no_input_is_an_error(connection: Connection) -> None:
    recipe = a_recipe(connection, "postgresql")
    recipes.set_embedding(connection, id=recipe.id, embedding=a_vector(1))
    for query in STRANGE:
        assert len(recipes.search_text(connection, query=query, limit=10)) <= 1, query
        found = recipes.search_hybrid(connection, query=query, embedding=a_vector(1), limit=10)
        assert [row.slug for row in found] == ["postgresql"], query


def test_search_hybrid_fuses_both_rankings_by_their_places(connection: Connection) -> None:
    a_recipe(connection, "both", description="zebra zebra")
    a_recipe(connection, "words", display_name="zebra")
    a_recipe(connection, "meaning")
    a_recipe(connection, "neither")
    vectors = {"meaning": (1.0,), "both": (1.0, 1.0)}
    for slug, leading in vectors.items():
        found = recipes.get_by_slug(connection, slug=slug)
        assert found is not None
        recipes.set_embedding(connection, id=found.id, embedding=a_vector(*leading))
    rows = recipes.search_hybrid(connection, query="zebra", embedding=a_vector(1), limit=10)
    assert rows[0].slug == "both"
    assert rows[0].score == pytest.approx(1 / 62 + 1 / 62)
    # First in one ranking and absent from the other: equal, so their ids decide.
    assert [row.score for row in rows[1:]] == pytest.approx([1 / 61, 1 / 61])
    assert [row.id for row in rows[1:]] == sorted(row.id for row in rows[1:])
    assert {row.slug for row in rows[1:]} == {"words", "meaning"}
    limited = recipes.search_hybrid(connection, query="zebra", embedding=a_vector(1), limit=1)
    assert limited == rows[:1]


def test_search_hybrid_finds_published_recipes_of_the_category(connection: Connection) -> None:
    search = partial(recipes.search_hybrid, connection, query="what", embedding=a_vector(1), limit=10)
    embedded(connection, "a-one", 1)
    embedded(connection, "b-one", 1)
    embedded(connection, "b-draft", 1, status=RecipeStatus.DRAFT)
    assert [row.slug for row in search(category="b")] == ["b-one"]
    assert {row.slug for row in search()} == {"a-one", "b-one"}


def test_stacks_are_searched_as_recipes_are(connection: Connection) -> None:
    for slug, leading, status in (
        ("far", (0.0, 1.0), RecipeStatus.PUBLISHED),
        ("near", (1.0, 0.1), RecipeStatus.PUBLISHED),
        ("draft", (1.0,), RecipeStatus.DRAFT),
    ):
        stack = a_stack(connection, slug, status=status)
        stacks.set_embedding(connection, id=stack.id, embedding=a_vector(*leading))
    a_stack(connection, "without")
    found = stacks.search(connection, embedding=a_vector(1), limit=10)
    assert [row.slug for row in found] == ["near", "far"]
    assert found[1].similarity == pytest.approx(0)
