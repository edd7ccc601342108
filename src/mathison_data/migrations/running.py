"""Runs one migration on one session: whole or not at all, patiently, and with errors that say where."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

from mathison_data.errors import MigrationFailedError
from mathison_data.migrations import lock
from mathison_data.migrations.files import Script, Statement
from mathison_data.migrations.options import Options
from mathison_data.migrations.sessions import Watcher, mask
from mathison_data.server import one_line
from mathison_data.settings import DatabaseUrl

# The server looks this often whether the client of a running statement is still there; not every platform can.
_ORPHAN_CHECK = "client_connection_check_interval = '1s'"
# Locks must not stay with a client that is stopped, or cut off, between two statements.
_IDLE_LIMIT = "idle_in_transaction_session_timeout = '60s'"
_LONGEST_PAUSE_SECONDS = 8.0
# So many statements are sent at once.
_BATCH = 500

_INVALID_INDEXES = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE NOT indisvalid AND indrelid NOT IN (SELECT oid FROM pg_class WHERE relkind = 'p')
"""


def prepare_session(connection: psycopg.Connection) -> str:
    """Set what every migration may rely on, whatever role, database or URL say; return the statements that did it."""
    settings = ["search_path TO public", "standard_conforming_strings = on", _ORPHAN_CHECK, _IDLE_LIMIT]
    accepted = []
    for setting in settings:
        with suppress(psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SET {setting}")
            accepted.append(f"SET {setting}")
    return "; ".join(accepted)


class Run:
    """A script on its way into the database."""

    def __init__(
        self,
        connection: psycopg.Connection,
        target: DatabaseUrl,
        script: Script,
        options: Options,
        session: str,
        say: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._target = target
        self._script = script
        self._options = options
        self._session = session
        self._say = say
        self._at: Statement | None = None
        self._at_end = False

    def whole(self, finish: Callable[[int], None]) -> int:
        """Run it, and `finish` it with its duration in the same transaction; return the duration in milliseconds.

        One that gets no lock is undone and tried again. Raises MigrationFailedError.
        """
        started = time.monotonic()
        pause, attempts, blockers = 0.25, 0, ""
        while True:
            attempts += 1
            # A wait is short where a file sets a short limit: from the second time on, look from the beginning.
            delay = 0 if attempts > 1 else min(0.5, self._options.lock_timeout / 2)
            with Watcher(self._target, self._connection.info.backend_pid, delay, self._say) as watcher:
                try:
                    return self._attempt(finish)
                except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                    failure = error
                except psycopg.Error as error:
                    raise MigrationFailedError(self._message(error)) from error
            blockers = watcher.blockers or blockers
            wait = pause * random.uniform(0.75, 1.25)  # noqa: S311
            if time.monotonic() + wait > started + self._options.retry_for:
                tries = f"tried {attempts} times in {time.monotonic() - started:.0f} s"
                who = f". The lock is held by {blockers}: end that, or try later" if blockers else ""
                raise MigrationFailedError(
                    f"{self._message(failure)} ({tries}; MATHISON_MIGRATE_RETRY_FOR, in seconds, tries longer){who}"
                ) from failure
            self._say(f"{self._where()}: {one_line(failure)}; nothing of it stays, trying again in {wait:.1f} s")
            time.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def within(self, deadline: float) -> None:
        """Run it once in the transaction that is open, until `deadline` at the most, whatever limits the file sets.

        Raises MigrationFailedError, with psycopg's error as its cause.
        """
        try:
            for statement in self._script.statements:
                self._at = statement
                left = int((deadline - time.monotonic()) * 1000)
                if left <= 0:
                    raise psycopg.errors.QueryCanceled("no time is left")
                self._connection.execute(
                    "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true), "
                    "set_config('idle_in_transaction_session_timeout', %s, true)",
                    [str(left), str(min(left, round(self._options.lock_timeout * 1000))), str(left)],
                )
                self._execute([statement])
            self._restore()
        except psycopg.Error as error:
            raise MigrationFailedError(self._message(error)) from error

    def _attempt(self, finish: Callable[[int], None]) -> int:
        self._at, self._at_end = None, False
        if not self._script.transactional:
            return self._alone(finish)
        started = time.monotonic()
        with self._connection.transaction():
            lock.claim(self._connection)
            self._connection.execute(f"SET LOCAL lock_timeout = {self._options.lock_timeout * 1000:.0f}")
            for at in range(0, len(self._script.statements), _BATCH):
                self._execute(self._script.statements[at : at + _BATCH])
            self._at_end = True
            self._restore()
            duration = round((time.monotonic() - started) * 1000)
            finish(duration)
        return duration

    def _alone(self, finish: Callable[[int], None]) -> int:
        """Run what cannot be in a transaction; it is marked only when it has left no INVALID index behind."""
        started = time.monotonic()
        before = self._invalid_indexes()
        patience = self._options.lock_timeout
        if any(re.search(r"\bconcurrently\b", sql, re.IGNORECASE) for _, sql in self._script.statements):
            # To wait with CONCURRENTLY stands in nobody's way, and to begin it anew costs a scan of the table.
            patience = max(self._options.retry_for, patience)
        self._connection.execute(f"SET lock_timeout = {patience * 1000:.0f}")
        try:
            for statement in self._script.statements:
                self._execute([statement])
        finally:
            if not self._connection.closed:
                self._restore()
        self._at_end = True
        if invalid := self._invalid_indexes() - before:
            raise MigrationFailedError(
                f"{self._script.path}: left INVALID: {', '.join(sorted(invalid))}; not marked as applied. "
                "DROP INDEX CONCURRENTLY it, and run this again"
            )
        duration = round((time.monotonic() - started) * 1000)
        with self._connection.transaction():
            lock.claim(self._connection)
            finish(duration)
        return duration

    def _execute(self, statements: Sequence[Statement]) -> None:
        """Run statements one after the other, by the protocol in which the server itself refuses two in one.

        They are sent without waiting for each other's answer; after one that fails the server skips the rest.
        """
        sent: list[psycopg.Cursor] = []
        try:
            with self._connection.pipeline():
                for statement in statements:
                    cursor = self._connection.cursor()
                    sent.append(cursor)
                    cursor.execute(statement.sql)
        except psycopg.Error:
            if len(statements) == 1:
                self._at = statements[0]
            elif not self._connection.closed:  # else no answer was read, and it may have been at any of them
                answered = next((n for n, cursor in enumerate(sent) if cursor.pgresult is None), len(sent) - 1)
                self._at = statements[answered]
            raise

    def _restore(self) -> None:
        """Undo what a file has set for the session: the bookkeeping and the next file must not run under it."""
        self._connection.execute(f"RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; {self._session}")

    def _invalid_indexes(self) -> set[str]:
        return {row[0] for row in self._connection.execute(_INVALID_INDEXES)}

    def _where(self, error: psycopg.Error | None = None) -> str:
        if self._at is None:
            return str(self._script.path)
        line = self._at.line
        if error and (position := error.diag.statement_position):
            line += self._at.sql.count("\n", 0, int(position) - 1)
        return f"{self._script.path}:{line}"

    def _message(self, error: psycopg.Error) -> str:
        context = (error.diag.context or "").splitlines()
        parts = [f"{self._where(error)}: {mask(one_line(error))}"]
        if context and context[0].startswith("PL/pgSQL"):
            parts.append(f" ({context[0]})")
        parts.append(_what_to_do(error))
        if self._at:
            text = mask(" ".join(self._at.sql.split()))
            parts.append(f". Statement: {text if len(text) <= 100 else text[:100] + ' ...'}")
        elif self._at_end:
            parts.append(" (at the end, when it was to be committed)")
        if isinstance(error, psycopg.OperationalError) and self._connection.closed:
            parts.append(". The connection is lost; what was begun is undone: run it again")
        return "".join(parts)


def _what_to_do(error: psycopg.Error) -> str:
    if "extension" not in str(error):
        return ""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ". A superuser must run in this database: CREATE EXTENSION vector WITH SCHEMA public;"
    if isinstance(error, psycopg.errors.FeatureNotSupported | psycopg.errors.UndefinedFile):
        return ". Install pgvector on the server: package postgresql-18-pgvector, or image pgvector/pgvector:pg18"
    return ""
