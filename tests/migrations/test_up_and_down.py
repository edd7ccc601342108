"""Applying all, rolling back all and applying all again; and what becomes of the extension."""

from __future__ import annotations

import subprocess

import psycopg
import pytest
from databases import migrate

from mathison_data import embedded, migrations
from mathison_data.errors import MigrationFailedError
from mathison_data.migrations.backend import Backend
from mathison_data.settings import parse_url


def dump(url: str) -> str:
    """The schema as pg_dump sees it; the key only keeps two dumps comparable."""
    program = str(embedded.programs() / "pg_dump")
    return subprocess.run(
        [program, "--schema-only", "--restrict-key=test", url], check=True, capture_output=True, text=True
    ).stdout


def roll_back_all(url: str) -> None:
    backend = Backend.of(parse_url(url, "test"))
    with backend, backend.lock():
        backend.rollback_migrations(backend.to_rollback(migrations.read()))


def objects(url: str) -> set[str]:
    """Everything in the database that PostgreSQL does not bring itself, by kind and name."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'
            UNION ALL SELECT 'type ' || typname FROM pg_type
              WHERE typnamespace = 'public'::regnamespace AND typtype <> 'c' AND typelem = 0
            UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'
            UNION ALL SELECT 'extension ' || extname FROM pg_extension
            UNION ALL SELECT 'cast or operator of ours' FROM pg_operator WHERE oprnamespace = 'public'::regnamespace
            """
        )
        return {row[0] for row in rows}


def test_up_down_up_leaves_the_same_schema(empty_database_url: str) -> None:
    before = objects(empty_database_url)
    migrate(empty_database_url)
    first = dump(empty_database_url)
    assert "CREATE TABLE public.messages" in first
    roll_back_all(empty_database_url)
    assert objects(empty_database_url) - before == {f"relation {name}" for name in migrations.BOOKKEEPING_TABLES}
    migrate(empty_database_url)
    assert dump(empty_database_url) == first


@pytest.mark.parametrize("name", [migration.id for migration in migrations.read()])
def test_each_rollback_undoes_its_own_migration_alone(empty_database_url: str, name: str) -> None:
    backend = Backend.of(parse_url(empty_database_url, "test"))
    with backend, backend.lock():
        for migration in backend.to_apply(migrations.read()):
            if migration.id == name:
                before = dump(empty_database_url)
                backend.apply_one(migration)
                assert dump(empty_database_url) != before
                backend.rollback_one(migration)
                assert dump(empty_database_url) == before
                return
            backend.apply_one(migration)


def test_an_extension_that_was_there_before_stays(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector WITH SCHEMA public")
    before = dump(empty_database_url)
    migrate(empty_database_url)
    roll_back_all(empty_database_url)
    assert "extension vector" in objects(empty_database_url)
    assert "COMMENT ON EXTENSION vector IS 'vector data type" in before
    assert "COMMENT ON EXTENSION vector IS 'vector data type" in dump(empty_database_url)


def test_our_extension_stays_while_others_use_it(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA other CREATE TABLE things (embedding public.vector(3))")
    roll_back_all(empty_database_url)
    assert "extension vector" in objects(empty_database_url)


def test_an_extension_in_another_schema_is_refused(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA extensions; CREATE EXTENSION vector WITH SCHEMA extensions")
    with pytest.raises(MigrationFailedError, match="ALTER EXTENSION vector SET SCHEMA public"):
        migrate(empty_database_url)


def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id text)")  # 0005 makes tenants before it comes to this
    with pytest.raises(MigrationFailedError, match=r'0005_\w+\.sql:\d+: relation "users" already exists'):
        migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('tenants')").fetchone() == (None,)
        assert migrations.state(connection).pending[0].startswith("0005")
        connection.execute("DROP TABLE users")
    migrate(empty_database_url)
