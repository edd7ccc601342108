"""The lexer knows a parameter from every other colon, and loses nothing of the text."""

from __future__ import annotations

import pytest

from mathison_data.codegen.findings import Source
from mathison_data.codegen.lexer import Kind, LexerError, tokens
from mathison_data.codegen.queryfile import Query, read
from mathison_data.codegen.statement import numbered, runnable

PARAMETERS = [
    ("SELECT :a, :b_2", ["a", "b_2"]),
    ("SELECT :a::text, x::text", ["a"]),
    ("SELECT ':a', 'it''s :b', :c", ["c"]),
    (r"SELECT E'it\'s :a', e'\\', :b", ["b"]),
    (r"SELECT 'C:\', :a", ["a"]),
    ("SELECT U&'d\\0061t:a', B'1', :b", ["b"]),
    ('SELECT ":a", "x"":b", :c', ["c"]),
    ("SELECT $$ :a $$, $x$ :b $$ $y$ $x$, :c", ["c"]),
    ("SELECT 1 -- :a at 12:30 :b\n, :c", ["c"]),
    ("SELECT /* :a /* :b */ :c */ :d", ["d"]),
    ("SELECT /* -- */ :a", ["a"]),
    ("SELECT x[1:n], x[lo:hi], x[(1):n], x['1':n]", []),
    ("SELECT x[:a], x[:a:b], x[:a : :b], x[1: :c]", ["a", "a", "a", "b", "c"]),
    ("SELECT ARRAY[:a, :b], ARRAY[1 + :c], x[f(:d)], x[CASE WHEN y THEN :e END]", ["a", "b", "c", "d", "e"]),
    ("SELECT x[f(1, :a)][2:n]", ["a"]),
    ("SELECT f(x := :a, y => :b)", ["a", "b"]),
    ("SELECT 1:a", ["a"]),
    ("SELECT a$b, c$1$d, :e", ["e"]),
    ("SELECT 5 % :a, x @> :b, x ? :c, -:d", ["a", "b", "c", "d"]),
    ("SELECT x - -1 -- :a", []),
    ("SELECT x*/* :a */:b", ["b"]),
    ("SELECT 'ä' , :ä", ["ä"]),
    ("SELECT '{\"a\": 1}'::jsonb, '[1:2]'", []),
    ("SELECT 'a'\n':b'", []),
    ("SELECT : a, x :", []),
]


@pytest.mark.parametrize(("text", "names"), PARAMETERS, ids=[text for text, _ in PARAMETERS])
def test_parameters(text: str, names: list[str]) -> None:
    cut = list(tokens(text))
    assert [token.name for token in cut if token.kind is Kind.PARAMETER] == names
    assert "".join(token.text for token in cut) == text
    assert all(text.startswith(token.text, token.offset) for token in cut)


@pytest.mark.parametrize(
    ("text", "offset", "what"),
    [
        ("SELECT 'a", 7, "this string is never closed"),
        (r"SELECT E'a\'", 7, "this string is never closed"),
        ("SELECT E'a\\", 7, "this string is never closed"),
        ("SELECT $x$ $y$", 7, "this string is never closed"),
        ('SELECT "a', 7, "this quoted name is never closed"),
        ("SELECT /* /* */", 7, "this comment is never closed"),
        ("SELECT $1", 7, "$1 is no parameter here"),
        ("SELECT :'a'", 7, "psql's :' is no parameter here"),
        ("SELECT 'a\n-- name: x :one\nSELECT 'b'", 7, "this string is never closed"),
    ],
)
def test_what_cannot_be_cut(text: str, offset: int, what: str) -> None:
    with pytest.raises(LexerError) as error:
        list(tokens(text))
    assert (error.value.offset, error.value.what) == (offset, what)


def test_reading_goes_on_at_the_next_query() -> None:
    file = read("things", Source("things.sql", "-- name: a :one\nSELECT 'x\n-- name: b :one\nSELECT 'y' AS y;\n"))
    assert [query.name for query in file.queries] == ["b"]
    assert [str(finding).partition(": this")[0] for finding in file.findings] == ["things.sql:2:8"]


def _query(body: str) -> Query:
    (query,) = read("things", Source("things.sql", f"-- name: get :many\n-- Words: äöü.\n{body};\n")).queries
    return query


def test_a_block_is_its_name_words_directives_and_statement() -> None:
    text = (
        "-- First.\r\n-- name: get_all :many\r\n-- One.\r\n--\r\n-- Two\r\n-- goes on.\r\n-- @param a?  may be\r\n"
        "--              left out\r\n-- @column b!: t.c words\r\n-- Three.\r\nSELECT :a\r\n;\r\n-- after\r\n"
    ).replace("\r\n", "\n")
    file = read("things", Source("things.sql", text))
    (query,) = file.queries
    assert file.findings == []
    assert file.description == ("First.",)
    assert (query.full_name, query.command, query.line) == ("things.get_all", "many", 2)
    assert query.description == ("One.", "Two goes on. Three.")
    assert [(d.kind, d.name, d.mark, d.shape, d.text) for d in query.directives] == [
        ("@param", "a", "?", "", "may be left out"),
        ("@column", "b", "!", "t.c", "words"),
    ]
    assert "".join(token.text for token in query.body) == "SELECT :a"


def test_a_statement_is_numbered_for_postgresql_and_named_for_psycopg() -> None:
    query = _query("SELECT x % :b, '5%' FROM t WHERE a = :a AND b = :b::int AND c = :a\n-- 100%: :c")
    pins = {"b": "integer", "a": "text"}
    assert numbered(query).text == "SELECT x % $1, '5%' FROM t WHERE a = $2 AND b = $1::int AND c = $2"
    assert numbered(query, pins).text == (
        "SELECT x % $1::integer, '5%' FROM t WHERE a = $2::text AND b = $1::int AND c = $2::text"
    )
    assert runnable(query, pins) == (
        "/* things.get */\nSELECT x %% %(b)s::integer, '5%%' FROM t "
        "WHERE a = %(a)s::text AND b = %(b)s::int AND c = %(a)s::text"
    )


@pytest.mark.parametrize(
    ("body", "pin", "pinned"),
    [
        ("SELECT :a::text", "text", "SELECT $1::text"),
        ("SELECT :a::text[]", "text", "SELECT $1::text::text[]"),
        ("SELECT :a::text", "text[]", "SELECT $1::text[]::text"),
        ("SELECT :a::timestamptz", "timestamp with time zone", "SELECT $1::timestamptz"),
        ("SELECT :a::timestamptz[]", "timestamp with time zone[]", "SELECT $1::timestamptz[]"),
        ("SELECT :a::date", "timestamp with time zone", "SELECT $1::timestamp with time zone::date"),
        ("SELECT :a::intx", "integer", "SELECT $1::integer::intx"),
        ("SELECT :a::numeric(8, 2)", "numeric", "SELECT $1::numeric::numeric(8, 2)"),
        ('SELECT :a::"Role"', '"Role"', 'SELECT $1::"Role"'),
        ("SELECT :a[1]", "text[]", "SELECT ($1::text[])[1]"),
        ("SELECT x FROM t FETCH FIRST :a ROWS ONLY", "bigint", "SELECT x FROM t FETCH FIRST ($1::bigint) ROWS ONLY"),
    ],
)
def test_a_parameter_is_cast_once_and_where_a_cast_may_stand(body: str, pin: str, pinned: str) -> None:
    assert numbered(_query(body), {"a": pin}).text == pinned


def test_a_position_leads_back_to_the_file() -> None:
    query = _query("SELECT :long_name, wrong, :other FROM t")
    text = query.source.text
    for pins in (None, {"long_name": "timestamp with time zone", "other": "text"}):
        statement = numbered(query, pins)
        for word in ("SELECT", "wrong", "FROM"):
            assert statement.offset(statement.text.index(word) + 1) == text.index(word)
        assert statement.offset(statement.text.index("$2") + 1) == text.index(":other")
    assert statement.offset(len(statement.text) + 1) == text.index(";") - 1
