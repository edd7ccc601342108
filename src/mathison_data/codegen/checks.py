"""Joins what a query file says with what PostgreSQL says, and finds where the two don't agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mathison_data.codegen.describe import Catalog, Description, ResultColumn, Table, TableColumn, Type
from mathison_data.codegen.findings import Finding, did_you_mean
from mathison_data.codegen.lexer import Kind
from mathison_data.codegen.naming import camel_case, field_name_problem, record_name
from mathison_data.codegen.nullability import nullable, only_reads, relations
from mathison_data.codegen.queryfile import Directive, Query
from mathison_data.codegen.statement import column_offset
from mathison_data.codegen.types import (
    JSON,
    Expression,
    JsonColumns,
    JsonParameters,
    UnknownTypeError,
    parameter_type,
    result_type,
    shape_expression,
)

_STRING_LIST = Expression("StringList", frozenset({("mathison_data.execution", "StringList")}))


@dataclass(frozen=True)
class Field:
    """A field of a record, as Python will have it."""

    name: str
    type: Expression
    description: str


@dataclass(frozen=True)
class Parameter:
    """An argument of a function; `value` is the source of what is handed to psycopg."""

    name: str
    type: Expression
    optional: bool
    value: str
    raises: str
    text: str


@dataclass(frozen=True)
class Function:
    """A query that fits the database, ready to be written as Python.

    `row` is what one row becomes, None without rows; `fields` are those of a class of its own.
    """

    query: Query
    sql: str
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...]
    row: Expression | None
    fields: tuple[Field, ...]
    reads: bool


class Checker:
    """Checks queries against one database's catalogue and the shapes of its JSON columns and parameters."""

    def __init__(self, catalog: Catalog, json_columns: JsonColumns, json_parameters: JsonParameters) -> None:
        self.catalog = catalog
        self.json_columns = json_columns
        self.json_parameters = json_parameters

    @property
    def class_names(self) -> list[str]:
        """The classes of records.py, one of the same name as another included."""
        catalog = self.catalog
        return [camel_case(enum.name) for enum in catalog.enums] + [record_name(t.name) for t in catalog.records]

    def function(
        self, query: Query, sql: str, description: Description, plan: Mapping[str, Any]
    ) -> Function | list[Finding]:
        """Return what to write for a query, or what is wrong with it."""
        found = [*self._directives(query, description), *self._results(query, description)]
        if found:
            return found
        inferred = nullable(plan, [bool(c.origin and c.origin.not_null) for c in description.columns])
        found = [f for f in map(self._override, [query] * len(inferred), description.columns, inferred) if f]
        effective = [
            _marked(query, column, may_be_null)
            for column, may_be_null in zip(description.columns, inferred, strict=True)
        ]
        fields = []
        if query.command not in ("exec", "execrows"):
            count = len(effective)
            fields = [
                self._field(query, column, null, column_offset(query, index, count))
                for index, (column, null) in enumerate(zip(description.columns, effective, strict=True))
            ]
        tables = relations(plan)
        parameters = [
            self._parameter(query, name, found_type, tables)
            for name, found_type in zip(query.parameters, description.parameters, strict=True)
        ]
        found += [problem for problem in (*fields, *parameters) if isinstance(problem, Finding)]
        record = self._record(query, description, effective)
        if isinstance(record, Finding):
            found.append(record)
        if found:
            return found
        good_fields = [found_field for found_field in fields if isinstance(found_field, Field)]
        row = self._row(query, good_fields, record if isinstance(record, Table) else None)
        own_class = row is not None and row.text == row_class(query)
        return Function(
            query=query,
            sql=sql,
            parameters=tuple(parameter for parameter in parameters if isinstance(parameter, Parameter)),
            columns=tuple(column.name for column in description.columns) if row else (),
            row=row,
            fields=tuple(good_fields) if own_class else (),
            reads=only_reads(plan) and not self._calls_volatile(query),
        )

    def record_fields(self, table: Table) -> list[Field | Finding]:
        """Return the fields of a table's record, or why a column can't be one."""
        fields: list[Field | Finding] = []
        for column in table.columns.values():
            found = self.catalog.types[column.type]
            if found.name == "vector":
                continue
            if problem := field_name_problem(column.name):
                fields.append(migration_finding(f"column {table.name}.{column.name}: {problem}", "Rename it"))
                continue
            try:
                expression = self._result_type(found, column, not column.not_null)
            except UnknownTypeError as error:
                what = f"column {table.name}.{column.name}: {error}"
                fields.append(migration_finding(what, "Give it another type, or teach it to the generator"))
                continue
            fields.append(Field(column.name, expression, column.comment))
        return fields

    def _directives(self, query: Query, description: Description) -> Iterator[Finding]:
        """Find directives that name nothing real."""
        columns = [column.name for column in description.columns]
        records = [record_name(table.name) for table in self.catalog.records]
        known = {"@param": list(query.parameters), "@column": columns, "@returns": records}
        seen = set()
        for directive in query.directives:
            names, at = known[directive.kind], directive.offset
            if directive.name not in names:
                guess = did_you_mean(directive.name, names)
                there = f"There are {', '.join(names)}" if names else "There are none"
                yield query.finding(f"{directive.kind} {directive.name} names nothing", guess or there, at)
            elif (directive.kind, directive.name) in seen:
                yield query.finding(f"{directive.kind} {directive.name} stands here twice", "Join the two", at)
            elif directive.shape:
                yield from self._shape(query, directive)
            seen.add((directive.kind, directive.name))

    def _shape(self, query: Query, directive: Directive) -> Iterator[Finding]:
        table, _, column = directive.shape.partition(".")
        origin = self.catalog.column(table, column)
        if origin is None or not (directive.shape in self.json_columns or self._is_vector(origin)):
            guess = did_you_mean(directive.shape, self.json_columns)
            hint = guess or "After a colon comes table.column; words need no colon"
            yield query.finding(f"{directive.shape} is no column with a shape", hint, directive.offset)

    def _results(self, query: Query, description: Description) -> Iterator[Finding]:
        """Find results that the command can't give, and columns that can't be fields."""
        columns = description.columns
        if query.command in ("exec", "execrows"):
            if any(column.type.name != "void" for column in columns):
                hint = "Remove RETURNING, or use :one, :optional or :many"
                yield query.finding(f":{query.command} would throw the result columns away", hint, query.offset)
            return
        if not columns:
            yield query.finding(f":{query.command} needs result columns", "Add RETURNING, or use :exec", query.offset)
        names = [column.name for column in columns]
        for number, name in enumerate(names, start=1):
            at = column_offset(query, number - 1, len(columns))
            if name == "?column?":
                yield query.finding(f"result column {number} has no name ({name})", "Add AS and a name", at)
            elif name in names[: number - 1]:
                yield query.finding(f"there are two result columns {name}", "Rename one with AS", at)
            elif problem := field_name_problem(name):
                yield query.finding(f"result column {number}: {problem}", "Rename it with AS", at)

    def _override(self, query: Query, column: ResultColumn, inferred: bool) -> Finding | None:
        directive = query.directive("@column", column.name)
        if directive and directive.mark == ("?" if inferred else "!"):
            state = "may be null" if inferred else "is never null"
            what = f"@column {column.name}{directive.mark} corrects nothing: it {state} already"
            return query.finding(what, "Remove the mark", directive.offset)
        return None

    def _field(self, query: Query, column: ResultColumn, may_be_null: bool, at: int | None) -> Field | Finding:
        directive = query.directive("@column", column.name)
        shape = directive.shape if directive else ""
        if shape and (column.type.name not in JSON or _json_name(column.origin) == shape):
            what = f"@column {column.name}: {shape} corrects nothing"
            return query.finding(what, "Remove the shape", directive.offset if directive else None)
        try:
            expression = self._result_type(column.type, column.origin, may_be_null, shape)
        except UnknownTypeError as error:
            hint = f"Cast it, such as {column.name}::text"
            return query.finding(f"result column {column.name}: {error}", hint, at)
        text = directive.text if directive and directive.text else column.origin.comment if column.origin else ""
        return Field(column.name, expression, text)

    def _result_type(self, found: Type, origin: TableColumn | None, may_be_null: bool, shape: str = "") -> Expression:
        expression = result_type(found, self.catalog.types, self.json_columns.get(shape or _json_name(origin)))
        if not may_be_null:
            return expression
        return _STRING_LIST if expression.text == "list[str]" else expression.wrapped("{} | None")

    def _parameter(self, query: Query, name: str, found: Type, tables: set[str]) -> Parameter | Finding:
        directive = query.directive("@param", name)
        optional = bool(directive and directive.mark)
        value, raises = name, ""
        shape: Any = None
        try:
            if found.name in JSON:
                shape = self._json_shape(query, name, directive, tables)
                expression = f", {shape_expression(shape).text}" if shape is not None else ""
                value, raises = f"execution.jsonb({name}{expression})", "pydantic.ValidationError" if expression else ""
            elif found.name == "vector":
                value, raises = f"execution.vector({name}, {self._dimensions(directive, tables)})", "InvalidVectorError"
            elif found.element:
                # To `items` None is null, which list() refuses where it is not meant.
                value = f"execution.items({name})" if optional else f"list(execution.items({name}))"
            annotation = parameter_type(found, self.catalog.types, shape)
        except UnknownTypeError as error:
            hint = error.hint or f"Cast it to another type, such as :{name}::text"
            return query.finding(f"parameter :{name}: {error}", hint, query.parameters[name].offset)
        if shape is not None:
            annotation = Expression(annotation.text, annotation.imports | shape_expression(shape).imports)
        if optional:
            annotation = annotation.wrapped("{} | None")
        return Parameter(name, annotation, optional, value, raises, directive.text if directive else "")

    def _json_shape(self, query: Query, name: str, directive: Directive | None, tables: set[str]) -> Any:
        """Return the shape of a JSON parameter: its own, or the directive's, else that of the column of its name."""
        if own := self.json_parameters.get(f"{query.full_name}.{name}"):
            if directive and directive.shape:
                raise UnknownTypeError("JSON_PARAMETERS tells its shape already", f"Remove : {directive.shape}")
            return own
        columns = [f"{table}.{name}" for table in sorted(tables) if f"{table}.{name}" in self.json_columns]
        shapes = {repr(self.json_columns[column]) for column in columns}
        if directive and directive.shape:
            if shapes == {repr(self.json_columns[directive.shape])}:
                raise UnknownTypeError("its name tells its shape already", f"Remove : {directive.shape}")
            return self.json_columns[directive.shape]
        if len(shapes) > 1:
            hint = f"Say which one: @param {name}: {columns[0]}"
            raise UnknownTypeError(f"its shape could be that of {' or '.join(columns)}", hint)
        return self.json_columns[columns[0]] if columns else None

    def _dimensions(self, directive: Directive | None, tables: set[str]) -> int:
        shape = directive.shape if directive else ""
        columns = (column for table in self.catalog.tables.values() for column in table.columns.values())
        sizes = {
            column.modifier
            for column in columns
            if self._is_vector(column)
            and (f"{column.table}.{column.name}" == shape if shape else column.table in tables)
        }
        if len(sizes) != 1:
            raise UnknownTypeError("its number of dimensions can't be told", "Say it: @param x: table.column")
        return sizes.pop()

    def _is_vector(self, column: TableColumn) -> bool:
        return self.catalog.types[column.type].name == "vector"

    def _record(self, query: Query, description: Description, effective: list[bool]) -> Table | Finding | None:
        """Return the table whose record a query's rows are; a finding when @returns is not right."""
        columns = {column.name: column.type.oid for column in description.columns}
        nulls = {column.name for column, null in zip(description.columns, effective, strict=True) if null}
        directive = next((d for d in query.directives if d.kind == "@returns"), None)
        for table in self.catalog.records:
            plain = self._plain_columns(table)
            same = columns == {column.name: column.type for column in plain}
            whole = same and not any(column.not_null and column.name in nulls for column in plain)
            if directive is None and whole and len(columns) > 1:
                return table
            if directive is None or record_name(table.name) != directive.name:
                continue
            if whole:
                what = f"@returns {directive.name} corrects nothing: the columns say so themselves"
                return query.finding(what, "Remove it", directive.offset)
            if same and not any(d.kind == "@column" for d in query.directives):
                return table
            return query.finding(*self._difference(directive.name, columns, plain), directive.offset)
        return None

    def _plain_columns(self, table: Table) -> list[TableColumn]:
        return [column for column in table.columns.values() if not self._is_vector(column)]

    def _difference(self, record: str, columns: Mapping[str, int], plain: list[TableColumn]) -> tuple[str, str]:
        for column in plain:
            if column.name not in columns:
                return f"@returns {record}, but column {column.name} is missing", "Add it, or remove the directive"
            if columns[column.name] != column.type:
                types = self.catalog.types
                what = f"@returns {record}, but {column.name} is {types[columns[column.name]].sql}"
                return what, f"Make it {types[column.type].sql}, or remove the directive"
        more = [name for name in columns if name not in {column.name for column in plain}]
        if more:
            return f"@returns {record}, but there is also a column {more[0]}", "Remove one of the two"
        return f"@returns {record} says all of the columns, so @column has nothing to say", "Remove one of the two"

    def _row(self, query: Query, fields: list[Field], record: Table | None) -> Expression | None:
        if query.command in ("exec", "execrows"):
            return None
        if record:
            name = record_name(record.name)
            return Expression(name, frozenset({("mathison_data.records", name)}))
        return fields[0].type if len(fields) == 1 else Expression(row_class(query))

    def _calls_volatile(self, query: Query) -> bool:
        """Tell whether it calls a function that may write."""
        tokens = [token for token in query.body if token.matters]
        return any(
            token.kind in (Kind.WORD, Kind.QUOTED_NAME)
            and following.text == "("
            and token.text.strip('"').lower() in self.catalog.volatile
            for token, following in itertools.pairwise(tokens)
        )


def migration_finding(what: str, hint: str) -> Finding:
    """Return a finding on the schema, which no single line of the migrations is to blame for."""
    return Finding("sql/migrations", 1, 1, what, hint)


def row_class(query: Query) -> str:
    """Return the class of a query's rows, where they are of one of their own."""
    return f"{camel_case(query.name)}Row"


def _json_name(origin: TableColumn | None) -> str:
    return f"{origin.table}.{origin.name}" if origin else ""


def _marked(query: Query, column: ResultColumn, inferred: bool) -> bool:
    directive = query.directive("@column", column.name)
    return directive.mark == "?" if directive and directive.mark else inferred
