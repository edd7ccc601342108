"""The pool of this process: `db`, for code without asyncio. aio/database.py is the same for asyncio, side by side.

    from mathison_data import db

Nothing opens at import. The first query opens the pool, or `open()` does, and fails at once when the server is down.
A query run on `db` is one round trip: connections are in autocommit, and whether one is still alive is seen on its
socket. One object serves all threads, survives importlib.reload, and begins anew in a forked child.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from time import monotonic, sleep
from typing import Any, ClassVar, TypeAlias, cast

import psycopg
from psycopg import Cursor, IsolationLevel, OperationalError
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from mathison_data.pooling import VECTOR_TYPES, PoolOwner, PoolSettings, is_whole, register_vector_types

__all__ = ["Connection", "Database", "db"]

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
"""What is handed out: a plain psycopg connection."""


class Database(PoolOwner[ConnectionPool[Connection], Connection]):
    """A pool of connections to one database; services use the one of this module, `db`."""

    for_asyncio: ClassVar = False

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    def open(self) -> None:
        """Open the pool and wait until the server has answered; nothing happens when it is open already.

        Raises ConfigError when no database is configured, psycopg.OperationalError when the server cannot be reached.
        """
        self.give_back(self.borrow())

    def close(self, timeout: float = 5.0) -> None:
        """Close the pool, waiting up to `timeout` seconds for its workers; the next query opens it again.

        Connections in use go on, and are closed when they come back.
        """
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close(timeout)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a plain psycopg connection in autocommit for the length of a block.

        A transaction that was begun by hand is committed at the end, or rolled back on an error. Attributes such as
        row_factory are set back; what SET changed in the session is not. Raises what `borrow` raises.
        """
        connection = self.borrow()
        try:
            with connection:
                yield connection
        finally:
            try:
                self._restore(connection)
            finally:
                self.give_back(connection)

    @contextmanager
    def transaction(
        self, *, isolation_level: IsolationLevel | None = None, read_only: bool | None = None
    ) -> Iterator[Connection]:
        """Lend a plain psycopg connection in a transaction, which commits at the end of the block.

        An error in the block rolls it back; psycopg.Rollback does so without being raised further. `tx.transaction()`
        is a savepoint. Isolation level and read-only are the server's defaults when not given.
        """
        with self.connection() as connection:
            if isolation_level is not None:
                connection.isolation_level = isolation_level
            if read_only is not None:
                connection.read_only = read_only
            with connection.transaction():
                yield connection

    def borrow(self, *, proven: bool = False) -> Connection:
        """Take a connection out of the pool; whoever does must `give_back` it. Prefer `connection()`.

        With `proven` it has answered just now, which costs a round trip. Raises PoolExhaustedError when none came free
        within the configured wait, psycopg.OperationalError when the server refuses connections.
        """
        start = monotonic()
        pool = self._pool or self._open_pool()
        while True:
            connection = self._wait(pool, start)
            if is_whole(connection) and (not proven or self._answers(connection)):
                return connection
            connection.close()
            pool.putconn(connection)

    def give_back(self, connection: Connection) -> None:
        """Return a connection that `borrow` gave; one in a transaction is rolled back, a broken one is replaced."""
        owner = cast("ConnectionPool[Connection] | None", getattr(connection, "_pool", None))
        if owner is None:  # the process has forked meanwhile
            connection.close()
        else:
            owner.putconn(connection)

    def _wait(self, pool: ConnectionPool[Connection], start: float) -> Connection:
        waiting, this = self._waiting, object()
        waiting.add(this)
        try:
            for look in self._looks(start):
                with suppress(PoolTimeout):
                    return pool.getconn(look - monotonic())
                if refusal := self._refusal(start):
                    raise refusal
        finally:
            waiting.discard(this)
        raise self._exhausted()

    def _open_pool(self) -> ConnectionPool[Connection]:
        with self._lock:
            if self._pool is None:
                self._settings = found = PoolSettings.read(self._given).located()
                pool = ConnectionPool[Connection](
                    found.url or "",
                    connection_class=self._connection_class(),
                    kwargs=found.connect_arguments(),
                    min_size=found.min_size,
                    max_size=found.max_size,
                    timeout=found.timeout,
                    reconnect_timeout=0,  # the next checkout tries again, and tells the reason
                    name="mathison-data",
                    open=False,
                )
                self._watch_process()
                self._refused = None
                start = monotonic()
                pool.open()
                self._pool = pool
                while not self._settled(start):  # else the first checkout would ask for one connection more
                    sleep(0.002)
                if refusal := self._refusal(start):
                    raise refusal
            return self._pool

    def _connection_class(self) -> type[Connection]:
        """Return what the pool connects with: plain connections, of whose success and failure we learn."""
        owner = self

        class Connector(psycopg.Connection[Any]):
            @classmethod
            def connect(cls, conninfo: str = "", **arguments: Any) -> Connection:  # type: ignore[override]
                try:
                    connection = psycopg.Connection.connect(conninfo, **arguments)
                    try:
                        register_vector_types(connection, connection.execute(VECTOR_TYPES).fetchall())
                    except BaseException:
                        connection.close()
                        raise
                except OperationalError as error:
                    owner._refused = (monotonic(), error)
                    raise
                owner._connected(connection)
                return connection

        return Connector

    def _answers(self, connection: Connection) -> bool:
        try:
            connection.execute("")
        except OperationalError:
            return False
        return True

    def _restore(self, connection: Connection) -> None:
        if connection.closed:
            return
        if not connection.autocommit:
            connection.autocommit = True
        if connection.isolation_level is not None:
            connection.isolation_level = None
        if connection.read_only is not None:
            connection.read_only = None
        if connection.deferrable is not None:
            connection.deferrable = None
        connection.row_factory = tuple_row
        connection.cursor_factory = Cursor
        connection.prepare_threshold = 5 if self._settings.prepared_statements else None

    def _after_fork_in_child(self) -> None:
        self._lock = Lock()  # another thread of the parent may hold the old one
        super()._after_fork_in_child()

    def _at_exit(self) -> None:
        self.close(timeout=1.0)


def _single(there: Any) -> Database:
    """Return the object of an earlier load of this module, brought up to date, else a new one."""
    if there is None:
        return Database()
    there.__class__ = Database
    return cast(Database, there)


db: Database = _single(globals().get("db"))
"""The pool of this process."""
