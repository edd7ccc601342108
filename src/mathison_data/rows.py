"""How the tuples of one query become records, in native code and in one pass.

A record class describes its fields as Python has them. What arrives from the server differs in one way: JSON, and a
vector, come as text. So a second schema of the same class is made, in which those fields are parsed and checked as
JSON; pydantic-core builds the very same class from it, and the class itself stays plain.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
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

    __slots__ = ("_columns", "_one", "_several")

    def __init__(self, row: Any, columns: tuple[str, ...], oids: Sequence[int], adapters: AdaptersMap) -> None:
        if getattr(row, "__row__", False):
            if len(oids) != len(columns):
                raise TypeError(f"{row.__name__} has {len(columns)} columns, the result {len(oids)}")
            fields = {
                name: _Column(_annotation(row, name), oid, adapters) for name, oid in zip(columns, oids, strict=True)
            }
            self._columns: tuple[str, ...] | None = columns
            value: Any = Annotated[row, _Stored(row, fields)]
        else:
            self._columns = None
            value = Annotated[row, _Column(row, oids[0], adapters)]
        # Stored keys only: the attribute's name is for Python, in a stored document it would be an unknown key.
        self._one = _validator(value).validate_python
        self._several = _validator(list[value]).validate_python

    def one(self, row: tuple[Any, ...]) -> Any:
        """Return the value of one row."""
        value = row[0] if self._columns is None else dict(zip(self._columns, row, strict=False))
        return self._one(value, by_alias=True, by_name=False)

    def many(self, rows: list[tuple[Any, ...]]) -> Any:
        """Return the values of all rows, as a list."""
        if self._columns is None:
            return self._several([row[0] for row in rows], by_alias=True, by_name=False)
        if len(rows) < _MANY_ROWS:
            return self._records(rows, self._columns)
        with _without_collecting:
            return self._records(rows, self._columns)

    def _records(self, rows: list[tuple[Any, ...]], columns: tuple[str, ...]) -> Any:
        return self._several([*map(dict, map(zip, repeat(columns), rows))], by_alias=True, by_name=False)


class _Pause:
    """Keeps the garbage collector from running while many records are made; for several threads at once.

    Making a thousand records starts some seventy collections, which find nothing and take as long as the rest.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._depth = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._was_enabled:
                gc.enable()


_MANY_ROWS = 50
_without_collecting = _Pause()


def _validator(value: Any) -> SchemaValidator:
    # pydantic-core would take the validator that the class already has, which knows nothing of text.
    return SchemaValidator(TypeAdapter(value).core_schema, _use_prebuilt=False)


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


class _Stored:
    """The schema that builds a record class from the columns as psycopg loads them."""

    def __init__(self, row: type[BaseModel], columns: dict[str, _Column]) -> None:
        self.row = row
        self.columns = columns

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = {name: core_schema.model_field(column.schema(handler)) for name, column in self.columns.items()}
        return core_schema.model_schema(
            self.row, core_schema.model_fields_schema(fields, model_name=self.row.__name__), frozen=True
        )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Return a type without `| None` and without its annotations, and whether it takes None."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        rest = tuple(part for part in get_args(annotation) if part is not NoneType)
        bare = _without_none(rest[0])[0] if len(rest) == 1 else annotation
        return bare, len(rest) < len(get_args(annotation))
    return annotation, annotation is JsonValue or annotation is Any
