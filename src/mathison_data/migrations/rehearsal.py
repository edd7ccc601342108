"""Running pending migrations to see what they do: for good on a scratch database, never for good on a live one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg

from mathison_data.errors import MigrationLockedError
from mathison_data.migrations import lock
from mathison_data.migrations.files import File
from mathison_data.migrations.observe import Observation, Observer
from mathison_data.migrations.sessions import Watcher
from mathison_data.server import connect, one_line
from mathison_data.settings import DatabaseUrl

# A waiting ALTER TABLE holds up every query behind it, so on a live database it waits only for a moment.
LIVE_LOCK_TIMEOUT_MILLISECONDS = 300
# From then on it is asked whom we wait for.
WATCH_AFTER_SECONDS = 0.05


@dataclass
class Statement:
    """One statement of a file and what it did, or the error with which PostgreSQL refused it."""

    line: int
    sql: str
    observation: Observation | None = None
    error: str | None = None
    failed_after_milliseconds: float = 0.0

    @property
    def milliseconds(self) -> float:
        """How long it took, to its end or to its error."""
        return self.observation.milliseconds if self.observation else self.failed_after_milliseconds


@dataclass
class Rehearsal:
    """One migration as it was rehearsed, `on` the scratch database or the target.

    `not_rehearsed` says why it was not run, or, on the scratch database, why it was not run on the target too.
    """

    id: str
    path: str
    transactional: bool
    on: str
    statements: list[Statement] = field(default_factory=list)
    not_rehearsed: str | None = None
    squawk: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, file: File, on: str) -> Rehearsal:
        """Begin the rehearsal of a file."""
        return cls(file.id, str(file.path), file.transactional, on)

    @property
    def failed(self) -> Statement | None:
        """The statement that PostgreSQL refused, if any."""
        return next((statement for statement in self.statements if statement.error), None)

    @property
    def milliseconds(self) -> float:
        """How long its statements took together."""
        return sum(statement.milliseconds for statement in self.statements)


def on_scratch(pending: Sequence[File], url: DatabaseUrl) -> list[Rehearsal]:
    """Run each file as it will be run, and commit it; what comes after one that fails is not rehearsed."""
    rehearsals: list[Rehearsal] = []
    failed: str | None = None
    with connect(url) as connection:
        observer = Observer(connection)
        for file in pending:
            rehearsal = Rehearsal.of(file, "scratch")
            rehearsals.append(rehearsal)
            if failed:
                rehearsal.not_rehearsed = f"it comes after {failed}, which failed"
            elif file.transactional:
                observer.begin()
                _run(file, rehearsal, observer.run)
                _end(connection, rehearsal, "COMMIT")
            else:
                with connect(url) as watcher:
                    _run(file, rehearsal, partial(observer.run_alone, watcher=watcher))
            failed = failed or (file.id if rehearsal.failed else None)
    return rehearsals


def on_target(pending: Sequence[File], target: DatabaseUrl, budget: float) -> list[Rehearsal]:
    """Run the files up to the first non-transactional one in one transaction, and roll it back.

    The server itself ends it in time if we die, hang or lose the connection: each statement has what is left of the
    budget, and an idle transaction too. What no rollback undoes, a migration must not do: setval, dblink, a NOTIFY
    to the outside.
    """
    rehearsals = [Rehearsal.of(file, "target") for file in pending]
    with connect(target) as connection:
        _guard(connection, budget)
        observer = Observer(connection)
        deadline = time.monotonic() + budget
        observer.begin()
        reason: str | None = None
        try:
            _keep_runners_out(connection)
            for file, rehearsal in zip(pending, rehearsals, strict=True):
                if reason is None and not file.transactional:
                    rehearsal.not_rehearsed = "it runs outside a transaction, so that no rollback would undo it"
                    reason = f"it comes after {file.id}, which was not rehearsed"
                elif reason is not None:
                    rehearsal.not_rehearsed = reason
                else:
                    with Watcher(target, connection.info.backend_pid, WATCH_AFTER_SECONDS, lambda _line: None) as who:
                        _run(file, rehearsal, partial(_run_within, connection, observer, deadline), who)
                    _end(connection, rehearsal, "SET CONSTRAINTS ALL IMMEDIATE")
                    reason = f"it comes after {file.id}, which failed" if rehearsal.failed else None
        finally:
            with suppress(psycopg.Error):  # the server has ended the transaction itself
                connection.execute("ROLLBACK")
    return rehearsals


def _run(file: File, rehearsal: Rehearsal, observe: Callable[[str], Observation], who: Watcher | None = None) -> None:
    for line, sql in file.statements:
        statement = Statement(line, sql)
        rehearsal.statements.append(statement)
        started = time.perf_counter()
        try:
            statement.observation = observe(sql)
        except psycopg.Error as error:
            statement.failed_after_milliseconds = (time.perf_counter() - started) * 1000
            statement.error = explain(error, who.blockers if who else "")
            return


def _end(connection: psycopg.Connection, rehearsal: Rehearsal, command: str) -> None:
    """End a file's transaction, where constraints that were deferred are checked."""
    try:
        connection.execute("ROLLBACK" if rehearsal.failed and command == "COMMIT" else command)
    except psycopg.Error as error:
        if not rehearsal.failed:
            rehearsal.statements[-1].error = f"at the end of the file: {explain(error)}"


def _guard(connection: psycopg.Connection, budget: float) -> None:
    whole = int(budget * 1000)
    connection.execute(f"SET idle_in_transaction_session_timeout = {whole}")
    if connection.info.server_version >= 170000:
        connection.execute(f"SET transaction_timeout = {whole + 500}")
    with suppress(psycopg.Error):  # not every platform can tell that a client is gone
        connection.execute("SET client_connection_check_interval = 100")


def _run_within(connection: psycopg.Connection, observer: Observer, deadline: float, sql: str) -> Observation:
    """Run one statement within what is left of the budget, whatever timeouts the file itself has set."""
    left = max(1, int((deadline - time.monotonic()) * 1000))
    connection.execute(f"SET LOCAL statement_timeout = {left}")
    connection.execute(f"SET LOCAL lock_timeout = {min(left, LIVE_LOCK_TIMEOUT_MILLISECONDS)}")
    return observer.run(sql)


def _keep_runners_out(connection: psycopg.Connection) -> None:
    """Take the runners' lock for this transaction. Raises MigrationLockedError when one is at work."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock.KEY]).fetchone()
    if not row or not row[0]:
        owner = lock.holder(connection) or "it has just ended"
        raise MigrationLockedError(f"a run of the migrations is at work, so nothing is rehearsed live: {owner}")


def explain(error: psycopg.Error, blockers: str = "") -> str:
    """Return PostgreSQL's words on one line, and what they mean for a rehearsal."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return f"{one_line(error)}: {blockers or 'another session'} holds it; rehearse again at a quieter moment"
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.IdleInTransactionSessionTimeout):
        return f"{one_line(error)}: the budget of time for the rehearsal is used up"
    if isinstance(error, psycopg.errors.UnsafeNewEnumValueUsage):
        return f"{one_line(error)}: rehearsed in one transaction, it cannot see the value that is added before it"
    return one_line(error)
