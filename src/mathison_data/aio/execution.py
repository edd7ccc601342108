"""How one named query runs with asyncio: ../execution.py, awaited; that file says what a query is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from psycopg import AsyncConnection, AsyncCursor, AsyncServerCursor, OperationalError
from psycopg.adapt import AdaptersMap
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from mathison_data.execution import (
    ADAPTERS,
    STREAM_ROWS,
    Parameters,
    Query,
    Record,
    Rows,
    StringList,
    Vector,
    is_outdated,
    items,
    jsonb,
    learn,
    no_row,
    several,
    single,
    stream_name,
    vector,
    wrong_db,
)

if TYPE_CHECKING:
    from mathison_data.aio.database import AsyncDatabase

__all__ = [
    "Connectable",
    "Query",
    "Record",
    "StringList",
    "Vector",
    "execute",
    "execute_rows",
    "items",
    "jsonb",
    "many",
    "one",
    "optional",
    "stream",
    "vector",
]

R = TypeVar("R")
Connectable: TypeAlias = "AsyncDatabase | AsyncConnection[Any]"
_WANTED = "mathison_data.aio.db or a psycopg.AsyncConnection"


class _Cursor(AsyncCursor[tuple[Any, ...]]):
    """A cursor that gives tuples and leaves JSON as text."""

    __slots__ = ()

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        super().__init__(connection, row_factory=tuple_row)

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS


class _StreamCursor(AsyncServerCursor[tuple[Any, ...]]):
    __slots__ = ()

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS


async def one(db: Connectable, query: Query[R], parameters: Parameters) -> R:
    """Return the one row of a query. Raises NoRowError or TooManyRowsError when there is another number of them."""
    rows = await _run(db, query, parameters, _fetch, _kept_cursor)
    if not rows:
        raise no_row(query)
    return single(query, rows)


async def optional(db: Connectable, query: Query[R], parameters: Parameters) -> R | None:
    """Return the one row of a query, or None. Raises TooManyRowsError when there are several."""
    rows = await _run(db, query, parameters, _fetch, _kept_cursor)
    return single(query, rows) if rows else None


async def many(db: Connectable, query: Query[R], parameters: Parameters) -> list[R]:
    """Return all rows of a query."""
    return several(query, await _run(db, query, parameters, _fetch))


async def execute(db: Connectable, query: Query[Any], parameters: Parameters) -> None:
    """Run a query that returns nothing."""
    await _run(db, query, parameters, _nothing)


async def execute_rows(db: Connectable, query: Query[Any], parameters: Parameters) -> int:
    """Run a query that returns nothing, and return how many rows it changed."""
    return await _run(db, query, parameters, _rowcount)


@asynccontextmanager
async def stream(db: Connectable, query: Query[R], parameters: Parameters) -> AsyncIterator[AsyncIterator[R]]:
    """Give an iterator over the rows of a query, which come from the server in batches of STREAM_ROWS.

    The server keeps the cursor within a transaction: the one that the connection is in, else one of its own that ends
    with the block. The iterator is of no use after the block.
    """
    if not isinstance(db, AsyncConnection):
        if getattr(db, "for_asyncio", None) is not True:
            raise wrong_db(db, _WANTED)
        async with db.connection() as connection, stream(connection, query, parameters) as rows:
            yield rows
    elif db.info.transaction_status == TransactionStatus.IDLE:
        async with db.transaction(), stream(db, query, parameters) as rows:
            yield rows
    else:
        async with _StreamCursor(db, stream_name(query), row_factory=tuple_row) as cursor:
            await cursor.execute(query.statement, parameters)
            yield _batches(cursor, query)


async def _batches(cursor: _StreamCursor, query: Query[R]) -> AsyncIterator[R]:
    while rows := await cursor.fetchmany(STREAM_ROWS):
        if query.reader is None:
            learn(query, cursor)
        for record in several(query, rows):
            yield record


async def _run(
    db: Connectable,
    query: Query[Any],
    parameters: Parameters,
    work: Callable[[_Cursor, Query[Any], Parameters], Awaitable[R]],
    cursor_of: Callable[[AsyncConnection[Any]], _Cursor] = _Cursor,
) -> R:
    if isinstance(db, AsyncConnection):
        return await work(_Cursor(db), query, parameters)
    if getattr(db, "for_asyncio", None) is not True:
        raise wrong_db(db, _WANTED)
    connection = await db.borrow()
    try:
        return await work(cursor_of(connection), query, parameters)
    except FeatureNotSupported as error:
        if not is_outdated(error, connection):
            raise
        return await _run_unprepared(connection, query, parameters, work, cursor_of)
    except OperationalError:
        if not (query.reads and connection.closed):
            raise
    finally:
        await db.give_back(connection)
    connection = await db.borrow(proven=True)
    try:
        return await work(cursor_of(connection), query, parameters)
    finally:
        await db.give_back(connection)


async def _run_unprepared(
    connection: AsyncConnection[Any],
    query: Query[Any],
    parameters: Parameters,
    work: Callable[[_Cursor, Query[Any], Parameters], Awaitable[R]],
    cursor_of: Callable[[AsyncConnection[Any]], _Cursor],
) -> R:
    """Run a query whose prepared statement is outdated, and close the connection: the pool makes a new one."""
    try:
        connection.prepare_threshold = None
        cursor = cursor_of(connection)
        result = await work(cursor, query, parameters)
        if query.reader is not None:
            learn(query, cursor)
        return result
    finally:
        await connection.close()


def _kept_cursor(connection: AsyncConnection[Any]) -> _Cursor:
    """Return the cursor that stays with a connection of the pool: to make one takes a tenth of a look-up.

    It keeps its last result until the next one, so it is for single rows; nobody else has the connection meanwhile.
    """
    cursor: _Cursor | None = getattr(connection, "_mathison_cursor", None)
    if cursor is None:
        cursor = _Cursor(connection)
        connection._mathison_cursor = cursor  # type: ignore[attr-defined]
    return cursor


async def _fetch(cursor: _Cursor, query: Query[Any], parameters: Parameters) -> Rows:
    await cursor.execute(query.statement, parameters)
    if query.reader is None:
        learn(query, cursor)
    return await cursor.fetchall()


async def _nothing(cursor: _Cursor, query: Query[Any], parameters: Parameters) -> None:
    await cursor.execute(query.statement, parameters)


async def _rowcount(cursor: _Cursor, query: Query[Any], parameters: Parameters) -> int:
    return (await cursor.execute(query.statement, parameters)).rowcount
