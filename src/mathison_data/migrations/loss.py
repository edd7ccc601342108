"""What a rollback would lose, found by running it in a transaction that is undone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from mathison_data.errors import MigrationFailedError
from mathison_data.migrations import lock
from mathison_data.migrations.files import File, Script
from mathison_data.migrations.options import Options
from mathison_data.migrations.rehearsal import LIVE_LOCK_TIMEOUT_MILLISECONDS
from mathison_data.migrations.running import Run
from mathison_data.settings import DatabaseUrl

# How long the rows of one table may be counted; after that the planner's estimate must do.
_COUNT_TIMEOUT = "5s"
_OUT_OF_TIME = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
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
    budget: float,
    options: Options,
    session: str,
    say: Callable[[str], None],
) -> list[str]:
    """Return a line on each thing that rolling these back is seen to lose: tables, columns, rows; or why none was seen.

    Takes the locks that the rollback takes, for `budget` seconds at the most. Files without a transaction are left out.
    """
    downs = [file.down for file in files]
    lines = [
        f"not rehearsed, for it runs without a transaction: {down.path}" for down in downs if not down.transactional
    ]
    scripts = [down for down in downs if down.transactional]
    options = replace(options, lock_timeout=LIVE_LOCK_TIMEOUT_MILLISECONDS / 1000)
    before = _tables(connection)
    deadline = time.monotonic() + budget
    try:
        with connection.transaction(force_rollback=True):
            lock.claim(connection)
            for script in scripts:
                Run(connection, target, script, options, session, say).within(deadline)
            after = _tables(connection)
            changed = connection.execute(_CHANGED_ROWS).fetchall()
    except MigrationFailedError as error:
        if not isinstance(error.__cause__, _OUT_OF_TIME):
            raise
        lines.append(f"could not be rehearsed in time, so this may not be all: {error}")
        named = [was for was in before.values() if any(_takes(script, was) for script in scripts)]
        return lines + [f"loses table {was.name} with {_rows(connection, was)}" for was in named]
    lost = [f"table {was.name} with {_rows(connection, was)}" for oid, was in before.items() if oid not in after]
    for oid, now in after.items():
        if (was := before.get(oid)) is None:
            continue
        gone = [column for number, column in was.columns.items() if number not in now.columns]
        lost += [f"column {was.name}.{column} of {_rows(connection, was)}" for column in gone]
        if now.file != was.file and (rows := _rows(connection, was)) != "0 rows":
            lost.append(f"rows or values of {was.name} with {rows}: it is emptied or rewritten, values may change")
    for oid, deleted, updated in changed:
        for count, what in ((deleted, "deleted"), (updated, "changed")):
            if count and oid in before and not before[oid].name.startswith(_BOOKS):
                lost.append(f"{count} rows {what} in {before[oid].name}")
    return lines + ([f"loses {line}" for line in lost] or ["no loss was seen"])


def _takes(script: Script, table: _Table) -> bool:
    """Tell whether a script names the table in a DROP TABLE or a TRUNCATE."""
    name = re.escape(table.name.removeprefix("public."))
    names_it = re.compile(rf'(?is)(drop\s+table|truncate)\b.*(?<![\w$".])(public\.)?{name}(?![\w$".])')
    return any(names_it.match(statement.sql) for statement in script.statements)


def _tables(connection: psycopg.Connection) -> dict[int, _Table]:
    return {row[0]: _Table(*row[1:]) for row in connection.execute(_TABLES)}


def _rows(connection: psycopg.Connection, table: _Table) -> str:
    """Return the number of rows of a table as words."""
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = '{_COUNT_TIMEOUT}'")
            connection.execute(f"SET LOCAL lock_timeout = {LIVE_LOCK_TIMEOUT_MILLISECONDS}")
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(table.name))).fetchone()
            assert row
            return f"{row[0]} rows"
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        row = connection.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table.name]
        ).fetchone()
        return f"about {row[0] if row else '?'} rows"
