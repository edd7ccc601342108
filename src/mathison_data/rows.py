"""How the tuples of one query become records, in native code and in one pass.

A record class describes its fields as Python has them. What arrives from the server differs in one way: JSON, and a
vector, come as text. So a second schema of the same fields is made, in which those are parsed and checked as JSON;
the class itself stays plain. Stored keys alone are understood in a document that is read: there, the name of an
attribute is an unknown key.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from threading import Lock
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from psycopg.adapt import AdaptersMap
from psycopg.pq import Format
from pydantic import BaseModel, GetCoreSchemaHandler, JsonValue, TypeAdapter
from pydantic_core import CoreSchema, SchemaValidator, core_schema

_JSON_OIDS = frozenset({114, 3802})  # json, jsonb


class RowReader:
    """Makes the value of a row: a record, or the bare value of a single column."""

    __slots__ = ("_columns", "_one", "_row", "_several")

    def __init__(self, row: Any, columns: tuple[str, ...], oids: Sequence[int], adapters: AdaptersMap) -> None:
        self._row: type[BaseModel] | None = row if getattr(row, "__row__", False) else None
        self._columns = columns
        if self._row is None:
            value: Any = Annotated[row, _Column(row, oids[0], adapters)]
        elif len(oids) != len(columns):
            raise TypeError(f"{row.__name__} has {len(columns)} columns, the result {len(oids)}")
        else:
            annotations = [_annotation(self._row, name) for name in columns]
            fields = [_Column(each, oid, adapters) for each, oid in zip(annotations, oids, strict=True)]
            value = Annotated[row, _Fields(dict(zip(columns, fields, strict=True)))]
        self._one = _validate(value, row)
        self._several = _validate(list[value], row)

    def one(self, row: tuple[Any, ...]) -> Any:
        """Return the value of one row."""
        if self._row is None:
            return self._one(row[0], by_alias=True, by_name=False)
        return _record(self._row, self._one(dict(zip(self._columns, row, strict=False)), by_alias=True, by_name=False))

    def many(self, rows: list[tuple[Any, ...]]) -> Any:
        """Return the values of all rows, as a list."""
        if self._row is None:
            return self._several([row[0] for row in rows], by_alias=True, by_name=False)
        if len(rows) < _MANY_ROWS:
            return self._records(rows, self._row)
        with _without_collecting():
            return self._records(rows, self._row)

    def _records(self, rows: list[tuple[Any, ...]], row: type[BaseModel]) -> Any:
        values = [*map(dict, map(zip, repeat(self._columns), rows))]
        return [_record(row, parts) for parts in self._several(values, by_alias=True, by_name=False)]


def _validate(value: Any, row: Any) -> Callable[..., Any]:
    title = row.__name__ if isinstance(row, type) else str(row)
    return SchemaValidator(TypeAdapter(value).core_schema, core_schema.CoreConfig(title=title)).validate_python


def _record(row: type[BaseModel], parts: tuple[dict[str, Any], Any, set[str]]) -> BaseModel:
    """Return a record of checked values, as pydantic-core itself puts one together."""
    record = row.__new__(row)
    _set(record, "__dict__", parts[0])
    _set(record, "__pydantic_extra__", parts[1])
    _set(record, "__pydantic_fields_set__", parts[2])
    _set(record, "__pydantic_private__", None)
    return record


_set = object.__setattr__


class _Pause:
    """Keeps the garbage collector from running while many records are made.

    Making a thousand records starts some seventy collections, which find nothing and take as long as the rest.

    The collector is the whole process's, so one thread at a time pauses it, for one list; the others do without. What
    is due is collected in between, however many threads there are.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork_in_child)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        lock = self._lock
        if not (gc.isenabled() and lock.acquire(blocking=False)):
            yield
            return
        try:
            gc.disable()
            yield
        finally:
            gc.enable()
            lock.release()

    def _after_fork_in_child(self) -> None:
        """End the pause of a thread that is not in this process."""
        lock, self._lock = self._lock, Lock()
        if lock.locked():
            gc.enable()


_MANY_ROWS = 50
_without_collecting = _Pause()


def _annotation(row: type[BaseModel], name: str) -> Any:
    field = row.model_fields[name]
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


class _Column:
    """The schema of one column, as psycopg loads it."""

    def __init__(self, annotation: Any, oid: int, adapters: AdaptersMap) -> None:
        self.annotation = annotation
        bare, self.nullable = _without_none(annotation)
        # A vector's OID differs from database to database; psycopg knows none, so it leaves the text, which is JSON.
        self.is_json = oid in _JSON_OIDS or (
            get_origin(bare) is list and get_args(bare) == (float,) and adapters.get_loader(oid, Format.TEXT) is None
        )

    def schema(self, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler.generate_schema(self.annotation)
        if not self.is_json:
            return inner
        json = core_schema.json_schema(inner)
        return core_schema.nullable_schema(json) if self.nullable else json

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.schema(handler)


class _Fields:
    """The schema of a record's fields as psycopg loads them.

    It is not that of the class: pydantic-core would take the validator that the class has, which knows nothing of text.
    """

    def __init__(self, columns: dict[str, _Column]) -> None:
        self.columns = columns

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = {name: core_schema.model_field(column.schema(handler)) for name, column in self.columns.items()}
        return core_schema.model_fields_schema(fields)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Return a type without `| None` and without its annotations, and whether it takes None."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        rest = tuple(part for part in get_args(annotation) if part is not NoneType)
        bare = _without_none(rest[0])[0] if len(rest) == 1 else annotation
        return bare, len(rest) < len(get_args(annotation))
    return annotation, annotation is JsonValue or annotation is Any
