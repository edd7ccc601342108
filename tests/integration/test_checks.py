"""Each check finds what it is there for: the database is spoilt in one way, and that one line turns bad."""

from __future__ import annotations

import time

import psycopg
import pytest

from mathison_data import checks
from mathison_data.settings import DatabaseUrl, parse_url

NAMES = [
    "connection",
    "server version",
    "vector extension",
    "embedding columns",
    "distance query",
    "migrations",
    "indexes",
    "clock",
    "time zone",
]


@pytest.fixture
def target(database_url: str) -> DatabaseUrl:
    return parse_url(database_url, "test")


def bad(target: DatabaseUrl) -> dict[str, str]:
    return {finding.check: finding.detail for finding in checks.run(target) if not finding.good}


def test_a_whole_database_passes_every_check(target: DatabaseUrl) -> None:
    findings = list(checks.run(target))
    assert [finding.check for finding in findings] == NAMES
    assert [finding for finding in findings if not finding.good] == []


def test_a_server_that_is_down_ends_it_at_the_first(target: DatabaseUrl) -> None:
    findings = list(checks.run(parse_url("postgresql://u:s3cret@127.0.0.1:1/db", "test")))
    assert [(finding.check, finding.good) for finding in findings] == [("connection", False)]
    assert "s3cret" not in findings[0].detail


def test_an_old_server(target: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mathison_data.server.OLDEST_SERVER", 99)
    assert list(bad(target)) == ["server version"]


def test_an_old_pgvector(target: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mathison_data.checks.OLDEST_PGVECTOR", (99, 0))
    assert "99.0 or later is needed: ALTER EXTENSION vector UPDATE;" in bad(target)["vector extension"]


def test_a_database_without_anything(empty_database_url: str) -> None:
    found = bad(parse_url(empty_database_url, "test"))
    assert list(found) == ["vector extension", "embedding columns", "distance query", "migrations"]
    assert "recipes.embedding is missing" in found["embedding columns"]
    assert "pending: 0001_create_extension_vector, 0002" in found["migrations"]


def test_another_number_of_dimensions(target: DatabaseUrl, connection: psycopg.Connection) -> None:
    connection.execute("ALTER TABLE stacks ALTER embedding TYPE vector(768)")
    assert bad(target) == {
        "embedding columns": "stacks.embedding is vector(768); must be vector(1536): apply the migrations"
    }


def test_a_distance_that_is_wrong(target: DatabaseUrl, connection: psycopg.Connection) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION cosine_distance(vector, vector) RETURNS float8 LANGUAGE sql AS 'SELECT 0.5'"
    )
    assert list(bad(target)) == ["distance query"]


def test_pending_and_unknown_migrations(target: DatabaseUrl, connection: psycopg.Connection) -> None:
    connection.execute("UPDATE _yoyo_migration SET migration_id = '9999_from_tomorrow' WHERE migration_id ~ '0008'")
    assert bad(target)["migrations"].startswith("pending: 0008_create_conversations (")
    assert "unknown to this release: 9999_from_tomorrow" in bad(target)["migrations"]


def test_an_invalid_index(target: DatabaseUrl, connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO tenants (slug, name, namespace) VALUES ('a', 'x', 'a'), ('b', 'x', 'b')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY half_built ON tenants (name)")
    assert "invalid: half_built" in bad(target)["indexes"]


def test_a_clock_that_is_off(target: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() - 3600)
    assert bad(target) == {"clock": "the server's is 3600 s ahead of this machine's: synchronise both"}


def test_a_zone_in_which_prisma_shifts_instants(target: DatabaseUrl, connection: psycopg.Connection) -> None:
    name = connection.info.dbname
    connection.execute(f"ALTER DATABASE {name} SET timezone = 'Europe/London'")  # UTC in winter alone
    assert bad(target) == {
        "time zone": "Europe/London; Prisma clients shift instants unless it is UTC: "
        f"ALTER DATABASE \"{name}\" SET timezone = 'UTC';"
    }
    connection.execute(f"ALTER DATABASE {name} SET timezone = 'GMT'")
    assert bad(target) == {}
