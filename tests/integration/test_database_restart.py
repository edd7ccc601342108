"""A server that goes away and comes back: what only reads is run once more, what writes never is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from queries_by_hand import COUNT, NUMBER, NUMBERS, READINGS, SLEEP, WRITE, WRITE_RETURNING
from servers import OwnServer, own_server

from mathison_data import execution
from mathison_data.aio import execution as aio_execution
from mathison_data.aio.database import AsyncDatabase
from mathison_data.database import Database
from mathison_data.execution import Query


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def database(server: OwnServer) -> Iterator[Database]:
    database = Database()
    database.configure(url=server.url(), min_size=3, max_size=3, timeout=30)
    with psycopg.connect(server.url()) as connection:
        connection.execute("TRUNCATE tenants")
    _fill(database)
    yield database
    database.close()


def _fill(database: Database) -> None:
    """Have all three connections open and used."""
    borrowed = [database.borrow() for _ in range(3)]
    for connection in borrowed:
        database.give_back(connection)


def _end_sessions(server: OwnServer, query: str) -> None:
    """End every session that runs a query that sleeps, as soon as one does."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        deadline = time.monotonic() + 30
        while not admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s AND wait_event = 'PgSleep'",
            [f"/* {query} */%"],
        ).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.02)


READS: list[tuple[Callable[..., Any], Query[Any], Any]] = [
    (execution.one, NUMBER, 3),
    (execution.optional, NUMBER, 3),
    (execution.many, NUMBERS, [1, 2, 3]),
]


@pytest.mark.parametrize(("run", "query", "expected"), READS)
def test_a_read_after_a_restart_succeeds(
    server: OwnServer, database: Database, run: Callable[..., Any], query: Query[Any], expected: Any
) -> None:
    server.restart()
    assert run(database, query, {"number": 3}) == expected
    assert [run(database, query, {"number": 3}) for _ in range(6)] == [expected] * 6


def test_writes_and_transactions_work_after_a_restart_too_for_the_loss_is_seen_before(
    server: OwnServer, database: Database
) -> None:
    server.restart()
    execution.execute(database, WRITE, {"slug": "a"})
    server.restart()
    with database.transaction() as tx:
        execution.execute(tx, WRITE, {"slug": "b"})
    assert execution.one(database, COUNT, {}) == 2


@pytest.mark.parametrize(("run", "query", "expected"), READS)
def test_a_read_on_a_connection_that_looked_alive_is_run_once_more(
    database: Database, monkeypatch: pytest.MonkeyPatch, server: OwnServer, run: Any, query: Query[Any], expected: Any
) -> None:
    monkeypatch.setattr("mathison_data.database.is_whole", lambda _connection: True)  # as when a network drops silently
    server.restart()
    assert run(database, query, {"number": 3}) == expected


def test_a_read_that_is_cut_off_in_the_middle_is_run_once_more(server: OwnServer, database: Database) -> None:
    killer = threading.Thread(target=_end_sessions, args=(server, "tests.sleep"))
    killer.start()
    before = len(server.statements("pytest"))
    assert execution.one(database, SLEEP, {"seconds": 1}) == ""
    killer.join()
    assert sum("tests.sleep" in each for each in server.statements("pytest")[before:]) == 2


def test_a_read_is_run_once_more_and_not_for_ever(server: OwnServer, database: Database) -> None:
    def kill_twice() -> None:
        _end_sessions(server, "tests.sleep")
        _end_sessions(server, "tests.sleep")

    killer = threading.Thread(target=kill_twice)
    killer.start()
    with pytest.raises(psycopg.OperationalError):
        execution.one(database, SLEEP, {"seconds": 3})
    killer.join()
    assert execution.one(database, NUMBER, {"number": 1}) == 1


@pytest.mark.parametrize(("run", "query"), [(execution.execute, WRITE), (execution.one, WRITE_RETURNING)])
def test_a_write_is_never_run_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, server: OwnServer, run: Any, query: Query[Any]
) -> None:
    monkeypatch.setattr("mathison_data.database.is_whole", lambda _connection: True)
    server.restart()
    with pytest.raises(psycopg.OperationalError):
        run(database, query, {"slug": "once"})
    monkeypatch.undo()
    assert execution.one(database, COUNT, {}) == 0


def test_a_read_within_a_transaction_is_never_run_again(server: OwnServer, database: Database) -> None:
    def read_after_a_restart() -> None:
        with database.transaction() as tx:
            server.restart()
            execution.one(tx, NUMBER, {"number": 1})

    with pytest.raises(psycopg.OperationalError):
        read_after_a_restart()
    assert execution.one(database, NUMBER, {"number": 1}) == 1


def test_an_error_of_the_statement_is_no_reason_to_run_it_again(server: OwnServer, database: Database) -> None:
    database.close()
    database.configure(statement_timeout=0.1, application_name="timeout")
    with pytest.raises(psycopg.errors.QueryCanceled):
        execution.one(database, SLEEP, {"seconds": 30})
    assert sum("tests.sleep" in each for each in server.statements("timeout")) == 1


def test_while_the_server_is_down_the_reason_is_told_and_then_it_works_again(
    server: OwnServer, database: Database
) -> None:
    server.stop()
    start = time.monotonic()
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError, match="No such file or directory"):
            execution.one(database, NUMBER, {"number": 1})
    assert time.monotonic() - start < 25
    server.start()
    assert execution.one(database, NUMBER, {"number": 1}) == 1
    assert database.stats()["pool_available"] >= 1


def test_the_async_pool_does_the_same(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        database = AsyncDatabase()
        database.configure(url=server.url(), min_size=3, max_size=3)
        await database.open()
        server.restart()
        assert await aio_execution.one(database, NUMBER, {"number": 1}) == 1
        monkeypatch.setattr("mathison_data.aio.database.is_whole", lambda _connection: True)
        server.restart()
        assert len(await aio_execution.many(database, READINGS, {"number": 2})) == 2
        server.restart()
        with pytest.raises(psycopg.OperationalError):
            await aio_execution.execute(database, WRITE, {"slug": "never"})
        monkeypatch.undo()
        assert await aio_execution.optional(database, COUNT, {}) == 0
        server.stop()
        with pytest.raises(psycopg.OperationalError, match="No such file or directory"):
            await aio_execution.one(database, NUMBER, {"number": 1})
        server.start()
        assert await aio_execution.one(database, NUMBER, {"number": 1}) == 1
        await database.close()

    with psycopg.connect(server.url()) as connection:
        connection.execute("TRUNCATE tenants")
    asyncio.run(scenario())
