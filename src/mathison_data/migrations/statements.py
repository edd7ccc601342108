"""Splits a file of SQL into its statements by the rules that psql has, so that a file means here what it means there.

Knows strings, E'' and its continuation, quoted names, dollar quotes, nested comments, parentheses, and the bodies of
functions that are written between BEGIN ATOMIC and END.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field


class SplitError(Exception):
    """Something in the text never ends; `line` is where it begins."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


@dataclass
class Found:
    """One statement: the line of its first word, its text without the semicolon, its bare words in lower case.

    Words inside of parentheses are left out; a quoted name keeps its quotes.
    """

    line: int
    sql: str
    words: list[str]


@dataclass
class Scan:
    """All that a text holds: its statements, its comments and its psql commands, each with the line it is on."""

    statements: list[Found] = field(default_factory=list)
    line_comments: list[tuple[int, str]] = field(default_factory=list)
    psql_commands: list[tuple[int, str]] = field(default_factory=list)
    # How many of the comments stand before everything else, each on a line of its own.
    leading: int = 0


# A comment may stand between the parts of a string that goes on in the next line.
_GOES_ON = r"[ \t\f\v]*(?:--[^\n]*)?\n(?:\s+|--[^\n]*\n)*"
_TOKEN = re.compile(
    rf"""
      (?P<space> \s+ )
    | (?P<comment> --[^\n]* )
    | (?P<block> /\* )
    | (?P<escaped> [eE]'(?:[^'\\]|\\.|'')*+' (?:{_GOES_ON}'(?:[^'\\]|\\.|'')*+')* )
    | (?P<string> '[^']*+(?:''[^']*+)*+' )
    | (?P<quoted> "[^"]*+(?:""[^"]*+)*+" )
    | (?P<dollar> \$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$ )
    | (?P<word> [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]* )
    | (?P<number> [0-9][A-Za-z0-9_.]* | \$[0-9]+ )
    | (?P<backslash> \\[^\n]* )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_NEVER_ENDS = {"'": "a string", '"': "a quoted name"}


def scan(text: str) -> Scan:
    """Split a text whose lines end in a bare newline. Raises SplitError for what never ends."""
    result = Scan()
    begin, begin_line, words = -1, 0, list[str]()
    parentheses = blocks = 0
    only_comments = True
    for kind, piece, start, line in _tokens(text):
        if kind == "comment":
            result.line_comments.append((line, piece))
            result.leading += only_comments and not text[text.rfind("\n", 0, start) + 1 : start].strip()
            continue
        only_comments = False
        if kind == "block":
            continue
        if kind == "backslash":
            result.psql_commands.append((line, piece))
        elif piece == ";" and parentheses == 0 and blocks == 0:
            if begin >= 0:
                result.statements.append(Found(begin_line, text[begin:start].rstrip(), words))
            begin, words = -1, []
            continue
        if begin < 0:
            begin, begin_line = start, line
            parentheses = blocks = 0
        if piece == "(":
            parentheses += 1
        elif piece == ")":
            parentheses = max(0, parentheses - 1)
        elif parentheses == 0 and kind in ("word", "quoted"):
            word = piece.lower() if kind == "word" else piece
            blocks = max(0, blocks + _opens(word, words, blocks))
            words.append(word)
    if begin >= 0:
        if parentheses or blocks:
            raise SplitError(begin_line, "a parenthesis" if parentheses else "the body that begins with BEGIN ATOMIC")
        result.statements.append(Found(begin_line, text[begin:].rstrip(), words))
    return result


def _opens(word: str, before: list[str], blocks: int) -> int:
    """Tell by how many the open blocks of a function's body change at this word."""
    head = [name for name in before[:4] if name not in ("or", "replace")]
    if head[:1] != ["create"] or head[1:2] not in (["function"], ["procedure"]):
        return 0
    if word == "atomic" and before[-1] == "begin":
        return 1
    if blocks and word == "case":  # it ends with END, too
        return 1
    return -1 if blocks and word == "end" else 0


def _tokens(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield kind, text, offset and line of each token but white space."""
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match
        assert match.lastgroup
        kind, start, end = match.lastgroup, position, match.end()
        if kind == "block":
            end = _end_of_block(text, start, line)
        elif kind == "dollar":
            tag = match.group()
            closing = text.find(tag, end)
            if closing < 0:
                raise SplitError(line, f"the string that begins with {tag}")
            kind, end = "string", closing + len(tag)
        elif kind == "other" and (what := _NEVER_ENDS.get(match.group())):
            raise SplitError(line, what)
        token = text[start:end]
        if kind != "space":
            yield kind, token, start, line
        line += token.count("\n")
        position = end


def _end_of_block(text: str, start: int, line: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    raise SplitError(line, "a comment")
