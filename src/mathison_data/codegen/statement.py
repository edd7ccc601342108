"""Writes a query's statement out: with $1 for PostgreSQL to describe, with %(name)s for psycopg to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mathison_data.codegen.lexer import Kind, Token
from mathison_data.codegen.queryfile import Query

_SHORT_NAMES = {
    "timestamptz": "timestamp with time zone",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "bool": "boolean",
    "float8": "double precision",
}


@dataclass(frozen=True)
class Numbered:
    """A statement with $1, $2, …, and where in the query file each piece of it comes from."""

    text: str
    pieces: tuple[tuple[int, Token], ...]  # where each token begins in the text

    def offset(self, position: int) -> int:
        """Return the file's offset of a position (from 1) in the text."""
        begin, token = next((piece for piece in reversed(self.pieces) if piece[0] < position), self.pieces[0])
        within = position - 1 - begin
        return token.offset + (within if within < len(token.text) else 0)


def numbered(query: Query, pins: Mapping[str, str] | None = None) -> Numbered:
    """Return the statement for PREPARE; `pins` are the types that parameters are cast to, by name."""
    numbers = {name: f"${index}" for index, name in enumerate(query.parameters, start=1)}
    text = ""
    pieces = []
    for index, token in enumerate(query.body):
        pieces.append((len(text), token))
        text += _piece(query.body, index, numbers.__getitem__, pins)
    return Numbered(text, tuple(pieces))


def runnable(query: Query, pins: Mapping[str, str]) -> str:
    """Return the statement for psycopg: named, its parameters cast, each % doubled.

    The doubling is right even without parameters, for psycopg is always given a dict, if an empty one.
    """
    text = f"/* {query.full_name} */\n"
    for index in range(len(query.body)):
        piece = _piece(query.body, index, lambda name: f"\0{name}\0", pins).replace("%", "%%")
        before, *named = piece.split("\0")
        text += f"{before}%({named[0]})s{named[1]}" if named else before
    return text


def _piece(
    body: tuple[Token, ...], index: int, placeholder: Callable[[str], str], pins: Mapping[str, str] | None
) -> str:
    token = body[index]
    if token.kind is not Kind.PARAMETER:
        return token.text
    text = placeholder(token.name)
    if pins is None or _is_cast(body, index, pins[token.name]):
        return text
    text = f"{text}::{pins[token.name]}"
    following = next((other for other in body[index + 1 :] if other.matters), None)
    previous = next((other for other in reversed(body[:index]) if other.matters), None)
    # x::text[1] would be an array type, and FETCH FIRST takes no cast without brackets.
    needs_brackets = (following and following.text in ("[", ".")) or (previous and previous.is_word("FIRST", "NEXT"))
    return f"({text})" if needs_brackets else text


def _is_cast(body: tuple[Token, ...], index: int, pin: str) -> bool:
    """Tell whether the query itself casts the parameter to the very type."""
    following = "".join(" " if other.kind is Kind.SPACE else other.text for other in body[index + 1 : index + 12])
    if not following.startswith("::"):
        return False
    for short, long in _SHORT_NAMES.items():
        if _starts_with_type(following[2:], short + pin.removeprefix(long)) and pin.startswith(long):
            return True
    return _starts_with_type(following[2:], pin)


def _starts_with_type(text: str, name: str) -> bool:
    rest = text[len(name) :].lstrip()
    return text.startswith(name) and not (rest[:1] in ("[", "(") or text[len(name) :][:1].isalnum() or rest[:1] == "_")


def column_offset(query: Query, index: int, count: int) -> int | None:
    """Return where a result column is named in the file: at its last name; None when that can't be told.

    The columns are what stands between commas after the last RETURNING or the first SELECT that is in no brackets.
    """
    items: list[list[Token]] = []
    depth = 0
    for token in (token for token in query.body if token.matters):
        if depth == 0 and (token.is_word("RETURNING") or (token.is_word("SELECT") and not items)):
            items = [[]]
        elif depth == 0 and items and token.is_word("FROM", "WHERE", "UNION", "INTERSECT", "EXCEPT", "GROUP", "ORDER"):
            break
        elif items:
            depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
            if depth == 0 and token.text == ",":
                items.append([])
            else:
                items[-1].append(token)
        else:
            depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
    if len(items) != count or not items[index]:
        return None
    named = items[index][-1].kind in (Kind.WORD, Kind.QUOTED_NAME)
    return items[index][-1 if named and not items[index][-1].text[0].isdigit() else 0].offset
