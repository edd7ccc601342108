"""The migrations: where their files are, and what a database has of them. Reading only; backend.py applies."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yoyo
from psycopg import sql

from mathison_data.errors import MigrationError
from mathison_data.migrations.ledger import TABLE

# yoyo's names for its own tables; the last is ours.
MIGRATION_TABLE = yoyo.default_migration_table
BOOKKEEPING_TABLES = frozenset({MIGRATION_TABLE, "_yoyo_log", "_yoyo_version", "yoyo_lock", TABLE})


def directory() -> Path:
    """Return the directory of the migrations: the wheel's own, or sql/migrations of the checkout."""
    package = Path(__file__).parents[1]
    packaged = package / "sql" / "migrations"
    return packaged if packaged.is_dir() else package.parents[1] / "sql" / "migrations"


def read(source: Path | None = None) -> yoyo.migrations.MigrationList:
    """Read all migrations of a directory, in order. Raises MigrationError when it has none."""
    source = source or directory()
    found = yoyo.read_migrations(glob.escape(str(source)))
    if not found:
        raise MigrationError(f"{source} holds no migrations")
    return found


@dataclass(frozen=True)
class State:
    """Migrations by id, as a database and the files have them: applied, still to apply, applied but without a file."""

    applied: list[str]
    pending: list[str]
    unknown: list[str]


def state(connection: psycopg.Connection, source: Path | None = None) -> State:
    """Compare a database with the files; reads only."""
    files = [migration.id for migration in read(source)]
    table = sql.Identifier("public", MIGRATION_TABLE)
    exists = connection.execute("SELECT to_regclass(%s)", [table.as_string()]).fetchone()
    recorded: set[str] = set()
    if exists and exists[0]:
        query = sql.SQL("SELECT migration_id FROM {}").format(table)
        recorded = {row[0] for row in connection.execute(query)}
    return State(
        applied=[name for name in files if name in recorded],
        pending=[name for name in files if name not in recorded],
        unknown=sorted(recorded.difference(files)),
    )
