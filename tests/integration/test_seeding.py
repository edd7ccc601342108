from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mathison_data import seeding
from mathison_data.errors import SeedError

SLUGS = ["minio", "n8n", "postgresql", "redis", "uptime-kuma"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the seeds to spoil."""
    return Path(shutil.copytree(seeding.directory(), tmp_path / "seeds"))


def rows(connection: psycopg.Connection) -> list[Any]:
    return connection.execute(
        "SELECT slug, version, updated_at, xmin::text, recipes::text FROM recipes ORDER BY 1"
    ).fetchall()


def test_the_five_recipes_are_added_as_the_catalog_wants_them(connection: psycopg.Connection) -> None:
    outcome = seeding.seed(connection, seeding.load())
    assert outcome.added == SLUGS
    found = connection.execute(
        "SELECT slug, status::text, tier::text, source_type, version, embedding IS NULL FROM recipes ORDER BY slug"
    ).fetchall()
    assert found == [(slug, "PUBLISHED", "OFFICIAL", "helm", 1, True) for slug in SLUGS]
    row = connection.execute(
        "SELECT config_schema->'version'->>'default', resource_defaults, resource_limits, ai_hints->'pairsWellWith' "
        "FROM recipes WHERE slug = 'postgresql'"
    ).fetchone()
    assert row == ("16", {"cpu": "250m", "memory": "256Mi"}, {"cpu": "1", "memory": "1Gi"}, ["redis", "n8n"])


def test_a_second_run_writes_nothing(connection: psycopg.Connection) -> None:
    seeding.seed(connection, seeding.load())
    before = rows(connection)
    outcome = seeding.seed(connection, seeding.load())
    assert (outcome.added, outcome.differing, outcome.unchanged) == ([], {}, SLUGS)
    assert seeding.seed(connection, seeding.load(), update=True).unchanged == SLUGS
    assert [row[:3] for row in rows(connection)] == [row[:3] for row in before]
    assert seeding.seed(connection, seeding.load()).unchanged == SLUGS
    assert [row[3] for row in rows(connection)] == [row[3] for row in before]  # no new row versions either


def test_a_curators_change_is_told_of_and_kept_until_update_is_asked_for(connection: psycopg.Connection) -> None:
    seeding.seed(connection, seeding.load())
    connection.execute(
        "UPDATE recipes SET description = 'ours', ai_hints = ai_hints || '{\"more\": 1}', tags = NULL "
        "WHERE slug = 'redis'"
    )
    connection.execute("UPDATE recipes SET embedding = array_fill(1, ARRAY[1536])::vector")
    outcome = seeding.seed(connection, seeding.load())
    assert outcome.differing == {"redis": ["description", "tags", "ai_hints"]}
    assert connection.execute("SELECT description, version FROM recipes WHERE slug = 'redis'").fetchone() == ("ours", 1)

    outcome = seeding.seed(connection, seeding.load(), update=True)
    assert (outcome.updated, outcome.differing) == (["redis"], {})
    row = connection.execute(
        "SELECT description, version, ai_hints ? 'more', embedding IS NULL FROM recipes WHERE slug = 'redis'"
    ).fetchone()
    assert row
    assert row[0].startswith("Redis")
    assert row[1:] == (2, False, False)  # a change of content, one version up; what the services made stays
    assert seeding.seed(connection, seeding.load()).unchanged == SLUGS


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('slug = "redis"', 'slug = "redis', 'slug = "redis', "not valid TOML: "),
        ('category = "database"', "category = 7", "category = 7", "category: Input should be a valid string"),
        ('tier = "OFFICIAL"', 'tier = "ofical"', 'tier = "ofical"', "tier: Input should be 'OFFICIAL', 'VERIFIED' or"),
        ('chart_url = "bitnami/redis"\n', "", "# Redis", "chart_url: Field required"),
        ('slug = "redis"', 'slug = "other"', 'slug = "other"', "slug: must be the file's name, redis"),
        ("tags = ", "taggs = ", "taggs = ", "taggs: Extra inputs are not permitted"),
        ("intervalSeconds", "interval", "interval =", "health_check.interval: unknown key"),
        ('category = "database"', 'category = "data\\u0000base"', "category = ", "category: holds a NUL character"),
        ('cpu = "100m"', 'cpu = "lots"', "[resource_defaults]", "resource_defaults: cpu is no Kubernetes quantity"),
        ("intervalSeconds = ", "more = nan\nintervalSeconds = ", "more = nan", "health_check.more: unknown key"),
        (
            '[config_schema.version]\ntype = "select"',
            '[config_schema.version]\ntype = "choice"',
            'type = "choice"',
            "config_schema.version.type: Input should be 'string', 'number', 'boolean' or 'select'",
        ),
        (
            '[config_schema.version]\ntype = "select"\n',
            "[config_schema.version]\n",
            "[config_schema.version]",
            "config_schema.version.type: Field required",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_reason(files: Path, old: str, new: str, line: str, message: str) -> None:
    file = files / "redis.toml"
    text = file.read_text()
    assert old in text
    text = text.replace(old, new, 1)
    file.write_text(text)
    with pytest.raises(SeedError) as caught:
        seeding.load(files)
    number = next(number for number, content in enumerate(text.splitlines(), 1) if line in content)
    assert str(caught.value).startswith(f"{file}:{number}: {message}"), caught.value


@pytest.mark.parametrize("name", [f"{slug}.toml" for slug in SLUGS])
def test_a_half_written_file_is_named_wherever_it_ends(tmp_path: Path, name: str) -> None:
    content = (seeding.directory() / name).read_bytes().rstrip()
    line_ends = [end for end in range(len(content)) if content[end : end + 1] == b"\n"]
    for end in [*range(0, len(content), 97), *line_ends]:
        (tmp_path / name).write_bytes(content[:end])
        with pytest.raises(SeedError, match=rf"^{tmp_path / name}(:\d+)?: "):
            seeding.load(tmp_path)


def test_a_file_that_is_not_text_is_named(files: Path) -> None:
    (files / "n8n.toml").write_bytes(b"slug = '\xff'")
    with pytest.raises(SeedError, match=rf"^{files}/n8n\.toml: not UTF-8 at byte 8"):
        seeding.load(files)


def test_all_findings_of_all_files_are_told_at_once(files: Path) -> None:
    for name in ("redis", "minio"):
        file = files / f"{name}.toml"
        file.write_text(
            file.read_text().replace('tier = "OFFICIAL"', "tier = 1").replace('category = "', 'category = ""#')
        )
    with pytest.raises(SeedError) as caught:
        seeding.load(files)
    assert len(str(caught.value).splitlines()) == 4


def test_a_directory_without_seeds_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="holds no seed files"):
        seeding.load(tmp_path)


def test_a_run_that_fails_halfway_writes_nothing(connection: psycopg.Connection) -> None:
    recipes = seeding.load()
    broken = recipes[-1].model_copy(update={"display_name": "a NUL \0 byte"})
    with pytest.raises(psycopg.DataError):
        seeding.seed(connection, [*recipes[:-1], broken])
    assert rows(connection) == []


def test_two_at_once_add_each_recipe_once(database_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def run(_number: int) -> list[str]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            return seeding.seed(connection, seeding.load()).added

    with ThreadPoolExecutor(4) as threads:
        added = [slug for slugs in threads.map(run, range(4)) for slug in slugs]
    assert sorted(added) == SLUGS
