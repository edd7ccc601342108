"""Reads a query file: blocks that begin with `-- name: list_published :many`, in plain SQL that runs in psql.

    -- name: list_published :many
    -- Published recipes by display name; comment lines become the docstring.
    -- @param category?    only this category; None means all
    -- @column install_note!
    SELECT id, slug, ... WHERE :category::text IS NULL OR category = :category

`@param x?` may be None, and is when it is left out. `@column x!` and `@column x?` correct an inferred nullability.
Both take words for the documentation, and `: table.column` before them for JSON whose shape is that column's.
JSON that comes in as no column holds it has its shape in documents.JSON_PARAMETERS.
`@returns Recipe` says that the rows are whole rows of that table, where PostgreSQL can't tell (a UNION, say).
A directive goes on in lines that are indented deeper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mathison_data.codegen.findings import Finding, Source, did_you_mean
from mathison_data.codegen.lexer import Kind, LexerError, Token, is_header, tokens
from mathison_data.codegen.naming import parameter_name_problem, query_name_problem

COMMANDS = ("one", "optional", "many", "exec", "execrows", "stream")
_STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "WITH")
_DIRECTIVES = {"@param": "?", "@column": "!?", "@returns": ""}


@dataclass(frozen=True)
class Directive:
    """A line such as `-- @param category?: recipes.category only this category`."""

    kind: str
    name: str
    mark: str
    shape: str
    text: str
    offset: int


@dataclass(frozen=True)
class Query:
    """A named query as it is written; nothing is known of the database yet."""

    module: str
    name: str
    command: str
    source: Source
    offset: int
    description: tuple[str, ...]  # paragraphs
    directives: tuple[Directive, ...]
    body: tuple[Token, ...]

    @property
    def full_name(self) -> str:
        """Name with its module: `recipes.get_by_slug`."""
        return f"{self.module}.{self.name}"

    @property
    def line(self) -> int:
        """The line of its head."""
        return self.source.position(self.offset)[0]

    @property
    def parameters(self) -> dict[str, Token]:
        """Where each parameter stands first, in that order."""
        found: dict[str, Token] = {}
        for token in self.body:
            if token.kind is Kind.PARAMETER:
                found.setdefault(token.name, token)
        return found

    def directive(self, kind: str, name: str) -> Directive | None:
        """Return the directive on a parameter or column."""
        return next((d for d in self.directives if d.kind == kind and d.name == name), None)

    def finding(self, what: str, hint: str = "", offset: int | None = None) -> Finding:
        """Return a finding at an offset of the file, else at the statement's first word."""
        return self.source.finding(self.body[0].offset if offset is None else offset, what, hint)


@dataclass
class QueryFile:
    """What a file holds: its queries, its opening comment, and what is wrong with it."""

    module: str
    description: tuple[str, ...] = ()
    queries: list[Query] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read(module: str, source: Source) -> QueryFile:
    """Read a query file; faults are collected, and queries without a fault are kept."""
    file = QueryFile(module)
    if query_name_problem(module):
        file.findings.append(source.finding(0, f"a query file can't be called {module}.sql", "Name it after its table"))
    seen: dict[str, Token] = {}
    for block in _blocks(source, file):
        name = _name(block)
        if first := seen.get(name):
            what = f"there are two queries {name}, the first in line {source.position(first.offset)[0]}"
            file.findings.append(source.finding(block.header.offset, what, "Rename one"))
        if name:
            seen.setdefault(name, block.header)
        if block.broken:
            continue
        before = len(file.findings)
        file.findings.extend(_check(block, source))
        if len(file.findings) == before:
            file.queries.append(_query(block, module, source))
    if not file.queries and not file.findings:
        file.findings.append(
            source.finding(0, "there is no query in this file", "Begin one with -- name: get :optional")
        )
    return file


@dataclass
class _Block:
    header: Token
    comments: list[Token]
    body: list[Token]
    broken: bool = False  # when a part of it can't be cut


def _name(block: _Block) -> str:
    """Return the name that a head gives; nothing when it gives none."""
    words = block.header.text.partition("name:")[2].split()
    return words[0] if words and not words[0].startswith(":") else ""


def _blocks(source: Source, file: QueryFile) -> Iterator[_Block]:
    """Cut a file at its headers; what stands before the first one may only be comment."""
    block: _Block | None = None
    opening: list[Token] = []
    for token in _tokens(source, file):
        if token is None:
            if block:
                block.broken = True
            continue
        if token.kind is Kind.LINE_COMMENT and is_header(token.text) and _begins_line(source, token):
            if block:
                yield block
            block = _Block(token, [], [])
        elif block is None:
            if token.matters and not file.findings:
                file.findings.append(
                    source.finding(token.offset, "this belongs to no query", "Begin one with -- name: get :optional")
                )
            opening.append(token)
        elif not block.body and not token.matters:
            block.comments.append(token)
        else:
            block.body.append(token)
    file.description = _paragraphs([text for text, _ in _comment_lines(opening)])
    if block:
        yield block


def _tokens(source: Source, file: QueryFile) -> Iterator[Token | None]:
    """Cut the whole text; None stands for a part that can't be cut, reported once."""
    start = 0
    while start < len(source.text):
        try:
            yield from tokens(source.text, start)
            return
        except LexerError as error:
            file.findings.append(source.finding(error.offset, error.what, error.hint))
            yield None
            start = error.resume


def _begins_line(source: Source, token: Token) -> bool:
    return not source.text[source.text.rfind("\n", 0, token.offset) + 1 : token.offset].strip()


def _check(block: _Block, source: Source) -> Iterator[Finding]:
    """Find what can be seen without a database."""
    words = block.header.text.partition("name:")[2].split()
    at = block.header.offset
    legal = ", ".join(f":{command}" for command in COMMANDS)
    if not words or words[0].startswith(":"):
        yield source.finding(at, "the query has no name", "Write -- name: verb_noun :command")
    elif problem := query_name_problem(words[0]):
        yield source.finding(at, problem, "Write verb_noun, such as list_published")
    elif len(words) == 1:
        yield source.finding(at, f"{words[0]} does not say what it returns", f"Add one of {legal}")
    elif words[1].removeprefix(":") not in COMMANDS or not words[1].startswith(":"):
        guess = did_you_mean(words[1].removeprefix(":"), COMMANDS, ":{}") or f"It is one of {legal}"
        yield source.finding(at, f"{words[1]} is no command", guess)
    elif len(words) > 2:
        yield source.finding(at, f"{' '.join(words[2:])} is too much", "Comments go on lines of their own")
    for text, offset in _split_comments(block.comments)[1]:
        yield from _check_directive(text, offset, source)
    yield from _check_body(block, source)


def _check_directive(text: str, offset: int, source: Source) -> Iterator[Finding]:
    word = text.split()[0]
    if word not in _DIRECTIVES:
        known = ", ".join(_DIRECTIVES)
        yield source.finding(offset, f"{word} is no directive", did_you_mean(word, _DIRECTIVES) or f"Known are {known}")
        return
    directive = _directive(text, offset)
    taken = " or ".join(_DIRECTIVES[word]) or "none"
    if not directive.name:
        yield source.finding(offset, f"{word} names nothing", f"Write {word} and a name")
    elif directive.mark and directive.mark not in _DIRECTIVES[word]:
        yield source.finding(
            offset,
            f"{word} {directive.name}{directive.mark} has a mark that means nothing there",
            f"{word} takes {taken}",
        )
    elif not (directive.mark or directive.text or directive.shape) and word != "@returns":
        yield source.finding(
            offset, f"{word} {directive.name} says nothing", "Add a mark, a shape or words, or remove it"
        )


def _check_body(block: _Block, source: Source) -> Iterator[Finding]:
    statement = [token for token in block.body if token.matters]
    ends = [index for index, token in enumerate(statement) if token.text == ";"]
    if not statement or ends[:1] == [0]:
        yield source.finding(block.header.offset, "there is no statement", "Write it below the comments")
        return
    if ends and ends[0] + 1 < len(statement):
        second = statement[ends[0] + 1]
        yield source.finding(second.offset, "this is a second statement", "Give it a -- name: of its own")
        statement = statement[: ends[0]]
    first = next((token for token in statement if token.text != "("), statement[0])
    if not first.is_word(*_STATEMENTS):
        yield source.finding(
            first.offset, f"a query can't begin with {first.text}", f"It is one of {', '.join(_STATEMENTS)}"
        )
    for token in statement:
        if token.kind is Kind.PARAMETER and (problem := parameter_name_problem(token.name)):
            yield source.finding(token.offset, problem, "Call it something else")
    for token, label in _stars(statement):
        yield source.finding(
            token.offset,
            f"{label} is not allowed",
            "Name the columns, so that a new one in the table changes nothing here",
        )


def _stars(statement: list[Token]) -> Iterator[tuple[Token, str]]:
    """Find each * that stands for columns, and what to call it: not count(*), no product, not f(r.*)."""
    openers: list[bool] = []  # whether each open bracket holds a subquery
    for index, token in enumerate(statement):
        previous = statement[index - 1] if index else token
        following = statement[index + 1] if index + 1 < len(statement) else token
        if token.text in ("(", "["):
            openers.append(following.is_word(*_STATEMENTS))
        elif token.text in (")", "]") and openers:
            openers.pop()
        elif token.text == "*" and (
            previous.is_word("SELECT", "DISTINCT", "ALL", "RETURNING")
            or following.is_word("FROM")
            or (previous.text == "," and not _begins_operand(following))
            or (previous.text == "." and all(openers[-1:]))
        ):
            table = statement[index - 2].text if previous.text == "." else ""
            yield token, f"{table}.*" if table else f"{previous.text} *" if previous.kind is Kind.WORD else "*"


def _begins_operand(token: Token) -> bool:
    return token.kind in (Kind.WORD, Kind.QUOTED_NAME, Kind.STRING, Kind.PARAMETER) or token.text == "("


def _query(block: _Block, module: str, source: Source) -> Query:
    name, command = block.header.text.partition("name:")[2].split()
    description, directives = _split_comments(block.comments)
    last = max(index for index, token in enumerate(block.body) if token.matters and token.text != ";")
    return Query(
        module=module,
        name=name,
        command=command.removeprefix(":"),
        source=source,
        offset=block.header.offset,
        description=_paragraphs(description),
        directives=tuple(_directive(text, offset) for text, offset in directives),
        body=tuple(block.body[: last + 1]),
    )


def _comment_lines(comments: list[Token]) -> Iterator[tuple[str, int]]:
    for token in comments:
        if token.kind is Kind.LINE_COMMENT:
            yield token.text[2:], token.offset


def _split_comments(comments: list[Token]) -> tuple[list[str], list[tuple[str, int]]]:
    """Part the lines of the docstring from the directives, each joined with the deeper lines that go on with it."""
    description: list[str] = []
    directives: list[tuple[str, int]] = []
    indent: int | None = None  # of the directive that may go on
    for text, offset in _comment_lines(comments):
        depth = len(text) - len(text.lstrip())
        if text.strip().startswith("@"):
            directives.append((text.strip(), offset + 2 + depth))
            indent = depth
        elif indent is not None and text.strip() and depth > indent:
            directives[-1] = (f"{directives[-1][0]} {text.strip()}", directives[-1][1])
        else:
            description.append(text)
            indent = None
    return description, directives


def _directive(text: str, offset: int) -> Directive:
    """Take `@param name?: table.column words` apart."""
    kind, _, rest = text.partition(" ")
    rest = rest.strip()
    end = next((i for i, character in enumerate(rest) if not (character.isalnum() or character == "_")), len(rest))
    name, rest = rest[:end], rest[end:]
    mark = rest[:1] if rest[:1] not in ("", " ", ":") else ""
    rest = rest[len(mark) :].strip()
    shape = ""
    if rest.startswith(":"):
        shape, _, rest = rest[1:].strip().partition(" ")
    return Directive(kind, name, mark, shape, " ".join(rest.split()), offset)


def _paragraphs(lines: list[str]) -> tuple[str, ...]:
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            paragraphs[-1].append(line.strip())
        elif paragraphs[-1]:
            paragraphs.append([])
    return tuple(" ".join(paragraph) for paragraph in paragraphs if paragraph)
