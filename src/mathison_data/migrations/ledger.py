"""What was applied, remembered by content: the table public.mathison_migration, readable with plain SQL.

yoyo's own table stays the record of what is applied; this one adds what the files were. It is brought into step with
yoyo's at the beginning of each run, so a database that yoyo alone has migrated is adopted as it is.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from yoyo.migrations import get_migration_hash

from mathison_data.errors import (
    MigrationEditedError,
    MigrationError,
    MigrationMissingError,
    MigrationOutOfOrderError,
)
from mathison_data.migrations.files import File

TABLE = "mathison_migration"
_GONE = "accepted without a file"

_CREATE = f"""
CREATE TABLE public.{TABLE} (
  migration_id text PRIMARY KEY,
  checksum text,
  rollback_checksum text,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  applied_by text NOT NULL,
  duration_ms bigint,
  note text
);
COMMENT ON TABLE public.{TABLE} IS 'The migrations that this database has, one row each; written by mathison-data.';
COMMENT ON COLUMN public.{TABLE}.migration_id IS 'The name of its file, without .sql.';
COMMENT ON COLUMN public.{TABLE}.checksum IS
  'SHA-256 of the file as it was applied, its line ends made newlines; null when the file was not there.';
COMMENT ON COLUMN public.{TABLE}.rollback_checksum IS 'The same of its rollback file.';
COMMENT ON COLUMN public.{TABLE}.applied_at IS 'When it was applied, by the server''s clock.';
COMMENT ON COLUMN public.{TABLE}.applied_by IS 'Account and host that applied it, and its database role.';
COMMENT ON COLUMN public.{TABLE}.duration_ms IS 'How long it took, waiting for locks left out; null when not known.';
COMMENT ON COLUMN public.{TABLE}.note IS 'What is special: adopted from yoyo, marked by hand, accepted after an edit.';
"""


@dataclass(frozen=True)
class Entry:
    """What is remembered of one applied migration."""

    checksum: str | None
    rollback_checksum: str | None
    note: str | None


@dataclass(frozen=True)
class Drift:
    """Where the files are not what was applied: by id. `renamed` gives the new name for an old one."""

    edited: list[str]
    missing: list[str]
    renamed: dict[str, str]
    out_of_order: list[str]


def account() -> tuple[str, str]:
    """Return the names of the account and the host that run this; a container may know neither."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = f"uid {os.getuid()}"
    return user, socket.gethostname()  # getfqdn, which yoyo takes, asks the network and may wait for it


def exists(connection: psycopg.Connection) -> bool:
    """Tell whether the database has the table."""
    row = connection.execute("SELECT to_regclass(%s)", [f"public.{TABLE}"]).fetchone()
    return row is not None and row[0] is not None


def create(connection: psycopg.Connection) -> None:
    """Make the table."""
    connection.execute(_CREATE)


def entries(connection: psycopg.Connection) -> dict[str, Entry]:
    """Return what is remembered, by id; nothing where the table is missing. Reads only."""
    if not exists(connection):
        return {}
    rows = connection.execute(f"SELECT migration_id, checksum, rollback_checksum, note FROM public.{TABLE}")  # noqa: S608
    return {name: Entry(*rest) for name, *rest in rows}


def record(connection: psycopg.Connection, file: File, duration_ms: int | None, note: str | None = None) -> None:
    """Remember that a migration was applied."""
    user, host = account()
    connection.execute(
        f"INSERT INTO public.{TABLE} (migration_id, checksum, rollback_checksum, applied_by, duration_ms, note) "  # noqa: S608
        "VALUES (%s, %s, %s, format('%%s@%%s as %%s', %s::text, %s::text, session_user), %s, %s)",
        [file.id, file.up.checksum, file.down.checksum, user, host, duration_ms, note],
    )


def forget(connection: psycopg.Connection, name: str) -> None:
    """Forget a migration: it was rolled back."""
    connection.execute(f"DELETE FROM public.{TABLE} WHERE migration_id = %s", [name])  # noqa: S608


def reconcile(connection: psycopg.Connection, migration_table: str, files: Iterable[File]) -> list[str]:
    """Bring the table into step with yoyo's: adopt what yoyo alone has applied, forget what it has unmarked.

    Returns a line on each thing done.
    """
    remembered = entries(connection)
    table = sql.Identifier("public", migration_table)
    rows = connection.execute(sql.SQL("SELECT migration_id, applied_at_utc FROM {} ORDER BY 2, 1").format(table))
    applied: dict[str, datetime | None] = dict(rows.fetchall())
    by_id = {file.id: file for file in files}
    said = []
    adopted = [name for name in applied if name not in remembered]
    for name in adopted:
        file = by_id.get(name)
        connection.execute(
            f"""
            INSERT INTO public.{TABLE} (migration_id, checksum, rollback_checksum, applied_at, applied_by, note)
            SELECT %(id)s, %(up)s, %(down)s, coalesce(%(at)s::timestamp AT TIME ZONE 'UTC', now()), coalesce(
              (
                SELECT username || '@' || hostname FROM public._yoyo_log
                WHERE migration_id = %(id)s AND operation IN ('apply', 'mark') ORDER BY created_at_utc DESC LIMIT 1
              ), 'unknown'
            ), 'adopted from yoyo, as the file was then'
            """,  # noqa: S608
            {
                "id": name,
                "up": file.up.checksum if file else None,
                "down": file.down.checksum if file else None,
                "at": applied[name],
            },
        )
    if adopted:
        said.append(
            f"adopted {len(adopted)} migrations that yoyo alone has applied, as their files are now: "
            f"{adopted[0]} to {adopted[-1]}"
        )
    for name in sorted(remembered.keys() - applied.keys()):
        forget(connection, name)
        said.append(f"forgot {name}: yoyo alone has rolled it back or unmarked it")
    return said


def drift(files: Iterable[File], applied: Iterable[str], remembered: dict[str, Entry]) -> Drift:
    """Compare the files with what was applied. Reads nothing."""
    by_id = {file.id: file for file in files}
    had = set(applied)
    missing = sorted(name for name in had - by_id.keys() if not (name in remembered and remembered[name].note == _GONE))
    pending = [file for file in by_id.values() if file.id not in had]
    contents = {file.checksum: file.id for file in pending}
    renamed = {
        name: contents[checksum]
        for name in missing
        if name in remembered and (checksum := remembered[name].checksum) in contents and checksum
    }
    last = max(had & by_id.keys(), default="")
    return Drift(
        edited=[
            file.id
            for file in by_id.values()
            if file.id in had
            and (entry := remembered.get(file.id))
            and entry.checksum is not None
            and entry.checksum != file.checksum
        ],
        missing=missing,
        renamed=renamed,
        out_of_order=[file.id for file in pending if file.id < last and file.id not in renamed.values()],
    )


def refuse(found: Drift, files: Iterable[File], last: str) -> None:
    """Raise the error of the first kind of drift that there is, with every migration of that kind by name."""
    paths = {file.id: file.path for file in files}
    accept = "mathison-data migrate apply --accept-edited {0}, or MATHISON_ACCEPT_EDITED={0}"
    if found.edited:
        raise MigrationEditedError(
            "\n".join(
                f"{paths[name]}: was changed after it was applied. Put it back as it was and write the change as a new "
                f"migration; or, if it changes nothing that matters: {accept.format(name)}"
                for name in found.edited
            )
        )
    if found.missing:
        raise MigrationMissingError(
            "\n".join(
                f"{name}: is applied, but its file is now called {new}. Name it back; or, if the new name is meant: "
                f"{accept.format(new)}"
                if (new := found.renamed.get(name))
                else f"{name}: is applied, but has no file. Put it back, or use the release that has it; or, if it is "
                f"gone for good: {accept.format(name)}"
                for name in found.missing
            )
        )
    if found.out_of_order:
        raise MigrationOutOfOrderError(
            "\n".join(
                f"{paths[name]}: comes before {last}, which is applied already. Give it a number after that; or, if it "
                f"may run late: {accept.format(name)}"
                for name in found.out_of_order
            )
        )


def accept(
    connection: psycopg.Connection, migration_table: str, found: Drift, files: Iterable[File], names: Iterable[str]
) -> list[str]:
    """Accept what has drifted, by name; returns a line on each. Raises MigrationError for a name that is unknown."""
    by_id = {file.id: file for file in files}
    old_names = {new: old for old, new in found.renamed.items()}
    said = []
    for name in sorted(names):
        if name in old_names:
            _rename(connection, migration_table, old_names[name], by_id[name])
            said.append(f"accepted {name} as the new name of {old_names[name]}")
        elif name in found.edited:
            connection.execute(
                f"UPDATE public.{TABLE} SET checksum = %s, rollback_checksum = %s, note = %s WHERE migration_id = %s",  # noqa: S608
                [by_id[name].up.checksum, by_id[name].down.checksum, "accepted after an edit", name],
            )
            said.append(f"accepted {name} as its file is now")
        elif name in found.missing:
            connection.execute(f"UPDATE public.{TABLE} SET note = %s WHERE migration_id = %s", [_GONE, name])  # noqa: S608
            said.append(f"accepted that {name} has no file any more")
        elif name in found.out_of_order:
            said.append(f"accepted {name} out of its order")
        elif name not in by_id:
            raise MigrationError(f"there is no migration {name} to accept: give its file's name without .sql")
    return said


def _rename(connection: psycopg.Connection, migration_table: str, old: str, file: File) -> None:
    connection.execute(
        sql.SQL("UPDATE {} SET migration_id = %s, migration_hash = %s WHERE migration_id = %s").format(
            sql.Identifier("public", migration_table)
        ),
        [file.id, get_migration_hash(file.id), old],
    )
    connection.execute(
        f"UPDATE public.{TABLE} SET migration_id = %s, note = %s WHERE migration_id = %s",  # noqa: S608
        [file.id, f"was called {old}", old],
    )
