"""How one named query runs: the only hot path, and what the generated modules are made of.

A query runs on what it is given. On the pool `db` it borrows a connection, runs, and gives it back; on a connection it
runs there, within the transaction that is open, if any. Nothing of that connection is changed: rows are read by a
cursor of our own, so its row factory and its loaders stay as they are and do not matter.

Rows become records in native code: psycopg makes tuples, JSON stays text, and pydantic-core parses and checks it in the
same pass that builds the record. The validator of a query is made when it first runs.

`psycopg.Error` is never wrapped. A record that does not fit the row raises pydantic.ValidationError.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import count, islice
from math import hypot, inf, isfinite
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeAlias, TypeVar, cast, overload

from psycopg import AsyncConnection, Connection, Cursor, OperationalError, ServerCursor, adapters
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.errors import FeatureNotSupported
from psycopg.pq import Format, TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb
from psycopg.types.string import TextLoader
from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError

from mathison_data.documents import to_json
from mathison_data.errors import InvalidVectorError, NoRowError, TooManyRowsError
from mathison_data.rows import RowReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mathison_data.database import Database

    Vector: TypeAlias = Sequence[float] | NDArray[Any]
else:
    Vector: TypeAlias = Sequence[float]

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
T = TypeVar("T")
Connectable: TypeAlias = "Database | Connection[Any]"
Parameters: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = list[tuple[Any, ...]]

STREAM_ROWS = 200
"""How many rows a stream fetches in one round trip."""


def _strings(value: object) -> object:
    if value is None:
        return []
    return [each for each in value if each is not None] if isinstance(value, list) else value


StringList: TypeAlias = Annotated[list[str], BeforeValidator(_strings)]
"""A nullable text[] column, of which a reader sees an empty list instead of null, and no null elements."""


class Record(BaseModel):
    """One row of a result; generated classes derive from it. Frozen: writing is a query's matter."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    __row__: ClassVar[bool] = True  # tells it from a document, which is the value of one column


class Query(Generic[R]):
    """One named query as the generator emits it: its SQL, and what its rows become.

    `row` is a Record class, or the type of a query with one bare column, or None for a query without rows.
    `reads` tells that it changes nothing, so it may be run again when its connection turns out to be broken.
    """

    __slots__ = ("columns", "name", "reader", "reads", "row", "sql", "statement")

    @overload
    def __init__(
        self: Query[None], *, name: str, sql: str, row: None, columns: tuple[str, ...] = (), reads: bool = False
    ) -> None: ...
    @overload
    def __init__(
        self, *, name: str, sql: str, row: type[R], columns: tuple[str, ...] = (), reads: bool = False
    ) -> None: ...
    @overload  # such as `str | None`, which is no type to a type checker: Query[str | None](...)
    def __init__(
        self, *, name: str, sql: str, row: object, columns: tuple[str, ...] = (), reads: bool = False
    ) -> None: ...
    def __init__(self, *, name: str, sql: str, row: object, columns: tuple[str, ...] = (), reads: bool = False) -> None:
        self.name = name
        self.sql = sql
        self.statement = sql.encode()
        self.row = row
        self.columns = columns
        self.reads = reads
        self.reader: RowReader | None = None

    def __repr__(self) -> str:
        return f"<query {self.name}>"


class _BinaryVector(bytes):
    """A vector in pgvector's binary format; the cast that the statement pins tells the server its type."""


class _BinaryVectorDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _BinaryVector) -> bytes:
        return obj


# The adaptation of every query of ours, whatever the connection is configured to: psycopg's own, but JSON stays text.
ADAPTERS = AdaptersMap(adapters)
ADAPTERS.register_loader("json", TextLoader)
ADAPTERS.register_loader("jsonb", TextLoader)
ADAPTERS.register_dumper(_BinaryVector, _BinaryVectorDumper)


class _Cursor(Cursor[tuple[Any, ...]]):
    """A cursor that gives tuples and leaves JSON as text."""

    __slots__ = ()

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection, row_factory=tuple_row)

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS


class _StreamCursor(ServerCursor[tuple[Any, ...]]):
    __slots__ = ()

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS


_stream_numbers = count(1)
_WANTED = "mathison_data.db or a psycopg.Connection"


def one(db: Connectable, query: Query[R], parameters: Parameters) -> R:
    """Return the one row of a query. Raises NoRowError or TooManyRowsError when there is another number of them."""
    rows = _run(db, query, parameters, _fetch, _kept_cursor)
    if not rows:
        raise no_row(query)
    return single(query, rows)


def optional(db: Connectable, query: Query[R], parameters: Parameters) -> R | None:
    """Return the one row of a query, or None. Raises TooManyRowsError when there are several."""
    rows = _run(db, query, parameters, _fetch, _kept_cursor)
    return single(query, rows) if rows else None


def many(db: Connectable, query: Query[R], parameters: Parameters) -> list[R]:
    """Return all rows of a query."""
    return several(query, _run(db, query, parameters, _fetch))


def execute(db: Connectable, query: Query[Any], parameters: Parameters) -> None:
    """Run a query that returns nothing."""
    _run(db, query, parameters, _nothing)


def execute_rows(db: Connectable, query: Query[Any], parameters: Parameters) -> int:
    """Run a query that returns nothing, and return how many rows it changed."""
    return _run(db, query, parameters, _rowcount)


@contextmanager
def stream(db: Connectable, query: Query[R], parameters: Parameters) -> Iterator[Iterator[R]]:
    """Give an iterator over the rows of a query, which come from the server in batches of STREAM_ROWS.

    The server keeps the cursor within a transaction: the one that the connection is in, else one of its own that ends
    with the block. The iterator is of no use after the block.
    """
    if not isinstance(db, Connection):
        if getattr(db, "for_asyncio", None) is not False:
            raise wrong_db(db, _WANTED)
        with db.connection() as connection, stream(connection, query, parameters) as rows:
            yield rows
    elif db.info.transaction_status == TransactionStatus.IDLE:
        with db.transaction(), stream(db, query, parameters) as rows:
            yield rows
    else:
        with _StreamCursor(db, stream_name(query), row_factory=tuple_row) as cursor:
            cursor.execute(query.statement, parameters)
            yield _batches(cursor, query)


def _batches(cursor: _StreamCursor, query: Query[R]) -> Iterator[R]:
    while rows := cursor.fetchmany(STREAM_ROWS):
        if query.reader is None:
            learn(query, cursor)
        yield from several(query, rows)


def _run(
    db: Connectable,
    query: Query[Any],
    parameters: Parameters,
    work: Callable[[_Cursor, Query[Any], Parameters], R],
    cursor_of: Callable[[Connection[Any]], _Cursor] = _Cursor,
) -> R:
    if isinstance(db, Connection):
        return work(_Cursor(db), query, parameters)
    if getattr(db, "for_asyncio", None) is not False:
        raise wrong_db(db, _WANTED)
    connection = db.borrow()
    try:
        return work(cursor_of(connection), query, parameters)
    except FeatureNotSupported as error:
        if not is_outdated(error, connection):
            raise
        return _run_unprepared(connection, query, parameters, work, cursor_of)
    except OperationalError:
        if not (query.reads and connection.closed):
            raise
    finally:
        db.give_back(connection)
    connection = db.borrow(proven=True)
    try:
        return work(cursor_of(connection), query, parameters)
    finally:
        db.give_back(connection)


def _run_unprepared(
    connection: Connection[Any],
    query: Query[Any],
    parameters: Parameters,
    work: Callable[[_Cursor, Query[Any], Parameters], R],
    cursor_of: Callable[[Connection[Any]], _Cursor],
) -> R:
    """Run a query whose prepared statement is outdated, and close the connection: the pool makes a new one."""
    try:
        connection.prepare_threshold = None
        cursor = cursor_of(connection)
        result = work(cursor, query, parameters)
        if query.reader is not None:
            learn(query, cursor)
        return result
    finally:
        connection.close()


def _kept_cursor(connection: Connection[Any]) -> _Cursor:
    """Return the cursor that stays with a connection of the pool: to make one takes a tenth of a look-up.

    It keeps its last result until the next one, so it is for single rows; nobody else has the connection meanwhile.
    """
    cursor: _Cursor | None = getattr(connection, "_mathison_cursor", None)
    if cursor is None:
        cursor = _Cursor(connection)
        connection._mathison_cursor = cursor  # type: ignore[attr-defined]
    return cursor


def _fetch(cursor: _Cursor, query: Query[Any], parameters: Parameters) -> Rows:
    cursor.execute(query.statement, parameters)
    if query.reader is None:
        learn(query, cursor)
    return cursor.fetchall()


def _nothing(cursor: _Cursor, query: Query[Any], parameters: Parameters) -> None:
    cursor.execute(query.statement, parameters)


def _rowcount(cursor: _Cursor, query: Query[Any], parameters: Parameters) -> int:
    return cursor.execute(query.statement, parameters).rowcount


# What both worlds share: aio/execution.py differs in waiting alone.


def wrong_db(db: object, wanted: str) -> TypeError:
    """Return the error of a query that was given something that it cannot run on."""
    kind = type(db)
    return TypeError(f"this query runs on {wanted}, not on a {kind.__module__}.{kind.__qualname__}")


def is_outdated(error: FeatureNotSupported, connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Tell whether a statement was refused because its columns have changed their types since it was prepared.

    Nothing of it was carried out, so it may run again, if it was no part of a transaction. The server's message is
    "cached plan must not change result type", in the language that it is set to; the name of the function is in none.
    """
    return (
        error.diag.source_function == "RevalidateCachedQuery"
        and connection.info.transaction_status == TransactionStatus.IDLE
    )


def learn(query: Query[Any], cursor: Any) -> None:
    """Make the reader of a query's rows, from the first result that it has."""
    columns = cursor.description or ()
    query.reader = RowReader(query.row, query.columns, [column.type_code for column in columns], ADAPTERS)


def single(query: Query[R], rows: Rows) -> R:
    """Return the record of the only row."""
    if len(rows) > 1:
        raise TooManyRowsError(f"{query.name} returned {len(rows)} rows where one was expected")
    assert query.reader is not None
    try:
        return cast(R, query.reader.one(rows[0]))
    except ValidationError as error:
        error.add_note(f"in a row of the query {query.name}")
        raise


def several(query: Query[R], rows: Rows) -> list[R]:
    """Return the records of all rows."""
    assert query.reader is not None
    try:
        return cast(list[R], query.reader.many(rows))
    except ValidationError as error:
        error.add_note(f"in the rows of the query {query.name}")
        raise


def no_row(query: Query[Any]) -> NoRowError:
    """Return the error of a query that had to find a row."""
    return NoRowError(f"{query.name} found no row")


def stream_name(query: Query[Any]) -> str:
    """Return a name for the server's cursor, in which a DBA sees the query; unique, for two may be open at once."""
    return f"{query.name}_{next(_stream_numbers)}"


@overload
def items(value: Iterable[T]) -> list[T]: ...
@overload
def items(value: Iterable[T] | None) -> list[T] | None: ...
def items(value: Iterable[T] | None) -> list[T] | None:
    """Return an array parameter: a list, from any iterable of elements. None, for null, stays None.

    Raises TypeError for a string, which is not meant as its characters, for a mapping, and for an element None.
    """
    if value is None:
        return None
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping):
        raise TypeError(f"a list of elements is wanted, not {type(value).__name__}")
    elements = list(value)
    if any(each is None for each in elements):
        raise TypeError(f"element {next(i for i, each in enumerate(elements) if each is None)} of the list is None")
    return elements


def jsonb(value: object, shape: Any = JsonValue) -> Jsonb | None:
    """Return a jsonb parameter, checked as documents.to_json does; None, for null, stays None.

    Raises pydantic.ValidationError when the value does not fit the shape.
    """
    return None if value is None else Jsonb(to_json(value, shape), dumps=_as_it_is)


def _as_it_is(json: bytes) -> bytes:
    return json


def vector(value: Vector | None, dimensions: int) -> bytes | None:
    """Return a vector parameter: single-precision floats, from any sequence of numbers or a numpy array.

    None, for null, stays None. Raises InvalidVectorError when the number of dimensions is another one, or when a
    component is no finite number, or when the length is zero or infinite as the server computes it, in single
    precision: such a vector has no cosine distance to anything.
    """
    if value is None:
        return None
    if not (hasattr(value, "__len__") and hasattr(value, "__iter__")) or isinstance(value, _NO_VECTORS):
        raise InvalidVectorError(f"a vector is a sequence of numbers, not {type(value).__name__}")
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        entries: Any = value
        is_array = isinstance(entries, numpy.ndarray)
        if is_array and entries.ndim != 1:
            raise InvalidVectorError(f"a vector has one axis, not {entries.ndim}")
        kinds = {entries.dtype.type} if is_array and entries.dtype != object else set(map(type, entries))
        if any(issubclass(kind, numpy.complexfloating) for kind in kinds):  # it would lose its imaginary part
            raise InvalidVectorError("the vector holds something that is no number: complex")
    if len(value) != dimensions:
        raise InvalidVectorError(f"the vector has {len(value)} dimensions, the column {dimensions}")
    try:
        floats = array("f", value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidVectorError(f"the vector holds something that is no number: {error}") from None
    if not _PLAIN_LENGTHS[0] < hypot(*floats) < _PLAIN_LENGTHS[1] and (reason := _no_direction(floats, value)):
        raise InvalidVectorError(reason)
    if sys.byteorder == "little":
        floats.byteswap()
    return _BinaryVector(dimensions.to_bytes(2, "big") + b"\0\0" + floats.tobytes())


_NO_VECTORS = (str, bytes, bytearray, Set, Mapping)
_PLAIN_LENGTHS = (1e-20, 1e19)
"""Between these a vector of up to 16,000 finite components has a square that single precision can hold."""


def _no_direction(floats: array[float], value: Vector) -> str | None:
    """Return why a vector has no cosine distance to anything, or None if it has."""
    for index, component in enumerate(floats):
        if not isfinite(component):
            given = next(islice(value, index, None))
            return f"component {index} of the vector, {given}, is no finite single-precision number"
    if not any(floats):
        return "all components of the vector are zero"
    square = array("f", [0.0])
    for component in floats:
        square[0] += array("f", [component * component])[0]
    if 0 < square[0] < inf:
        return None
    return f"the length of the vector is too {'small' if square[0] == 0 else 'large'} for single precision"
