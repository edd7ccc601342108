"""What a PostgreSQL type is in Python: in a record's field, in a parameter, and how a parameter is handed on."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mathison_data.codegen.describe import Type
from mathison_data.codegen.naming import camel_case

JsonColumns = Mapping[str, Any]
JsonParameters = Mapping[str, Any]

_BUILTIN = "builtins"
_SCALARS = {
    "bool": (_BUILTIN, "bool"),
    "int2": (_BUILTIN, "int"),
    "int4": (_BUILTIN, "int"),
    "int8": (_BUILTIN, "int"),
    "oid": (_BUILTIN, "int"),
    "float4": (_BUILTIN, "float"),
    "float8": (_BUILTIN, "float"),
    "numeric": ("decimal", "Decimal"),
    "text": (_BUILTIN, "str"),
    "varchar": (_BUILTIN, "str"),
    "bpchar": (_BUILTIN, "str"),
    "char": (_BUILTIN, "str"),
    "name": (_BUILTIN, "str"),
    "uuid": ("uuid", "UUID"),
    "bytea": (_BUILTIN, "bytes"),
    "date": ("datetime", "date"),
    "time": ("datetime", "time"),
    "timetz": ("datetime", "time"),
    "timestamp": ("datetime", "datetime"),
    "timestamptz": ("datetime", "datetime"),
    "interval": ("datetime", "timedelta"),
    "json": ("pydantic", "JsonValue"),
    "jsonb": ("pydantic", "JsonValue"),
}
JSON = frozenset({"json", "jsonb"})


class UnknownTypeError(Exception):
    """There is no Python type for a PostgreSQL type."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(frozen=True)
class Expression:
    """A type expression, and what it needs imported: pairs of module and name."""

    text: str
    imports: frozenset[tuple[str, str]] = frozenset()

    def wrapped(self, form: str, *more: tuple[str, str]) -> Expression:
        """Return the expression within another, such as `list[{}]`."""
        return Expression(form.format(self.text), self.imports | frozenset(more))


def result_type(found: Type, types_by_oid: Mapping[int, Type], shape: Any = None) -> Expression:
    """Return the type of a value that comes out, were it never null. Raises UnknownTypeError."""
    if found.name in JSON and shape is not None:
        return shape_expression(shape)
    if found.name == "vector":
        return Expression("list[float]")
    if found.element:
        element = types_by_oid[found.element]
        if element.kind == "e":
            raise UnknownTypeError(f"an array of {element.sql} comes out as text")
        return result_type(element, types_by_oid).wrapped("list[{}]")
    return _scalar(found)


def parameter_type(found: Type, types_by_oid: Mapping[int, Type], shape: Any = None) -> Expression:
    """Return the type that a parameter takes, were it never None. Raises UnknownTypeError."""
    if found.name in JSON and shape is not None:
        return _lenient(shape)
    if found.name == "vector":
        return Expression("Vector", frozenset({("mathison_data.execution", "Vector")}))
    if found.element:
        element = parameter_type(types_by_oid[found.element], types_by_oid)
        return element.wrapped("Sequence[{}]", ("collections.abc", "Sequence"))
    return _scalar(found)


def shape_expression(shape: Any) -> Expression:
    """Return the source of a type from documents.py, such as `list[Dependency]`."""
    if origin := typing.get_origin(shape):
        arguments = [shape_expression(argument) for argument in typing.get_args(shape)]
        imports = frozenset[tuple[str, str]]().union(*(argument.imports for argument in arguments))
        if origin in (types.UnionType, typing.Union):
            return Expression(" | ".join(argument.text for argument in arguments), imports)
        return Expression(f"{origin.__name__}[{', '.join(argument.text for argument in arguments)}]", imports)
    if shape is None or shape is type(None):
        return Expression("None")
    name: str = shape.__name__
    if getattr(shape, "__module__", "") == _BUILTIN:
        return Expression(name)
    module = "pydantic" if name == "JsonValue" else shape.__module__
    return Expression(name, frozenset({(module, name)}))


def _lenient(shape: Any) -> Expression:
    """Return what a parameter of a shape takes: its models, or plain objects that are like them."""
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if origin is list:
        return _lenient(arguments[0]).wrapped("Sequence[{}]", ("collections.abc", "Sequence"))
    if origin is dict:
        return _lenient(arguments[1]).wrapped("Mapping[str, {}]", ("collections.abc", "Mapping"))
    if getattr(shape, "__name__", "") == "JsonValue":
        return Expression("Any", frozenset({("typing", "Any")}))  # dict[str, str] is no dict[str, JsonValue]
    model = shape_expression(shape)
    return model.wrapped("{} | Mapping[str, Any]", ("collections.abc", "Mapping"), ("typing", "Any"))


def _scalar(found: Type) -> Expression:
    if found.kind == "e":
        name = camel_case(found.name)
        return Expression(name, frozenset({("mathison_data.records", name)}))
    if found.name not in _SCALARS:
        raise UnknownTypeError(f"there is no Python type for {found.sql}")
    module, name = _SCALARS[found.name]
    return Expression(name, frozenset() if module == _BUILTIN else frozenset({(module, name)}))
