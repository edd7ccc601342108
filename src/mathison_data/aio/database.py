"""The pool of this process: `db`, for code with asyncio. ../database.py is the same without, side by side.

    from mathison_data.aio import db

Nothing opens at import. The first query opens the pool, or `open()` does, and fails at once when the server is down.
A query run on `db` is one round trip: connections are in autocommit, and whether one is still alive is seen on its
socket. One object survives importlib.reload, and begins anew in a forked child.

A pool belongs to the event loop that it was opened in. In another loop, such as that of the next asyncio.run() or the
next test, it begins anew, unless the former loop is running still: then it raises ConfigError.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, ClassVar, TypeAlias, cast

import psycopg
from psycopg import AsyncCursor, IsolationLevel, OperationalError
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from mathison_data.errors import ConfigError
from mathison_data.pooling import VECTOR_TYPES, PoolOwner, PoolSettings, is_whole, register_vector_types

__all__ = ["AsyncConnection", "AsyncDatabase", "db"]

AsyncConnection: TypeAlias = "psycopg.AsyncConnection[tuple[Any, ...]]"
"""What is handed out: a plain psycopg connection."""


class AsyncDatabase(PoolOwner[AsyncConnectionPool[AsyncConnection], AsyncConnection]):
    """A pool of connections to one database; services use the one of this module, `db`."""

    for_asyncio: ClassVar = True

    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the pool and wait until the server has answered; nothing happens when it is open already.

        Raises ConfigError when no database is configured, psycopg.OperationalError when the server cannot be reached.
        """
        await self.give_back(await self.borrow())

    async def close(self, timeout: float = 5.0) -> None:
        """Close the pool, waiting up to `timeout` seconds for its workers; the next query opens it again.

        Connections in use go on, and are closed when they come back.
        """
        if self._pool is not None and self._loop is not asyncio.get_running_loop():
            self._leave_loop()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(timeout)
            if self._watcher is not None:
                self._watcher.cancel()
                await asyncio.wait([self._watcher])

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Lend a plain psycopg connection in autocommit for the length of a block.

        A transaction that was begun by hand is committed at the end, or rolled back on an error. Attributes such as
        row_factory are set back; what SET changed in the session is not. Raises what `borrow` raises.
        """
        connection = await self.borrow()
        try:
            async with connection:
                yield connection
        finally:
            try:
                await self._restore(connection)
            finally:
                await self.give_back(connection)

    @asynccontextmanager
    async def transaction(
        self, *, isolation_level: IsolationLevel | None = None, read_only: bool | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """Lend a plain psycopg connection in a transaction, which commits at the end of the block.

        An error in the block rolls it back; psycopg.Rollback does so without being raised further. `tx.transaction()`
        is a savepoint. Isolation level and read-only are the server's defaults when not given.
        """
        async with self.connection() as connection:
            if isolation_level is not None:
                await connection.set_isolation_level(isolation_level)
            if read_only is not None:
                await connection.set_read_only(read_only)
            async with connection.transaction():
                yield connection

    async def borrow(self, *, proven: bool = False) -> AsyncConnection:
        """Take a connection out of the pool; whoever does must `give_back` it. Prefer `connection()`.

        With `proven` it has answered just now, which costs a round trip. Raises PoolExhaustedError when none came free
        within the configured wait, psycopg.OperationalError when the server refuses connections.
        """
        start = monotonic()
        pool = self._pool if self._loop is asyncio.get_running_loop() else None
        pool = pool or await self._open_pool()
        while True:
            connection = await self._wait(pool, start)
            if is_whole(connection) and (not proven or await self._answers(connection)):
                return connection
            await connection.close()
            await pool.putconn(connection)

    async def give_back(self, connection: AsyncConnection) -> None:
        """Return a connection that `borrow` gave; one in a transaction is rolled back, a broken one is replaced."""
        owner = cast("AsyncConnectionPool[AsyncConnection] | None", getattr(connection, "_pool", None))
        if owner is None:  # the process has forked meanwhile
            await connection.close()
        else:
            await owner.putconn(connection)

    async def _wait(self, pool: AsyncConnectionPool[AsyncConnection], start: float) -> AsyncConnection:
        waiting, this = self._waiting, object()
        waiting.add(this)
        try:
            for look in self._looks(start):
                with suppress(PoolTimeout):
                    return await pool.getconn(look - monotonic())
                if refusal := self._refusal(start):
                    raise refusal
        finally:
            waiting.discard(this)
        raise self._exhausted()

    async def _open_pool(self) -> AsyncConnectionPool[AsyncConnection]:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._leave_loop()
            self._loop = loop
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._pool is None:
                self._settings = found = PoolSettings.read(self._given).located()
                pool = AsyncConnectionPool[AsyncConnection](
                    found.url or "",
                    connection_class=self._connection_class(),
                    kwargs=found.connect_arguments(),
                    min_size=found.min_size,
                    max_size=found.max_size,
                    timeout=found.timeout,
                    reconnect_timeout=0,  # the next checkout tries again, and tells the reason
                    name=f"mathison-data-{id(self):x}",
                    open=False,
                )
                self._watch_process()
                self._refused = None
                start = monotonic()
                self._watcher = loop.create_task(_watch_loop(pool.name), name=f"{pool.name}-watcher")
                await pool.open()
                self._pool = pool
                while not self._settled(start):  # else the first checkout would ask for one connection more
                    await asyncio.sleep(0.002)
                if refusal := self._refusal(start):
                    raise refusal
            return self._pool

    def _leave_loop(self) -> None:
        """Let go of a pool whose loop has ended: nothing in it can be awaited any more.

        Raises ConfigError when that loop is running, in another thread.
        """
        if self._loop is None or self._pool is None:
            return
        if self._loop.is_running():
            raise ConfigError(
                "the async pool is open in another event loop, which is still running: use it there, "
                "or close() it there first. One process has one async pool"
            )
        pool, self._pool = self._pool, None
        self._waiting = set()
        if not self._loop.is_closed():
            for task in asyncio.all_tasks(self._loop):
                if task.get_name().startswith(pool.name):
                    task.cancel()
        self._hang_up()

    def _connection_class(self) -> type[AsyncConnection]:
        """Return what the pool connects with: plain connections, of whose success and failure we learn."""
        owner = self

        class Connector(psycopg.AsyncConnection[Any]):
            @classmethod
            async def connect(cls, conninfo: str = "", **arguments: Any) -> AsyncConnection:  # type: ignore[override]
                try:
                    connection = await psycopg.AsyncConnection.connect(conninfo, **arguments)
                    try:
                        cursor = await connection.execute(VECTOR_TYPES)
                        register_vector_types(connection, await cursor.fetchall())
                    except BaseException:
                        await connection.close()
                        raise
                except OperationalError as error:
                    owner._refused = (monotonic(), error)
                    raise
                owner._connected(connection)
                return connection

        return Connector

    async def _answers(self, connection: AsyncConnection) -> bool:
        try:
            await connection.execute("")
        except OperationalError:
            return False
        return True

    async def _restore(self, connection: AsyncConnection) -> None:
        if connection.closed:
            return
        if not connection.autocommit:
            await connection.set_autocommit(True)
        if connection.isolation_level is not None:
            await connection.set_isolation_level(None)
        if connection.read_only is not None:
            await connection.set_read_only(None)
        if connection.deferrable is not None:
            await connection.set_deferrable(None)
        connection.row_factory = tuple_row
        connection.cursor_factory = AsyncCursor
        connection.prepare_threshold = 5 if self._settings.prepared_statements else None

    def _after_fork_in_child(self) -> None:
        self._loop = None  # the parent's loop does not run here, though it may look so
        super()._after_fork_in_child()

    def _at_exit(self) -> None:
        self._pool = None
        self._hang_up()


async def _watch_loop(pool_name: str) -> None:
    """Wait until the loop cancels its tasks, as asyncio.run() does at its end, and see to it that the pool's do end.

    A worker that is cancelled in the middle of its work takes that for a failure of the work, and waits for more; the
    loop would wait for the worker for ever.
    """
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task() and task.get_name().startswith(pool_name):
                _cancel_until_done(task)


def _cancel_until_done(task: asyncio.Task[Any]) -> None:
    if not task.done():
        task.cancel()
        asyncio.get_running_loop().call_later(0.01, _cancel_until_done, task)


def _single(there: Any) -> AsyncDatabase:
    """Return the object of an earlier load of this module, brought up to date, else a new one."""
    if there is None:
        return AsyncDatabase()
    there.__class__ = AsyncDatabase
    return cast(AsyncDatabase, there)


db: AsyncDatabase = _single(globals().get("db"))
"""The pool of this process, for the event loop that is running."""
