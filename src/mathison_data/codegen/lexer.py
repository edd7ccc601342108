"""Cuts SQL into tokens as PostgreSQL does, and knows `:name` for a parameter.

A colon is none of its own business within strings ('', E'', U&'', $tag$), quoted names, comments (nested ones as well),
in `::` and `:=`, and in an array slice such as `a[1:n]`, where it directly follows what it cuts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

_OPERATORS = frozenset("+-*/<>=~!@#%^&|`?")
_HEADER = "name:"


class Kind(Enum):
    """What a token is."""

    SPACE = auto()
    LINE_COMMENT = auto()
    BLOCK_COMMENT = auto()
    STRING = auto()
    QUOTED_NAME = auto()
    WORD = auto()  # a key word, a name or a number
    PARAMETER = auto()
    OPERATOR = auto()
    PUNCTUATION = auto()


@dataclass(frozen=True)
class Token:
    """A piece of the text, as it stands there."""

    kind: Kind
    text: str
    offset: int

    @property
    def end(self) -> int:
        """Offset just behind it."""
        return self.offset + len(self.text)

    @property
    def name(self) -> str:
        """The name of a parameter."""
        return self.text[1:]

    @property
    def matters(self) -> bool:
        """Whether PostgreSQL would see it: neither space nor comment."""
        return self.kind not in (Kind.SPACE, Kind.LINE_COMMENT, Kind.BLOCK_COMMENT)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these key words, given in upper case."""
        return self.kind is Kind.WORD and self.text.upper() in words


class LexerError(Exception):
    """The text can't be cut at `offset`; reading can go on at `resume`."""

    def __init__(self, offset: int, what: str, hint: str, resume: int) -> None:
        super().__init__(what)
        self.offset, self.what, self.hint, self.resume = offset, what, hint, resume


def is_header(comment: str) -> bool:
    """Tell whether a line comment begins a named query."""
    return comment.startswith("--") and comment[2:].lstrip().startswith(_HEADER)


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """Cut the text from `start` on, leaving nothing out. Raises LexerError."""
    scanner = _Scanner(text)
    offset = start
    while offset < len(text):
        kind, end = scanner.token(offset)
        yield Token(kind, text[offset:end], offset)
        offset = end


class _Scanner:
    """Finds where the token at an offset ends; remembers open brackets, for a slice is only within []."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.brackets: list[str] = []

    def token(self, offset: int) -> tuple[Kind, int]:
        character = self.text[offset]
        if character.isspace():
            return Kind.SPACE, self._run(offset, str.isspace)
        if self.text.startswith("--", offset):
            return Kind.LINE_COMMENT, self._end_of_line(offset)
        if self.text.startswith("/*", offset):
            return Kind.BLOCK_COMMENT, self._block_comment(offset)
        if character == "'":
            return Kind.STRING, self._quoted(offset, "'")
        if character in "eE" and self.text.startswith("'", offset + 1):
            return Kind.STRING, self._escape_string(offset)
        if character == '"':
            return Kind.QUOTED_NAME, self._quoted(offset, '"')
        if character == "$":
            return Kind.STRING, self._dollar_string(offset)
        if _in_word(character):
            return Kind.WORD, self._run(offset, lambda other: _in_word(other) or other == "$")
        if character == ":":
            return self._colon(offset)
        if character in _OPERATORS:
            return Kind.OPERATOR, self._operator(offset)
        if character in "([":
            self.brackets.append(character)
        elif character in ")]" and self.brackets:
            self.brackets.pop()
        return Kind.PUNCTUATION, offset + 1

    def _run(self, offset: int, belongs: Callable[[str], bool]) -> int:
        end = offset + 1
        while end < len(self.text) and belongs(self.text[end]):
            end += 1
        return end

    def _end_of_line(self, offset: int) -> int:
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def _block_comment(self, offset: int) -> int:
        depth, end = 1, offset + 2
        while depth:
            if end >= len(self.text):
                raise self._unterminated(offset, offset + 2, "comment", "Close it with */, once for each /* within it")
            if self.text.startswith("/*", end):
                depth, end = depth + 1, end + 2
            elif self.text.startswith("*/", end):
                depth, end = depth - 1, end + 2
            else:
                end += 1
        return end

    def _quoted(self, offset: int, quote: str) -> int:
        """Return the end of a string or a quoted name; a doubled quote within it makes two of it, to the same end."""
        what = "string" if quote == "'" else "quoted name"
        end = self.text.find(quote, offset + 1)
        if end < 0 or ((header := self._next_header(offset)) is not None and header < end):
            raise self._unterminated(offset, offset, what, f"Close it with {quote}; within it, double it")
        return end + 1

    def _escape_string(self, offset: int) -> int:
        end = offset + 2
        while end < len(self.text):
            if self.text[end] == "\\" or self.text.startswith("''", end):
                end += 2
            elif self.text[end] == "'":
                header = self._next_header(offset)
                if header is not None and header < end:
                    break
                return end + 1
            else:
                end += 1
        raise self._unterminated(offset, offset, "string", "Close it with '; within it, write \\'")

    def _dollar_string(self, offset: int) -> int:
        end = self._run(offset, _in_word)
        if not self.text.startswith("$", end):
            raise LexerError(offset, f"{self.text[offset:end]} is no parameter here", "Write :name", end)
        tag = self.text[offset : end + 1]
        close = self.text.find(tag, end + 1)
        if close < 0:
            raise self._unterminated(offset, offset, "string", f"Close it with {tag}")
        return close + len(tag)

    def _colon(self, offset: int) -> tuple[Kind, int]:
        following = self.text[offset + 1 : offset + 2]
        if following in (":", "="):
            return Kind.PUNCTUATION, offset + 2
        if following in ("'", '"') and following:
            raise LexerError(offset, f"psql's :{following} is no parameter here", "Write :name", offset + 1)
        in_slice = self.brackets[-1:] == ["["] and offset > 0 and _ends_operand(self.text[offset - 1])
        if in_slice or not (following.isalpha() or following == "_"):
            return Kind.PUNCTUATION, offset + 1
        return Kind.PARAMETER, self._run(offset, _in_word)

    def _operator(self, offset: int) -> int:
        end = offset + 1
        while end < len(self.text) and self.text[end] in _OPERATORS:
            if self.text.startswith(("--", "/*"), end):
                break
            end += 1
        return end

    def _unterminated(self, offset: int, after: int, what: str, hint: str) -> LexerError:
        """Return the error; reading goes on at the next named query, which the open string has swallowed."""
        header = self._next_header(after)
        return LexerError(offset, f"this {what} is never closed", hint, len(self.text) if header is None else header)

    def _next_header(self, offset: int) -> int | None:
        """Return where the next line begins that looks like the head of a named query."""
        line = self._end_of_line(offset) + 1
        while line < len(self.text):
            if is_header(self.text[line : self._end_of_line(line)]):
                return line
            line = self._end_of_line(line) + 1
        return None


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_" or character > "\x7f"


def _ends_operand(character: str) -> bool:
    return _in_word(character) or character in ")]'\""
