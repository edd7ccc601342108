"""A small schema and its migrations, for the tests of the plan."""

from __future__ import annotations

from pathlib import Path

import psycopg

from mathison_data.settings import DatabaseUrl, parse_url

SCHEMA = (Path(__file__).parent / "migrations" / "plan_cases" / "schema.txt").read_text()


def write(directory: Path, *pending: str) -> Path:
    """Write the schema as migration 0001, and what is pending as 0002 and so on."""
    for number, up in enumerate((SCHEMA, *pending), 1):
        name = f"{number:04}_take_step"
        (directory / f"{name}.sql").write_text(up)
        (directory / f"{name}.rollback.sql").write_text("SELECT 1;\n")
    return directory


def fill(url: str) -> DatabaseUrl:
    """Bring a database to migration 0001, with a thousand rows in each table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        connection.execute(
            """
            CREATE TABLE _yoyo_migration (migration_hash text, migration_id text, applied_at_utc timestamp);
            INSERT INTO _yoyo_migration (migration_id) VALUES ('0001_take_step');
            INSERT INTO authors SELECT n, 'name ' || n FROM generate_series(1, 1000) AS n;
            INSERT INTO books SELECT n, n, 'title ' || n, n, n, 'NOVEL' FROM generate_series(1, 1000) AS n;
            """
        )
        connection.execute("VACUUM ANALYZE authors, books")
    return parse_url(url, "test")
