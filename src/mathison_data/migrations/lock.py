"""One runner at a time, by an advisory lock that dies with its session.

Nobody waits for it inside of the server: a session that does so holds a snapshot, for which the CREATE INDEX
CONCURRENTLY of the run that it waits for would wait in turn. The row in yoyo_lock is kept as well, for a yoyo that
runs on another backend knows nothing else; its pid is the server's process of our session, negative, so that it can
be told from the row of such a yoyo, which holds the pid of a client on an unknown host.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from mathison_data.errors import MigrationLockedError
from mathison_data.migrations.sessions import describe

KEY = int.from_bytes(b"mathison", "big")
# Every session of ours shares this one, to tell it from the sessions that a foreign lock row may belong to.
_MEMBER_KEY = KEY + 1
_POLL_SECONDS = 0.2
_SAY_AGAIN_SECONDS = 15
# How far a client's clock, which dates the row, may be behind the server's.
_CLOCK_TOLERANCE = "5 minutes"

_HOLDERS = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32 | objid::bigint) = %s
"""

# yoyo leaves its session idle after one of these while another one, or it itself, works.
_POSSIBLE_OWNERS = f"""
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND coalesce(backend_start AT TIME ZONE 'UTC' <= %s::timestamp + interval '{_CLOCK_TOLERANCE}', true)
  AND (
    state IS NULL OR application_name = 'mathison-data'
    OR query ~* 'yoyo|migration_hash|current_schema|information_schema.tables|^\\s*(BEGIN|COMMIT|ROLLBACK)\\s*$'
  )
  AND pid NOT IN ({_HOLDERS})
"""  # noqa: S608


@contextmanager
def held(connection: psycopg.Connection, wait: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the migrations. Raises MigrationLockedError when others hold it for `wait` seconds."""
    connection.execute("SELECT pg_try_advisory_lock_shared(%s)", [_MEMBER_KEY])
    try:
        _acquire(connection, wait, say)
        yield
    finally:
        with suppress(psycopg.Error):  # the session is gone, and the lock with it
            if not connection.closed:
                connection.execute("DELETE FROM public.yoyo_lock WHERE pid = %s", [-connection.info.backend_pid])
        with suppress(psycopg.Error):
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock_all()")


def claim(connection: psycopg.Connection) -> None:
    """Make sure, inside of a transaction, that no other runner works: the lock's last line of defence.

    The session that holds the lock gets it again. Behind a pooler that changes sessions the lock may be another's.
    """
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [KEY]).fetchone()
    if not row or not row[0]:
        raise MigrationLockedError(
            "the lock of the migrations was lost to another run: is there a pooler in transaction mode "
            "between? Point DATABASE_URL at the server itself"
        )


def holder(connection: psycopg.Connection) -> str | None:
    """Say who holds the lock; None when nobody does."""
    pids = [row[0] for row in connection.execute(_HOLDERS, [KEY])]
    return (describe(connection, pids) or f"pid {pids[0]}") if pids else None


def remove_row(connection: psycopg.Connection, say: Callable[[str], None]) -> None:
    """Remove a lock row that was left over, but none of a run of ours that lives."""
    if owner := holder(connection):
        raise MigrationLockedError(f"the lock is not left over, its owner lives: {owner}. Wait, or end that session")
    removed = connection.execute("DELETE FROM public.yoyo_lock RETURNING pid").fetchall()
    say("removed the lock row" if removed else "there is no lock to break: it goes with its session")


def _acquire(connection: psycopg.Connection, wait: float, say: Callable[[str], None]) -> None:
    started = time.monotonic()
    said_at = -float(_SAY_AGAIN_SECONDS)
    while True:
        owner = _try(connection, say)
        if owner is None:
            return
        waited = time.monotonic() - started
        if waited >= wait:
            raise MigrationLockedError(
                f"another run holds the lock, and {wait:g} s are over: {owner}. Wait for it and run this again "
                "(MATHISON_MIGRATE_LOCK_WAIT, in seconds, waits longer)"
            )
        if waited - said_at >= _SAY_AGAIN_SECONDS:
            say(f"waiting for another run, up to {wait:g} s: {owner}")
            said_at = waited
        time.sleep(min(_POLL_SECONDS * random.uniform(0.5, 1.5), max(0.01, wait - waited)))  # noqa: S311


def _try(connection: psycopg.Connection, say: Callable[[str], None]) -> str | None:
    """Take the lock, or say who has it."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [KEY]).fetchone()
    if not row or not row[0]:
        return holder(connection) or "it has just ended"
    owner = _enter_row(connection, say)
    if owner:
        connection.execute("SELECT pg_advisory_unlock(%s)", [KEY])
    return owner


def _enter_row(connection: psycopg.Connection, say: Callable[[str], None]) -> str | None:
    """Enter our row, in the place of one whose owner is gone; say who the owner may be when it is not."""
    exists = connection.execute("SELECT to_regclass('public.yoyo_lock')").fetchone()
    if not exists or exists[0] is None:
        with suppress(psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation):  # a yoyo was quicker
            connection.execute(
                "CREATE TABLE public.yoyo_lock (locked int DEFAULT 1 PRIMARY KEY, ctime timestamp, pid int NOT NULL)"
            )
    row = connection.execute("SELECT pid, ctime FROM public.yoyo_lock WHERE locked = 1").fetchone()
    if row:
        pid, ctime = row
        # A negative pid is ours, and with the advisory lock in our hands no other run of ours is alive.
        pids = [] if pid < 0 else [found[0] for found in connection.execute(_POSSIBLE_OWNERS, [ctime, _MEMBER_KEY])]
        if pids:
            return (
                f"yoyo, client process {pid}, since {ctime} UTC, whose session may be one of these: "
                f"{describe(connection, pids)} (if it is gone for good: yoyo break-lock)"
            )
        say(f"removed a lock that was left over, of {f'server process {-pid}' if pid < 0 else f'process {pid}'}")
        connection.execute(
            "DELETE FROM public.yoyo_lock WHERE pid = %s AND ctime IS NOT DISTINCT FROM %s", [pid, ctime]
        )
    entered = connection.execute(
        "INSERT INTO public.yoyo_lock (locked, ctime, pid) "
        "VALUES (1, clock_timestamp() AT TIME ZONE 'UTC', %s) ON CONFLICT DO NOTHING",
        [-connection.info.backend_pid],
    )
    return None if entered.rowcount else "yoyo, which was quicker by a moment"
