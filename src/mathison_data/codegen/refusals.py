"""Turns PostgreSQL's refusal of a query into a finding: where in the file, in the file's words, and what to do."""

from __future__ import annotations

from mathison_data.codegen.describe import Catalog, DescribeError, enum_labels
from mathison_data.codegen.findings import Finding, did_you_mean
from mathison_data.codegen.lexer import Kind
from mathison_data.codegen.queryfile import Query
from mathison_data.codegen.statement import Numbered

_UNTYPED = ("42P18", "42P08")  # indeterminate_datatype, ambiguous_parameter


def finding(query: Query, statement: Numbered, error: DescribeError, catalog: Catalog) -> Finding:
    """Return the finding for a refusal."""
    message = _with_names(query, error.message)
    detail = _with_names(query, error.detail)
    offset = statement.offset(error.position) if error.position else None
    if error.state in _UNTYPED and "could not determine" in error.message:
        name = next((n for i, n in _numbers(query) if error.message.endswith(f" ${i}")), None)
        if name is not None:
            where = query.parameters[name].offset if offset is None else offset
            return query.finding(
                f"the type of :{name} can't be told from here", f"Add a cast, such as :{name}::text", where
            )
    what = message + (f" ({detail.rstrip('.')})" if detail else "")
    return query.finding(what, _hint(query, error, catalog), offset)


def _numbers(query: Query) -> list[tuple[int, str]]:
    return list(enumerate(query.parameters, start=1))


def _with_names(query: Query, text: str) -> str:
    for number, name in reversed(_numbers(query)):
        text = text.replace(f"${number}", f":{name}")
    return text


def _hint(query: Query, error: DescribeError, catalog: Catalog) -> str:
    wrong = _last_name(error.message)
    tables = {table.name for table in catalog.tables.values()}
    if error.state == "42P01" and error.message.startswith("relation"):  # undefined_table
        return did_you_mean(wrong, tables) or "A migration makes it, or it is misspelt"
    if error.state == "42703":  # undefined_column
        if "reference the column" in error.hint:
            return f"Did you mean {error.hint.split(chr(34))[1]}?"
        words = {token.text for token in query.body if token.kind is Kind.WORD}
        columns = {c.name for t in catalog.tables.values() if t.name in words for c in t.columns.values()}
        wrong = error.message.split('"')[1] if '"' in error.message else wrong
        return did_you_mean(wrong, columns) or error.hint
    if error.state == "42P01":
        return "A table that has an alias goes by that alone"
    if error.state == "42883" and error.message.startswith("function"):  # undefined_function
        name = wrong.partition("(")[0]
        return error.hint if name in catalog.functions else did_you_mean(name, catalog.functions) or error.hint
    if error.state == "42704" and error.message.startswith("type"):  # undefined_object
        return did_you_mean(wrong, {enum.name for enum in catalog.enums}, '"{}", in double quotes')
    if error.state == "22P02" and "enum" in error.message:  # invalid_text_representation
        return did_you_mean(wrong, enum_labels(catalog), "'{}'")
    if error.state == "42P08":
        return "Cast it wherever it stands, to the same type"
    return error.hint


def _last_name(message: str) -> str:
    """Return the name that a message is about: the last one in quotes, else the word after the first."""
    if '"' in message:
        return message.split('"')[-2].rpartition(".")[2]
    return message.split()[1].rpartition(".")[2] if len(message.split()) > 1 else message
