"""The pool with asyncio: what it lends, how it fails, cancellation, and event loops. test_database.py is its twin."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel
from psycopg.rows import dict_row
from queries_by_hand import COUNT, NUMBER, NUMBERS, READINGS, SLEEP, WRITE, WRITE_RETURNING

from mathison_data import ConfigError, NoRowError, PoolExhaustedError, TooManyRowsError
from mathison_data.aio import execution
from mathison_data.aio.database import AsyncDatabase
from mathison_data.database import db as sync_db
from mathison_data.execution import Query

Scenario = Callable[[AsyncDatabase], Awaitable[None]]


@pytest.fixture
def database(database_url: str) -> AsyncDatabase:
    database = AsyncDatabase()
    database.configure(url=database_url, max_size=3, timeout=20)
    return database


def _run(database: AsyncDatabase, scenario: Scenario) -> None:
    async def run() -> None:
        try:
            await scenario(database)
        finally:
            await database.close()

    asyncio.run(run())


async def _all_connections_work(database: AsyncDatabase) -> None:
    """Take every connection that the pool may have, at the same time, and use it."""
    taken = [await database.borrow() for _ in range(3)]
    for connection in taken:
        cursor = await connection.execute("SELECT 1")
        assert await cursor.fetchone() == (1,)
    for connection in taken:
        await database.give_back(connection)
    assert database.stats()["pool_available"] == database.stats()["pool_size"] == 3


def test_every_directive(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        assert await execution.one(database, NUMBER, {"number": 1}) == 1
        assert await execution.optional(database, READINGS, {"number": 0}) is None
        assert [reading.quota.cpu for reading in await execution.many(database, READINGS, {"number": 2})] == ["1", "2"]
        await execution.execute(database, WRITE, {"slug": "a"})
        assert await execution.execute_rows(database, WRITE, {"slug": "b"}) == 1
        assert await execution.one(database, WRITE_RETURNING, {"slug": "c"}) == "c"
        assert await execution.one(database, COUNT, {}) == 3
        with pytest.raises(NoRowError, match=r"tests\.readings"):
            await execution.one(database, READINGS, {"number": 0})
        with pytest.raises(TooManyRowsError, match=r"tests\.readings"):
            await execution.optional(database, READINGS, {"number": 2})
        with pytest.raises(psycopg.errors.UniqueViolation):
            await execution.execute(database, WRITE, {"slug": "a"})

    _run(database, scenario)


def test_a_stream_gives_records_by_the_batch(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        async with execution.stream(database, READINGS, {"number": 1000}) as readings:
            assert [reading.number async for reading in readings] == list(range(1, 1001))
        async with execution.stream(database, NUMBERS, {"number": 1000}) as numbers:
            assert await anext(numbers) == 1
        async with database.transaction() as tx:
            await execution.execute(tx, WRITE, {"slug": "a"})
            async with execution.stream(tx, COUNT, {}) as counts:
                assert [count async for count in counts] == [1]
        assert await execution.one(database, COUNT, {}) == 1
        assert database.stats()["pool_available"] == database.stats()["pool_size"]

    _run(database, scenario)


def test_transactions_and_savepoints(database: AsyncDatabase) -> None:
    async def write_and_fail(tx: psycopg.AsyncConnection[tuple[object, ...]], slug: str) -> None:
        await execution.execute(tx, WRITE, {"slug": slug})
        raise KeyError

    async def lose() -> None:
        async with database.transaction() as tx:
            await write_and_fail(tx, "lost")

    async def read_only() -> None:
        async with database.transaction(read_only=True) as tx:
            await execution.execute(tx, WRITE, {"slug": "lost"})

    async def scenario(database: AsyncDatabase) -> None:
        async with database.transaction(isolation_level=IsolationLevel.REPEATABLE_READ) as tx:
            assert type(tx) is psycopg.AsyncConnection
            cursor = await tx.execute("SHOW transaction_isolation")
            assert await cursor.fetchone() == ("repeatable read",)
            await execution.execute(tx, WRITE, {"slug": "kept"})
            try:
                async with tx.transaction():
                    await write_and_fail(tx, "inner")
            except KeyError:
                pass
        with pytest.raises(KeyError):
            await lose()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await read_only()
        assert await execution.one(database, COUNT, {}) == 1

    database.configure(max_size=1)
    _run(database, scenario)


def test_what_was_changed_on_a_lent_connection_is_set_back(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        async with database.connection() as connection:
            await connection.set_autocommit(False)
            await connection.set_read_only(True)
            connection.row_factory = dict_row  # type: ignore[assignment]
        async with database.connection() as connection:
            assert connection.autocommit
            assert connection.read_only is None
            cursor = await connection.execute("SELECT 1")
            assert await cursor.fetchone() == (1,)

    database.configure(max_size=1)
    _run(database, scenario)


def test_a_pool_in_use_to_the_last_is_an_error_with_its_figures(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        async with database.connection():
            with pytest.raises(PoolExhaustedError, match="1 of 1 connections are open, 0 free, 0 more"):
                await execution.one(database, NUMBER, {"number": 1})
        assert await execution.one(database, NUMBER, {"number": 1}) == 1

    database.configure(max_size=1, timeout=0.6)
    _run(database, scenario)


def test_the_figures_count_those_who_wait_and_no_others(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        await database.open()
        async with database.connection():
            waiting = [asyncio.create_task(database.open()) for _ in range(3)]
            await asyncio.sleep(1)  # each has looked by now, and stands in the queue again
            assert database.stats()["requests_waiting"] == 3
            waiting[0].cancel()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(result) for result in results] == [asyncio.CancelledError] + [PoolExhaustedError] * 2
            assert database.stats()["requests_waiting"] == 0

    database.configure(max_size=1, timeout=2)
    _run(database, scenario)


def test_tasks_share_one_pool_also_when_they_are_first_at_once(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        found = await asyncio.gather(*(execution.one(database, NUMBER, {"number": n}) for n in range(30)))
        assert found == list(range(30))
        assert database.stats()["pool_size"] <= 3

    _run(database, scenario)


def test_a_cancelled_query_leaves_the_pool_whole(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        await database.open()
        start = time.monotonic()
        tasks = [asyncio.create_task(execution.one(database, SLEEP, {"seconds": 60})) for _ in range(5)]
        await asyncio.sleep(0.5)  # three run, two wait for a connection
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 5
        await _all_connections_work(database)
        assert time.monotonic() - start < 40  # the server was told to stop

    _run(database, scenario)


def test_queries_cancelled_at_any_moment_leave_the_pool_whole(database: AsyncDatabase) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        chance = random.Random(1)
        await database.open()
        for _ in range(15):
            tasks = [asyncio.create_task(execution.many(database, READINGS, {"number": 20})) for _ in range(8)]
            for task in tasks:
                await asyncio.sleep(chance.random() * 0.003)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await _all_connections_work(database)

    _run(database, scenario)


def test_a_cancelled_transaction_is_rolled_back(database: AsyncDatabase) -> None:
    async def work(database: AsyncDatabase) -> None:
        async with database.transaction() as tx:
            await execution.execute(tx, WRITE, {"slug": "lost"})
            await execution.one(tx, SLEEP, {"seconds": 60})

    async def scenario(database: AsyncDatabase) -> None:
        task = asyncio.create_task(work(database))
        await asyncio.sleep(0.4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await execution.one(database, COUNT, {}) == 0
        await _all_connections_work(database)

    _run(database, scenario)


def test_each_event_loop_has_a_fresh_pool_also_when_none_was_closed(database: AsyncDatabase) -> None:
    for number in range(3):
        assert asyncio.run(execution.one(database, NUMBER, {"number": number})) == number
        gc.collect()  # nothing warns of what was left behind: warnings are errors here
    asyncio.run(database.close())


def test_loops_that_are_used_in_turn_never_hang(database: AsyncDatabase) -> None:
    """As test tools do that keep one loop for a session and another one for each test."""
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    for loop in (first, second, first, second):
        assert loop.run_until_complete(asyncio.wait_for(execution.one(database, NUMBER, {"number": 1}), 30)) == 1
    second.run_until_complete(database.close())
    for loop in (first, second):
        deadline = time.monotonic() + 30
        while asyncio.all_tasks(loop):  # the workers of the pool that was left
            assert time.monotonic() < deadline
            loop.run_until_complete(asyncio.sleep(0.02))
        loop.close()


def test_the_connections_of_a_loop_that_ended_are_closed(database: AsyncDatabase, database_url: str) -> None:
    database.configure(application_name="left-behind")
    for _ in range(3):
        asyncio.run(execution.one(database, NUMBER, {"number": 1}))
    deadline = time.monotonic() + 30
    with psycopg.connect(database_url, autocommit=True) as connection:
        while True:
            gc.collect()  # what was cut off while it connected
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'left-behind'"
            ).fetchone()
            if row and row[0] <= 2:  # those of the last loop
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
    asyncio.run(database.close())


def test_a_connection_that_is_still_lent_when_its_loop_ends_is_closed(database: AsyncDatabase) -> None:
    lent = asyncio.run(database.borrow())
    assert not lent.closed
    assert asyncio.run(execution.one(database, NUMBER, {"number": 1})) == 1
    assert lent.closed
    asyncio.run(database.close())


def test_two_loops_that_run_at_the_same_time_are_refused(database: AsyncDatabase) -> None:
    opened, done = threading.Event(), threading.Event()

    async def keep_open() -> None:
        await database.open()
        opened.set()
        await asyncio.to_thread(done.wait, 60)
        assert await execution.one(database, NUMBER, {"number": 2}) == 2  # it was left alone
        await database.close()

    thread = threading.Thread(target=asyncio.run, args=(keep_open(),))
    thread.start()
    assert opened.wait(30)
    with pytest.raises(ConfigError, match="another event loop"):
        asyncio.run(execution.one(database, NUMBER, {"number": 1}))
    done.set()
    thread.join(60)
    assert asyncio.run(execution.one(database, NUMBER, {"number": 1})) == 1
    asyncio.run(database.close())


def test_a_server_that_is_down_is_told_at_once(tmp_path: object) -> None:
    async def scenario(database: AsyncDatabase) -> None:
        with pytest.raises(psycopg.OperationalError, match="No such file or directory"):
            await database.open()

    database = AsyncDatabase()
    database.configure(url=f"postgresql://u@/d?host={tmp_path}", timeout=60)
    start = time.monotonic()
    _run(database, scenario)
    assert time.monotonic() - start < 30


def test_a_query_outlives_a_migration_that_changes_a_type(database: AsyncDatabase, database_url: str) -> None:
    query = Query(
        name="tests.label", sql="UPDATE labels SET hits = hits + 1 RETURNING label", row=str, columns=("label",)
    )

    async def scenario(database: AsyncDatabase) -> None:
        connections = [await database.borrow() for _ in range(3)]
        for connection in connections:
            for _ in range(6):
                await execution.one(connection, query, {})
        for connection in connections:
            await database.give_back(connection)
        other.execute("ALTER TABLE labels ALTER COLUMN label TYPE text")
        assert [await execution.one(database, query, {}) for _ in range(4)] == ["a"] * 4
        assert [await execution.many(database, query, {}) for _ in range(4)] == [["a"]] * 4
        async with database.connection() as connection:
            assert connection.prepare_threshold == 5

    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("CREATE TABLE labels (label varchar(20) NOT NULL, hits integer NOT NULL)")
        other.execute("INSERT INTO labels VALUES ('a', 0)")
        _run(database, scenario)
        assert other.execute("SELECT hits FROM labels").fetchone() == (3 * 6 + 8,)


@pytest.mark.parametrize("wrong", ["postgresql://u@h/d", None, sync_db])
def test_what_a_query_cannot_run_on_is_told(database: AsyncDatabase, wrong: Any) -> None:
    async def scenario(_: AsyncDatabase) -> None:
        for call in (execution.one, execution.optional, execution.many, execution.execute, execution.execute_rows):
            with pytest.raises(
                TypeError, match=r"runs on mathison_data\.aio\.db or a psycopg\.AsyncConnection, not on a"
            ):
                await call(wrong, NUMBER, {"number": 1})
        with pytest.raises(TypeError, match=r"psycopg\.AsyncConnection, not on a"):
            async with execution.stream(wrong, NUMBERS, {"number": 1}):
                pass

    _run(database, scenario)
