"""Asks PostgreSQL what a query takes and gives, and reads from the catalogue what the answer means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.rows import class_row

from mathison_data.migrations import BOOKKEEPING_TABLES


@dataclass(frozen=True)
class Type:
    """A PostgreSQL type; `element` is an array's, `base` a domain's, `labels` an enum's."""

    oid: int
    name: str
    sql: str  # as a cast spells it
    kind: str  # pg_type.typtype
    element: int
    base: int
    labels: tuple[str, ...]
    comment: str


@dataclass(frozen=True)
class TableColumn:
    """A column of a table or view, `not_null` when no row of it can hold null."""

    table: str
    name: str
    type: int
    modifier: int
    not_null: bool
    comment: str


@dataclass(frozen=True)
class Table:
    """A table or view of schema public and its columns by number."""

    name: str
    is_table: bool
    comment: str
    columns: Mapping[int, TableColumn]


@dataclass(frozen=True)
class Catalog:
    """What the generator needs of a database's catalogue."""

    types: Mapping[int, Type]
    tables: Mapping[int, Table]
    functions: frozenset[str]
    volatile: frozenset[str]  # the functions that may write

    @property
    def enums(self) -> list[Type]:
        """The enum types of schema public, by name."""
        return sorted((t for t in self.types.values() if t.kind == "e"), key=lambda enum: enum.name)

    @property
    def records(self) -> list[Table]:
        """The tables that have a record, by name."""
        tables = [table for table in self.tables.values() if table.is_table and table.name not in BOOKKEEPING_TABLES]
        return sorted(tables, key=lambda table: table.name)

    def column(self, table: str, name: str) -> TableColumn | None:
        """Return a column by its names."""
        columns = (column for found in self.tables.values() if found.name == table for column in found.columns.values())
        return next((column for column in columns if column.name == name), None)


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result; `origin` is the table's column that it is, when it is one."""

    name: str
    type: Type
    origin: TableColumn | None


@dataclass(frozen=True)
class Description:
    """What PostgreSQL says of a statement."""

    parameters: tuple[Type, ...]
    columns: tuple[ResultColumn, ...]


class DescribeError(Exception):
    """PostgreSQL refuses a statement; `position` counts characters from 1, 0 when it names none."""

    def __init__(self, state: str, message: str, detail: str, hint: str, position: int) -> None:
        super().__init__(message)
        self.state, self.message, self.detail, self.hint, self.position = state, message, detail, hint, position


# Functions that are volatile, but write nothing.
_HARMLESS = frozenset(
    {"clock_timestamp", "timeofday", "random", "random_normal", "gen_random_uuid", "uuidv4", "uuidv7"}
)

_TYPES: LiteralString = """
SELECT t.oid::int, t.typname AS name, format_type(t.oid, -1) AS sql, t.typtype::text AS kind,
       CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END::int AS element, t.typbasetype::int AS base,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       coalesce(obj_description(t.oid, 'pg_type'), '') AS comment
FROM pg_type t
WHERE t.typtype IN ('b', 'e', 'd', 'p')
   OR t.typrelid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace)
"""
# In PostgreSQL 18 a NOT NULL may be NOT VALID: rows from before may then hold nulls all the same. It may also be NO
# INHERIT: a query on the table reads its children too, and they may hold nulls. Before 18 any NOT NULL can be missing
# from a child, other than from a partition.
_COLUMNS: LiteralString = """
SELECT c.oid::int AS table_oid, c.relname AS table, c.relkind IN ('r', 'p') AS is_table,
       coalesce(obj_description(c.oid, 'pg_class'), '') AS table_comment,
       a.attnum AS number, a.attname AS name, a.atttypid::int AS type, a.atttypmod AS modifier,
       a.attnotnull AND c.relkind IN ('r', 'p') AND NOT EXISTS (
         SELECT FROM pg_constraint k
         WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
           AND (NOT k.convalidated OR k.connoinherit)
       ) AND NOT (
         c.relkind = 'r' AND c.relhassubclass AND current_setting('server_version_num')::int < 180000
       ) AS not_null,
       coalesce(col_description(c.oid, a.attnum), '') AS comment
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname, a.attnum
"""


def read_catalog(connection: psycopg.Connection) -> Catalog:
    """Read the catalogue once: types, the tables of schema public, functions that may write."""
    with connection.cursor(row_factory=class_row(Type)) as cursor:
        types = {found.oid: found for found in cursor.execute(_TYPES)}
    tables: dict[int, Table] = {}
    for oid, table, is_table, comment, number, name, type_oid, *more in connection.execute(_COLUMNS):
        found = tables.setdefault(oid, Table(table, is_table, comment, {}))
        column = TableColumn(table, name, _type(types, type_oid).oid, *more)
        cast(dict[int, TableColumn], found.columns)[number] = column
    functions = connection.execute(
        "SELECT proname, bool_or(provolatile = 'v') FROM pg_proc GROUP BY proname"
    ).fetchall()
    volatile = frozenset(name for name, may_write in functions if may_write) - _HARMLESS
    return Catalog(types, tables, frozenset(name for name, _ in functions), volatile)


def describe(connection: psycopg.Connection, statement: str, catalog: Catalog) -> Description:
    """Prepare a statement with $1, $2, … and return what it takes and gives. Raises DescribeError."""
    _checked(connection.pgconn.prepare(b"", statement.encode()))
    answer = _checked(connection.pgconn.describe_prepared(b""))
    columns = []
    for index in range(answer.nfields):
        table = catalog.tables.get(answer.ftable(index))
        name = (answer.fname(index) or b"").decode()
        origin = table.columns.get(answer.ftablecol(index)) if table else None
        columns.append(ResultColumn(name, _type(catalog.types, answer.ftype(index)), origin))
    parameters = tuple(_type(catalog.types, answer.param_type(index)) for index in range(answer.nparams))
    return Description(parameters, tuple(columns))


def plan(connection: psycopg.Connection, statement: str) -> Mapping[str, Any]:
    """Return the generic plan of a statement."""
    explain = f"EXPLAIN (GENERIC_PLAN, VERBOSE, COSTS OFF, FORMAT JSON) {statement}"
    row = connection.execute(explain.encode()).fetchone()
    assert row is not None
    found: Mapping[str, Any] = row[0][0]["Plan"]
    return found


def enum_labels(catalog: Catalog) -> Sequence[str]:
    """Return all values of all enums."""
    return [label for enum in catalog.enums for label in enum.labels]


def _type(types: Mapping[int, Type], oid: int) -> Type:
    """Return a type, of a domain what it is based on."""
    found = types.get(oid)
    if found is None:
        return Type(oid, "record", "record", "c", 0, 0, (), "")
    return _type(types, found.base) if found.base else found


def _checked(answer: psycopg.pq.abc.PGresult) -> psycopg.pq.abc.PGresult:
    if answer.status == ExecStatus.COMMAND_OK:
        return answer

    def said(part: DiagnosticField) -> str:
        return (answer.error_field(part) or b"").decode()

    raise DescribeError(
        said(DiagnosticField.SQLSTATE),
        said(DiagnosticField.MESSAGE_PRIMARY) or answer.error_message.decode(),
        said(DiagnosticField.MESSAGE_DETAIL),
        said(DiagnosticField.MESSAGE_HINT),
        int(said(DiagnosticField.STATEMENT_POSITION) or 0),
    )
