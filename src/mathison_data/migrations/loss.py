"""What a rollback would lose, found by running it in a transaction that is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
from psycopg import sql

from mathison_data.migrations.files import File
from mathison_data.migrations.options import Options
from mathison_data.migrations.running import Run
from mathison_data.settings import DatabaseUrl

# How long the rows of one table may be counted; after that the planner's estimate must do.
_COUNT_TIMEOUT = "5s"

_COLUMNS = """
SELECT format('%I.%I', nspname, relname), quote_ident(attname)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = relnamespace
JOIN pg_attribute ON attrelid = c.oid
WHERE relkind IN ('r', 'p', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND attnum > 0 AND NOT attisdropped
"""

_CHANGED_ROWS = """
SELECT format('%I.%I', schemaname, relname), n_tup_del, n_tup_upd
FROM pg_stat_xact_user_tables
WHERE n_tup_del + n_tup_upd > 0
ORDER BY 1
"""


def of(
    connection: psycopg.Connection,
    target: DatabaseUrl,
    files: Sequence[File],
    options: Options,
    session: str,
    say: Callable[[str], None],
) -> list[str]:
    """Return a line on each thing that rolling these back loses: tables and columns with rows, and changed rows.

    Takes the locks that the rollback takes, for as long as it takes. Files without a transaction are left out.
    """
    scripts = [file.down for file in files if file.down.transactional]
    if not scripts:
        return []
    before = _columns(connection)
    after: dict[str, set[str]] = {}
    changed: list[tuple[str, int, int]] = []

    def look_and_undo(_duration_ms: int) -> None:
        after.update(_columns(connection))
        changed.extend(connection.execute(_CHANGED_ROWS).fetchall())
        raise psycopg.Rollback

    Run(connection, target, scripts, options, session, say).whole(look_and_undo)
    lines = []
    for table in sorted(before.keys() - after.keys()):
        lines.append(f"table {table} with {_rows(connection, table)}")
    for table in sorted(before.keys() & after.keys()):
        for column in sorted(before[table] - after[table]):
            lines.append(f"column {table}.{column} of {_rows(connection, table)}")
    for table, deleted, updated in changed:
        for count, what in ((deleted, "deleted"), (updated, "changed")):
            if count and table in before and not table.startswith(("public._yoyo", "public.mathison_migration")):
                lines.append(f"{count} rows {what} in {table}")
    return lines


def _columns(connection: psycopg.Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(_COLUMNS):
        found.setdefault(table, set()).add(column)
    return found


def _rows(connection: psycopg.Connection, table: str) -> str:
    """Return the number of rows of a table, whose name is quoted already, as words."""
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = '{_COUNT_TIMEOUT}'")
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(table))).fetchone()
            assert row
            return f"{row[0]} rows"
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        row = connection.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table]).fetchone()
        return f"about {row[0] if row else '?'} rows"
