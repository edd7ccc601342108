"""The pool, without asyncio: what it lends, what it costs, and how it fails. test_database_async.py is its twin."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pgvector import Vector
from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout
from queries_by_hand import COUNT, NUMBER, NUMBERS, WRITE
from servers import OwnServer, own_server

from mathison_data import ConfigError, MathisonDataError, PoolExhaustedError, execution
from mathison_data.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database()
    database.configure(url=database_url, max_size=3, timeout=20)
    yield database
    database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


def _show(connection: psycopg.Connection[tuple[str, ...]], setting: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row
    return row[0]


def _write_and_fail(connection: psycopg.Connection[Any], *, begin: bool = False) -> None:
    if begin:
        connection.execute("BEGIN")
    execution.execute(connection, WRITE, {"slug": "lost"})
    raise KeyError


def test_nothing_opens_before_the_first_query(database: Database) -> None:
    assert database.stats() == {}
    assert execution.one(database, NUMBER, {"number": 1}) == 1
    assert database.stats()["pool_max"] == 3


def test_open_and_close_can_be_called_twice_and_a_closed_pool_opens_again(database: Database) -> None:
    database.open()
    database.open()
    assert (database.stats()["pool_size"], database.stats()["connections_num"]) == (1, 1)
    database.close()
    database.close()
    assert database.stats() == {}
    assert execution.one(database, NUMBER, {"number": 1}) == 1


def test_a_query_is_one_round_trip(server: OwnServer) -> None:
    database = Database()
    database.configure(url=server.url(), application_name="round_trips", max_size=1)
    database.open()
    before = len(server.statements("round_trips"))
    for number in range(8):  # beyond the fifth the statement is a prepared one
        assert execution.one(database, NUMBER, {"number": number}) == number
    assert execution.many(database, NUMBERS, {"number": 2}) == [1, 2]
    execution.execute(database, WRITE, {"slug": "one"})
    database.close()
    names = [statement.split(" */")[0] for statement in server.statements("round_trips")[before:]]
    assert names == ["/* tests.number"] * 8 + ["/* tests.numbers", "/* tests.write"]


def test_a_query_is_one_exchange_of_messages(database: Database, tmp_path: Path) -> None:
    """Count what goes over the wire, too: the log shows no empty message."""
    database.configure(max_size=1, prepared_statements=False)
    with (tmp_path / "trace").open("w") as trace:
        with database.connection() as connection:
            connection.pgconn.trace(trace.fileno())
        for number in range(3):
            execution.one(database, NUMBER, {"number": number})
        with database.connection() as connection:
            connection.pgconn.untrace()
    sent = [line.split("\t")[3] for line in (tmp_path / "trace").read_text().splitlines() if "\tF\t" in line]
    assert sent == ["Parse", "Bind", "Describe", "Execute", "Sync"] * 3


def test_a_transaction_is_its_statements_and_two_more(server: OwnServer) -> None:
    database = Database()
    database.configure(url=server.url(), application_name="transaction", max_size=1)
    database.open()
    before = len(server.statements("transaction"))
    with database.transaction(isolation_level=IsolationLevel.SERIALIZABLE, read_only=True) as tx:
        execution.one(tx, NUMBER, {"number": 1})
    database.close()
    begin, query, commit = server.statements("transaction")[before:]
    assert (begin, commit) == ("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", "COMMIT")
    assert query.startswith("/* tests.number */")


def test_what_is_lent_is_a_plain_psycopg_connection(database: Database) -> None:
    with database.connection() as connection:
        assert type(connection) is psycopg.Connection
        assert connection.autocommit
        assert connection.execute("""SELECT '{"a": 1}'::jsonb, 1""").fetchone() == ({"a": 1}, 1)
    with database.transaction() as tx:
        assert type(tx) is psycopg.Connection


def test_vectors_are_registered_where_the_extension_is(database: Database, empty_database_url: str) -> None:
    with database.connection() as connection:
        row = connection.execute("SELECT '[1,2]'::vector, %s::vector", [Vector([3, 4])]).fetchone()
        assert row == (Vector([1, 2]), Vector([3, 4]))
    without = Database()
    without.configure(url=empty_database_url)
    assert execution.one(without, NUMBER, {"number": 1}) == 1
    without.close()


def test_a_transaction_commits_or_rolls_back(database: Database) -> None:
    with database.transaction() as tx:
        execution.execute(tx, WRITE, {"slug": "kept"})
    with pytest.raises(KeyError), database.transaction() as tx:
        _write_and_fail(tx)
    assert execution.one(database, COUNT, {}) == 1


def test_a_transaction_within_a_transaction_is_a_savepoint(database: Database) -> None:
    with database.transaction() as tx:
        execution.execute(tx, WRITE, {"slug": "outer"})
        with pytest.raises(KeyError), tx.transaction():
            _write_and_fail(tx)
        with tx.transaction():
            execution.execute(tx, WRITE, {"slug": "second"})
    assert execution.one(database, COUNT, {}) == 2


@pytest.mark.parametrize("level", list(IsolationLevel))
def test_a_transaction_has_the_isolation_level_that_was_asked_for(database: Database, level: IsolationLevel) -> None:
    database.configure(max_size=1)
    with database.transaction(isolation_level=level) as tx:
        assert _show(tx, "transaction_isolation") == level.name.lower().replace("_", " ")
    with database.transaction() as tx:
        assert _show(tx, "transaction_isolation") == "read committed"


def test_a_read_only_transaction_writes_nothing(database: Database) -> None:
    database.configure(max_size=1)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), database.transaction(read_only=True) as tx:
        execution.execute(tx, WRITE, {"slug": "a"})
    with database.transaction() as tx:
        execution.execute(tx, WRITE, {"slug": "a"})


def test_what_was_changed_on_a_lent_connection_is_set_back(database: Database) -> None:
    database.configure(max_size=1)
    with database.connection() as connection:
        connection.autocommit = False
        connection.row_factory = dict_row  # type: ignore[assignment]
        connection.isolation_level = IsolationLevel.SERIALIZABLE
        connection.read_only = True
        connection.prepare_threshold = 0
        connection.execute("SELECT 1")
    with database.connection() as connection:
        assert connection.autocommit
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert (connection.isolation_level, connection.read_only) == (None, None)
        assert connection.prepare_threshold == 5


def test_a_transaction_begun_by_hand_ends_with_the_block(database: Database) -> None:
    database.configure(max_size=1)
    with database.connection() as connection:
        connection.execute("BEGIN")
        execution.execute(connection, WRITE, {"slug": "kept"})
    with pytest.raises(KeyError), database.connection() as connection:
        _write_and_fail(connection, begin=True)
    with database.connection() as connection:
        assert connection.info.transaction_status == TransactionStatus.IDLE
    assert execution.one(database, COUNT, {}) == 1


def test_a_pool_in_use_to_the_last_is_an_error_with_its_figures(database: Database) -> None:
    database.configure(max_size=1, timeout=0.6)
    with database.connection():
        start = time.monotonic()
        with pytest.raises(
            PoolExhaustedError, match=r"within 0\.6 s: 1 of 1 connections are open, 0 free, 0 more"
        ) as caught:
            execution.one(database, NUMBER, {"number": 1})
        assert time.monotonic() - start < 20
    assert isinstance(caught.value, PoolTimeout)
    assert isinstance(caught.value, MathisonDataError)
    assert execution.one(database, NUMBER, {"number": 1}) == 1


def test_the_figures_count_those_who_wait_and_no_others(database: Database) -> None:
    database.configure(max_size=1, timeout=2)
    database.open()

    def wait_in_vain() -> None:
        with pytest.raises(PoolExhaustedError):
            database.open()

    with database.connection():
        waiting = [threading.Thread(target=wait_in_vain) for _ in range(3)]
        for thread in waiting:
            thread.start()
        time.sleep(1)  # each has looked by now, and stands in the queue again
        assert database.stats()["requests_waiting"] == 3
        for thread in waiting:
            thread.join()
        assert database.stats()["requests_waiting"] == 0


def test_who_waits_longer_than_the_first_look_gets_the_connection_that_comes_free(database: Database) -> None:
    database.configure(max_size=1)
    database.open()
    lent = threading.Event()

    def hold() -> None:
        with database.connection():
            lent.set()
            time.sleep(0.6)

    holder = threading.Thread(target=hold)
    holder.start()
    assert lent.wait(20)
    assert execution.one(database, NUMBER, {"number": 1}) == 1
    holder.join()


def test_threads_share_one_pool(database: Database) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(execution.one(database, NUMBER, {"number": n})))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(20))
    assert database.stats()["pool_size"] <= 3


def test_a_server_that_is_down_is_told_at_once_with_its_reason(tmp_path: Path) -> None:
    database = Database()
    database.configure(url=f"postgresql://u@/d?host={tmp_path}", timeout=60)
    start = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="No such file or directory"):
        database.open()
    with pytest.raises(psycopg.OperationalError, match="No such file or directory"):
        execution.one(database, NUMBER, {"number": 1})
    assert time.monotonic() - start < 30
    database.close()


def test_a_server_that_does_not_answer_is_told_after_the_connect_timeout(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / ".s.PGSQL.5432"))
        mute.listen()
        database = Database()
        database.configure(url=f"postgresql://u@/d?host={tmp_path}", timeout=60, connect_timeout=1)
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            database.open()
        database.close()


def test_a_wrong_password_or_database_is_told_as_it_is(database_url: str) -> None:
    database = Database()
    database.configure(url=database_url.replace("/mathison_test_", "/missing_"))
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        database.open()
    database.close()


def test_settings_reach_the_server(database: Database) -> None:
    database.configure(application_name="billing", statement_timeout=0.2)
    with database.connection() as connection:
        assert _show(connection, "application_name") == "billing"
        assert _show(connection, "statement_timeout") == "200ms"
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(30)")


def test_statements_are_prepared_unless_switched_off(database: Database) -> None:
    for prepared, expected in ((True, 1), (False, 0)):
        database.configure(max_size=1, prepared_statements=prepared)
        for _ in range(8):
            execution.one(database, NUMBER, {"number": 1})
        with database.connection() as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '/* tests.number%'"
            ).fetchone()
            assert row == (expected,)
        database.close()


def test_settings_come_from_the_environment(database_url: str, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("MATHISON_POOL_MAX_SIZE", "7")
    monkeypatch.setenv("MATHISON_STATEMENT_TIMEOUT", "1.5")
    monkeypatch.setenv("MATHISON_PREPARED_STATEMENTS", "off")
    (project / ".env.local").write_text("MATHISON_APPLICATION_NAME=from-file\nMATHISON_POOL_MAX_SIZE=6\n")
    database = Database()
    with database.connection() as connection:
        assert database.stats()["pool_max"] == 7
        assert _show(connection, "application_name") == "from-file"
        assert _show(connection, "statement_timeout") == "1500ms"
        assert connection.prepare_threshold is None
    database.close()


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("MATHISON_POOL_MAX_SIZE", "many", "a whole number"),
        ("MATHISON_POOL_TIMEOUT", "soon", "a number of seconds"),
        ("MATHISON_PREPARED_STATEMENTS", "maybe", "on or off"),
        ("MATHISON_POOL_MAX_SIZE", "0", "max_size 0"),
        ("MATHISON_CONNECT_TIMEOUT", "-1", "connect_timeout is -1"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=reason):
        Database().open()


@pytest.mark.usefixtures("project")
def test_no_database_configured_is_an_error() -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL is not set"):
        Database().open()


def test_configure_refuses_what_cannot_be_and_an_open_pool(database: Database) -> None:
    with pytest.raises(ConfigError, match="min_size 5, max_size 3"):
        database.configure(min_size=5)
    database.open()
    with pytest.raises(ConfigError, match="call close"):
        database.configure(max_size=5)
    database.close()
    database.configure(max_size=5)
    database.open()
    assert database.stats()["pool_max"] == 5
