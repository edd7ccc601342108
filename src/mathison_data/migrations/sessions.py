"""Says who another session of the server is, for whoever has to wait for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

import psycopg

from mathison_data.errors import MathisonDataError
from mathison_data.server import connect
from mathison_data.settings import DatabaseUrl

_POLL_SECONDS = 0.02
_READY_SECONDS = 5
_QUERY_NAME = re.compile(r"\s*/\*\s*([\w.]+)\s*\*/")

# A string may be cut off, and go on in the next line; within a string the quotes of another are doubled.
_PASSWORD = re.compile(
    r"""
    (password \s* (=)? \s*)
    (?: ''[^']+(?:'')?
      | (?: E'(?:[^'\\]|\\.|'')*'? | (?:U&)?'(?:[^']|'')*'? ) (?: \s+ '(?:[^']|'')*'? )*
      | \$(\w*)\$ .*? (?: \$\3\$ | \Z )
      | (?(2) [^\s']+ | (?!) ) )
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_URL_PASSWORD = re.compile(r"(://[^\s:/@']*:)[^\s']+(?=@)")


def describe(connection: psycopg.Connection, pids: Sequence[int]) -> str:
    """Return one phrase a session: pid, application, user, what it runs, and since when it is at it."""
    rows = connection.execute(
        """
        SELECT pid, application_name, usename, state, query,
          to_char(coalesce(xact_start, state_change, backend_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
        FROM unnest(%s::int[]) AS pid LEFT JOIN pg_stat_activity AS activity USING (pid)
        WHERE pid <> 0 AND activity.pid IS NOT NULL
        ORDER BY coalesce(xact_start, backend_start)
        """,
        [list(pids)],
    )
    phrases = [_phrase(*row) for row in rows]
    if 0 in pids:
        phrases.append("a prepared transaction (see pg_prepared_xacts)")
    return "; ".join(phrases)


def _phrase(
    pid: int, application: str | None, user: str | None, state: str | None, query: str | None, since: str
) -> str:
    parts = [f"pid {pid}"]
    if application:
        parts.append(f"application {application}")
    if user:
        parts.append(f"user {user}")
    if state is None:
        parts.append("what it does is hidden from this role (GRANT pg_read_all_stats shows it)")
    else:
        named = _QUERY_NAME.match(query or "")
        text = named.group(1) if named else mask(" ".join((query or "nothing yet").split()))[:80]
        parts.append(f"{'running' if state == 'active' else f'{state}, last ran'} {text}")
    if since:
        parts.append(f"since {since}")
    return ", ".join(parts)


def mask(sql: str) -> str:
    """Return a statement with its passwords blotted out."""
    return _URL_PASSWORD.sub(r"\1***", _PASSWORD.sub(r"\1***", sql))


class Watcher:
    """Looks, on a connection of its own, for whom a session waits; it opens none before `delay` seconds are over.

    Without a delay it is looking when the `with` begins. `blockers` tells whom it saw last. PostgreSQL tells it only
    while the wait lasts, so it is looked up meanwhile.
    """

    def __init__(self, target: DatabaseUrl, pid: int, delay: float, say: Callable[[str], None]) -> None:
        self.blockers = ""
        self._target = target
        self._pid = pid
        self._delay = delay
        self._say = say
        self._stop = threading.Event()
        self._looking = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lock watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        if self._delay == 0:
            self._looking.wait(_READY_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)

    def _watch(self) -> None:
        if self._stop.wait(self._delay):
            return
        said: set[int] = set()
        try:
            with connect(self._target) as connection:
                self._looking.set()
                while True:
                    row = connection.execute("SELECT pg_blocking_pids(%s)", [self._pid]).fetchone()
                    if row and row[0] and (found := describe(connection, row[0])):
                        self.blockers = found
                        if not said.issuperset(row[0]):
                            self._say(f"  waiting for a lock of {found}")
                            said.update(row[0])
                    if self._stop.wait(_POLL_SECONDS):
                        return
        except (psycopg.Error, MathisonDataError):
            self._looking.set()  # whom it waits for is good to know, but no reason to fail
