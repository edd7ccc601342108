"""The migrations: where their files are, and what a database has of them. Reading only; backend.py applies."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yoyo
from psycopg import sql

from mathison_data.errors import MigrationError
from mathison_data.migrations import files, ledger

# yoyo's names for its own tables; the last is ours.
MIGRATION_TABLE = yoyo.default_migration_table
BOOKKEEPING_TABLES = frozenset({MIGRATION_TABLE, "_yoyo_log", "_yoyo_version", "yoyo_lock", ledger.TABLE})


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
    """Migrations by id, as a database and the files have them.

    Applied, still to apply, applied but without a file, applied but changed since, and to apply before an applied one.
    """

    applied: list[str]
    pending: list[str]
    unknown: list[str]
    edited: list[str]
    out_of_order: list[str]


def state(connection: psycopg.Connection, source: Path | None = None) -> State:
    """Compare a database with the files; reads only. Raises MigrationError when the files are not fit to run."""
    known = files.read(source or directory())
    table = sql.Identifier("public", MIGRATION_TABLE)
    exists = connection.execute("SELECT to_regclass(%s)", [table.as_string()]).fetchone()
    recorded: set[str] = set()
    if exists and exists[0]:
        query = sql.SQL("SELECT migration_id FROM {}").format(table)
        recorded = {row[0] for row in connection.execute(query)}
    drift = ledger.drift(known, recorded, ledger.entries(connection))
    return State(
        applied=[file.id for file in known if file.id in recorded],
        pending=[file.id for file in known if file.id not in recorded],
        unknown=drift.missing,
        edited=drift.edited,
        out_of_order=drift.out_of_order,
    )
