"""What a rollback would lose, found by running it in a transaction that is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from mathison_data.migrations.files import File
from mathison_data.migrations.options import Options
from mathison_data.migrations.running import Run
from mathison_data.settings import DatabaseUrl

# How long the rows of one table may be counted; after that the planner's estimate must do.
_COUNT_TIMEOUT = "5s"
_BOOKS = ("public._yoyo", "public.mathison_migration")

# By number, not by name: what is renamed is not lost, and what is made anew under its name does not bring it back.
_TABLES = """
SELECT c.oid::bigint, format('%I.%I', nspname, relname), CASE relkind WHEN 'r' THEN relfilenode::bigint END,
  coalesce(jsonb_object_agg(attnum, quote_ident(attname)) FILTER (WHERE attnum IS NOT NULL), '{}')
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = relnamespace
LEFT JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
WHERE relkind IN ('r', 'p', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
GROUP BY c.oid, nspname
ORDER BY 2
"""

_CHANGED_ROWS = """
SELECT relid::bigint, n_tup_del, n_tup_upd
FROM pg_stat_xact_user_tables
WHERE n_tup_del + n_tup_upd > 0
ORDER BY schemaname, relname
"""


@dataclass(frozen=True)
class _Table:
    """A table with its columns by number; `file` is another one once it was emptied or rewritten."""

    name: str
    file: int | None
    columns: dict[str, str]


def of(
    connection: psycopg.Connection,
    target: DatabaseUrl,
    files: Sequence[File],
    options: Options,
    session: str,
    say: Callable[[str], None],
) -> list[str]:
    """Return a line on each thing that rolling these back loses, as far as it can be seen: tables, columns, rows.

    Takes the locks that the rollback takes, for as long as it takes. Files without a transaction are left out.
    """
    scripts = [file.down for file in files if file.down.transactional]
    if not scripts:
        return []
    before = _tables(connection)
    after: dict[int, _Table] = {}
    changed: list[tuple[int, int, int]] = []

    def look_and_undo(_duration_ms: int) -> None:
        after.update(_tables(connection))
        changed.extend(connection.execute(_CHANGED_ROWS).fetchall())
        raise psycopg.Rollback

    Run(connection, target, scripts, options, session, say).whole(look_and_undo)
    lines = [f"table {was.name} with {_rows(connection, was)}" for oid, was in before.items() if oid not in after]
    for oid, now in after.items():
        if (was := before.get(oid)) is None:
            continue
        gone = [column for number, column in was.columns.items() if number not in now.columns]
        lines += [f"column {was.name}.{column} of {_rows(connection, was)}" for column in gone]
        if now.file != was.file and (rows := _rows(connection, was)) != "0 rows":
            lines.append(f"rows or values of {was.name} with {rows}: it is emptied or rewritten, values may change")
    for oid, deleted, updated in changed:
        for count, what in ((deleted, "deleted"), (updated, "changed")):
            if count and oid in before and not before[oid].name.startswith(_BOOKS):
                lines.append(f"{count} rows {what} in {before[oid].name}")
    return lines


def _tables(connection: psycopg.Connection) -> dict[int, _Table]:
    return {row[0]: _Table(*row[1:]) for row in connection.execute(_TABLES)}


def _rows(connection: psycopg.Connection, table: _Table) -> str:
    """Return the number of rows of a table as words."""
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = '{_COUNT_TIMEOUT}'")
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(table.name))).fetchone()
            assert row
            return f"{row[0]} rows"
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        row = connection.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table.name]
        ).fetchone()
        return f"about {row[0] if row else '?'} rows"
