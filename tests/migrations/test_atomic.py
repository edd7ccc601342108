"""Whole or not at all: processes and servers are killed for real, wherever they are in a run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from databases import create, url_of
from migration_runs import (
    apply,
    finish,
    is_running,
    kill_process,
    roll_back,
    run,
    start,
    wait_until,
    wire,
    write,
)

from mathison_data import migrations
from mathison_data.embedded import EmbeddedServer
from mathison_data.errors import MathisonDataError, MigrationFailedError
from mathison_data.migrations.sessions import mask

T = TypeVar("T")

# Each leaves a row, so that what ran twice is seen.
THREE = {
    "0001_create_runs": "CREATE TABLE runs (id int);\nINSERT INTO runs VALUES (1);",
    "0002_create_second": "INSERT INTO runs VALUES (2);\nCREATE TABLE second (id int);\nINSERT INTO second VALUES (1);",
    "0003_create_third": "INSERT INTO runs VALUES (3);\nCREATE TABLE third (id int);",
}


def edge(url: str) -> int:
    """How many migrations a database has; fails unless all that tells it says the same."""
    with psycopg.connect(url, autocommit=True) as connection:

        def ids(table: str, column: str) -> list[int]:
            row = connection.execute("SELECT to_regclass(%s)", [table]).fetchone()
            if not row or row[0] is None:
                return []
            query = f"SELECT left({column}::text, 4)::int FROM {table} ORDER BY 1"
            return [int(one[0]) for one in connection.execute(query)]

        done = ids("runs", "id")
        assert done == list(range(1, len(done) + 1))
        assert ids("_yoyo_migration", "migration_id") == ids("mathison_migration", "migration_id") == done
        logged = ids("_yoyo_log", "migration_id")
        assert logged == done
        row = connection.execute("SELECT to_regclass('second'), to_regclass('third')").fetchone()
        assert row == ("second" if len(done) >= 2 else None, "third" if len(done) >= 3 else None)
        return len(done)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return write(tmp_path / "migrations", THREE)


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """A server of this test alone, which it may kill; where no other run of pytest bars the way to it."""
    directory = Path(tempfile.mkdtemp(prefix="mathison-killed-"))
    server = EmbeddedServer(directory)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(directory)


def is_gone(url: str) -> bool:
    """Tell whether no run is left in the server."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mathison-data'"
        )
        return rows.fetchone() is None


def test_a_run_that_is_killed_after_any_packet_is_at_an_edge(server_url: str, three: Path) -> None:
    """Every statement, BEGIN and COMMIT is a packet or more, so this covers every boundary between them."""
    name = f"mathison_test_killed_{os.getpid()}"
    url = url_of(server_url, name)

    def fresh() -> None:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            create(admin, name, "template0")

    fresh()
    with wire(url) as listing:  # makes the tables, too
        run(listing.url, "list", str(three))
    fresh()
    with wire(url) as whole:
        code, said = run(whole.url, "apply", str(three))
        assert code == 0, said
    edges, killed = [], 0
    # Before the first migration every fourth packet will do.
    before = listing.packets - 6
    try:
        for packet in (*range(1, before, 4), *range(before, whole.packets + 1)):
            fresh()
            with wire(url, packet, kill_process) as cutting:
                process = start(cutting.url, "apply", str(three))
                cutting.pid = process.pid
                code, said = finish(process)
            wait_until(lambda: is_gone(url))
            edges.append(edge(url))
            # Statements travel together now and then, so a run may be through before it comes to the last packets.
            killed += code == -signal.SIGKILL
            assert code == -signal.SIGKILL or (code, edges[-1]) == (0, 3), (packet, said)
            apply(url, three)
            assert edge(url) == 3, packet
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT * FROM yoyo_lock").fetchall() == []
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert len(set(edges)) > 2  # it depends on the moment which of the edges are met
    assert killed > len(edges) / 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_the_middle_of_a_long_statement(empty_database_url: str, three: Path, number: signal.Signals) -> None:
    slow = THREE["0003_create_third"].replace(";\nCREATE", ";\nSELECT pg_sleep(600);\nCREATE")
    write(three, {"0003_create_third": slow})
    process = start(empty_database_url, "apply", str(three))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        wait_until(lambda: is_running(connection, "pg_sleep(600)"))
        process.send_signal(number)
        code, said = finish(process)
        assert code == (130 if number == signal.SIGINT else -number), said
        killed = time.monotonic()
        wait_until(lambda: not is_running(connection, "pg_sleep(600)"))
        assert time.monotonic() - killed < 30  # it would be 600
    wait_until(lambda: is_gone(empty_database_url))
    assert edge(empty_database_url) == 2
    write(three, THREE)
    code, said = run(empty_database_url, "apply", str(three))
    assert code == 0, said
    assert edge(empty_database_url) == 3


@pytest.mark.parametrize("position", range(4))
def test_killed_at_each_boundary_between_statements(empty_database_url: str, three: Path, position: int) -> None:
    """The statements of a file are sent together: the server is at this one when the process dies."""
    statements = THREE["0002_create_second"].split("\n")
    statements.insert(position, "SELECT pg_sleep(600);")
    write(three, {"0002_create_second": "\n".join(statements)})
    process = start(empty_database_url, "apply", str(three))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        wait_until(lambda: is_running(connection, "pg_sleep(600)"))
        process.kill()
        finish(process)
        wait_until(lambda: is_gone(empty_database_url))
    assert edge(empty_database_url) == 1
    write(three, THREE)
    apply(empty_database_url, three)
    assert edge(empty_database_url) == 3


def test_the_server_is_killed_in_the_middle_of_a_statement(own_server: EmbeddedServer, three: Path) -> None:
    slow = THREE["0003_create_third"].replace(";\nCREATE", ";\nSELECT pg_sleep(600);\nCREATE")
    write(three, {"0003_create_third": slow})
    process = start(own_server.url(), "apply", str(three))
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        wait_until(lambda: is_running(connection, "pg_sleep(600)"))
        os.kill(int((own_server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    code, said = finish(process)
    assert code == 1, said
    assert "Traceback" not in said
    assert re.search(r"0003_create_third.sql: .*The connection is lost.*run it again", said), said
    own_server.start()
    assert edge(own_server.url()) == 2
    write(three, THREE)
    apply(own_server.url(), three)
    assert edge(own_server.url()) == 3


def test_the_server_crashes_at_any_boundary(own_server: EmbeddedServer, three: Path) -> None:
    """A server process is killed: the server ends all others and recovers, as after a crash."""
    url = own_server.url("crashing")

    def fresh() -> None:
        with psycopg.connect(own_server.url("postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS crashing WITH (FORCE)")
            admin.execute("CREATE DATABASE crashing TEMPLATE template0")

    def crash(_pid: int) -> None:
        with psycopg.connect(own_server.url("postgres"), autocommit=True) as admin:
            rows = admin.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'crashing'").fetchall()
        for (pid,) in rows:
            os.kill(pid, signal.SIGKILL)

    def until_it_is_back(work: Callable[[], T]) -> T:
        """Do it again while the server is still going down or coming up: it may take a connection in between."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return work()
            except (MathisonDataError, psycopg.OperationalError):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    fresh()
    with wire(url) as whole:
        apply(whole.url, three)
    edges = []
    for packet in range(4, whole.packets - 2, 5):
        until_it_is_back(fresh)
        with wire(url, packet, crash) as cutting, suppress(MathisonDataError, psycopg.Error):
            apply(cutting.url, three)
        edges.append(until_it_is_back(lambda: edge(url)))
        until_it_is_back(lambda: apply(url, three))
        assert until_it_is_back(lambda: edge(url)) == 3, packet
    assert len(set(edges)) > 1  # it depends on the moment which of the edges are met


def test_a_statement_that_fails_is_named_and_nothing_stays(empty_database_url: str, three: Path) -> None:
    write(
        three,
        {
            "0003_create_third": (
                "-- Why.\nINSERT INTO runs VALUES (3);\n\nCREATE TABLE third (id int PRIMARY KEY);\n"
                "INSERT INTO third\nVALUES (7),\n  (7);\n"
            )
        },
    )
    code, said = run(empty_database_url, "apply", str(three))
    assert code == 1
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert f"{three}/0003_create_third.sql:5: duplicate key value violates unique constraint" in last
    assert "Key (id)=(7) already exists" in last  # the detail
    assert last.endswith("Statement: INSERT INTO third VALUES (7), (7)")
    assert edge(empty_database_url) == 2


def test_the_line_is_the_one_that_postgresql_means(empty_database_url: str, three: Path) -> None:
    write(three, {"0003_create_third": "/* two\nlines */\nSELECT 1,\n  nope\nFROM runs;"})
    with pytest.raises(MigrationFailedError, match=r'third.sql:4: column "nope" does not exist'):
        apply(empty_database_url, three)


def test_a_hint_and_the_place_in_a_block_are_given(empty_database_url: str, three: Path) -> None:
    body = "DO $$\nBEGIN\n  RAISE EXCEPTION 'no' USING DETAIL = 'since so', HINT = 'try that';\nEND\n$$;"
    write(three, {"0003_create_third": body})
    with pytest.raises(MigrationFailedError, match=r"sql:1: no. since so. try that \(PL/pgSQL .* line 3 at RAISE\)"):
        apply(empty_database_url, three)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE pg_x PASSWORD 'hunter2secret'",  # names with pg_ are refused
        "ALTER ROLE nobody_here WITH LOGIN ENCRYPTED PASSWORD E'hunter2secret'",
        "CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere password=hunter2secret' PUBLICATION p, p WITH (connect = off)",
    ],
)
def test_a_password_is_never_shown(empty_database_url: str, three: Path, statement: str) -> None:
    write(three, {"0003_create_third": statement})
    code, said = run(empty_database_url, "apply", str(three))
    assert code == 1
    assert "hunter2secret" not in said
    assert "***" in said


@pytest.mark.parametrize(
    ("statement", "masked"),
    [
        ("CREATE ROLE r PASSWORD 'hunter''2' LOGIN", "CREATE ROLE r PASSWORD *** LOGIN"),
        ("CREATE ROLE r PASSWORD E'hun\\'ter2' LOGIN", "CREATE ROLE r PASSWORD *** LOGIN"),
        ("CREATE ROLE r PASSWORD U&'hunter2' LOGIN", "CREATE ROLE r PASSWORD *** LOGIN"),
        ("CREATE ROLE r PASSWORD 'hun'\n'ter2' LOGIN", "CREATE ROLE r PASSWORD *** LOGIN"),
        ("CREATE ROLE r PASSWORD $$hunter 2$$ LOGIN", "CREATE ROLE r PASSWORD *** LOGIN"),
        ("CREATE ROLE r PASSWORD $a$hunter$$2$a$ LOGIN", "CREATE ROLE r PASSWORD *** LOGIN"),
        ("CREATE ROLE r PASSWORD 'hunter 2", "CREATE ROLE r PASSWORD ***"),  # cut off
        ("CREATE ROLE r PASSWORD $$hunter 2", "CREATE ROLE r PASSWORD ***"),
        ("CONNECTION 'postgresql://u:hunter2@h/d' PUBLICATION p", "CONNECTION 'postgresql://u:***@h/d' PUBLICATION p"),
        ("dblink($$postgresql://u:hunt@er2@h/d$$)", "dblink($$postgresql://u:***@h/d$$)"),
        ("dblink('host=h password=hunter2 user=u')", "dblink('host=h password=*** user=u')"),
        ("dblink($$password = hunter2 user=u$$)", "dblink($$password = *** user=u$$)"),
        ("dblink('password=''hunter 2'' user=u')", "dblink('password=*** user=u')"),
        ("SELECT password FROM t WHERE a = 'x'", "SELECT password FROM t WHERE a = 'x'"),
    ],
)
def test_a_password_is_blotted_out_however_it_is_written(statement: str, masked: str) -> None:
    assert mask(statement) == masked


def test_what_fails_at_the_commit_says_so(empty_database_url: str, three: Path) -> None:
    write(
        three,
        {
            "0003_create_third": (
                "CREATE TABLE third (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO third VALUES (7), (7);"
            )
        },
    )
    with pytest.raises(MigrationFailedError, match=r"third.sql: duplicate key .*when it was to be committed"):
        apply(empty_database_url, three)
    assert edge(empty_database_url) == 2


def test_what_a_file_sets_does_not_reach_the_bookkeeping_or_the_next_one(empty_database_url: str, three: Path) -> None:
    role = f"migrator_{os.getpid()}"
    write(
        three,
        {
            "0002_create_second": f"CREATE ROLE {role};\nSET search_path = pg_catalog;\nSET lock_timeout = '7s';\n"
            f"INSERT INTO public.runs VALUES (2); CREATE TABLE public.second ();\nSET ROLE {role};\nSELECT 1;",
            "0003_create_third": "INSERT INTO runs VALUES (3);\nCREATE TABLE third AS "
            "SELECT current_setting('lock_timeout') AS lock_timeout, current_user::text = session_user AS is_me;",
        },
    )
    try:
        apply(empty_database_url, three)
        assert edge(empty_database_url) == 3
        with psycopg.connect(empty_database_url) as connection:
            assert connection.execute("SELECT * FROM third").fetchall() == [("2s", True)]
    finally:
        with psycopg.connect(empty_database_url, autocommit=True) as connection:
            connection.execute(f"DROP ROLE IF EXISTS {role}")


def test_force_does_not_mark_what_is_broken(empty_database_url: str, three: Path) -> None:
    write(three, {"0002_create_second": "SELECT 1 / 0;"})
    code, said = run(empty_database_url, "apply", "--force", str(three))
    assert code == 1
    assert "--force would mark a broken migration as applied" in said
    assert edge(empty_database_url) == 0


def test_a_rollback_is_as_whole_as_an_apply(empty_database_url: str, three: Path) -> None:
    write(three, {"0003_create_third.rollback": "DELETE FROM runs WHERE id = 3;\nDROP TABLE third;\nSELECT 1 / 0;"})
    apply(empty_database_url, three)
    with pytest.raises(MigrationFailedError, match=r"0003_create_third.rollback.sql:3: division by zero"):
        roll_back(empty_database_url, three)
    assert edge(empty_database_url) == 3


def test_ten_thousand_statements_in_one_file(empty_database_url: str, three: Path) -> None:
    many = "CREATE TABLE many (id int);\n" + "".join(f"INSERT INTO many VALUES ({n});\n" for n in range(10_000))
    write(three, {"0004_create_many": many})
    code, said = run(empty_database_url, "apply", str(three))  # not for ever, that is
    assert code == 0, said
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT count(*) FROM many").fetchone() == (10_000,)
        assert not migrations.state(connection, three).pending
