"""One runner at a time, by a lock that dies with its session."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import ROOT
from migration_runs import apply, backend, finish, is_running, run, start, stock_url, wait_until, write

from mathison_data import migrations
from mathison_data.errors import MigrationLockedError
from mathison_data.migrations import lock

SLOW = {"0001_create_a": "CREATE TABLE a (id int);", "0002_create_b": "SELECT pg_sleep(600);"}


@pytest.fixture
def watcher(empty_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database_url, autocommit=True, application_name="watcher") as connection:
        yield connection


def lock_rows(connection: psycopg.Connection) -> list[tuple[int]]:
    return connection.execute("SELECT pid FROM yoyo_lock").fetchall()


def test_ten_at_once_on_a_fresh_database(empty_database_url: str, watcher: psycopg.Connection) -> None:
    runs = [start(empty_database_url, "apply", str(ROOT / "sql" / "migrations")) for _ in range(10)]
    ends = [finish(one) for one in runs]
    assert [code for code, _ in ends] == [0] * 10, ends
    applied = re.findall(r"^applied (\S+)", "\n".join(said for _, said in ends), re.MULTILINE)
    ids = [migration.id for migration in migrations.read()]
    assert applied == ids  # all by one of them, each once
    assert [row[0] for row in watcher.execute("SELECT migration_id FROM _yoyo_log ORDER BY 1")] == ids
    assert lock_rows(watcher) == []


def test_who_waits_says_for_whom_and_gives_up(
    empty_database_url: str, watcher: psycopg.Connection, tmp_path: Path
) -> None:
    directory = write(tmp_path / "m", SLOW)
    holder = start(empty_database_url, "apply", str(directory))
    wait_until(lambda: is_running(watcher, "pg_sleep(600)"))
    try:
        code, said = run(empty_database_url, "apply", str(directory), MATHISON_MIGRATE_LOCK_WAIT="1.5")
        assert code == 1
        who = r"pid \d+, application mathison-data, user \S+, running SELECT pg_sleep\(600\), since 20\d\d-\S+ \S+ UTC"
        assert re.search(rf"waiting for another run, up to 1.5 s: {who}", said), said
        assert re.search(rf"another run holds the lock, and 1.5 s are over: {who}.*MATHISON_MIGRATE_LOCK_WAIT", said), (
            said
        )
        # break-lock leaves a run that lives alone
        code, said = run(empty_database_url, "break-lock", str(directory))
        assert code == 1
        assert "its owner lives: pid" in said
        assert len(lock_rows(watcher)) == 1
    finally:
        holder.kill()
        finish(holder)


def test_who_waits_goes_on_when_the_other_is_done(
    empty_database_url: str, watcher: psycopg.Connection, tmp_path: Path
) -> None:
    directory = write(tmp_path / "m", {"0001_create_a": "SELECT pg_sleep(2);\nCREATE TABLE a (id int);"})
    first = start(empty_database_url, "apply", str(directory))
    wait_until(lambda: is_running(watcher, "pg_sleep(2)"))
    code, said = run(empty_database_url, "apply", str(directory))
    assert code == 0
    assert "waiting for another run" in said
    assert "applied 0001" not in said
    assert finish(first)[0] == 0


def test_the_row_of_a_run_that_was_killed_is_removed(
    empty_database_url: str, watcher: psycopg.Connection, tmp_path: Path
) -> None:
    directory = write(tmp_path / "m", SLOW)
    holder = start(empty_database_url, "apply", str(directory))
    wait_until(lambda: is_running(watcher, "pg_sleep(600)"))
    holder.send_signal(signal.SIGKILL)
    finish(holder)
    assert len(lock_rows(watcher)) == 1
    # The orphan holds the lock until the server sees that its client is gone: no second run beside it.
    write(directory, {"0002_create_b": "CREATE TABLE b (id int);"})
    code, said = run(empty_database_url, "apply", str(directory))
    assert code == 0, said
    assert re.search(r"removed a lock that was left over, of server process \d+", said)
    assert lock_rows(watcher) == []


def test_a_yoyo_on_its_own_backend_is_waited_for_while_it_lives(
    empty_database_url: str, watcher: psycopg.Connection, tmp_path: Path
) -> None:
    directory = write(tmp_path / "m", SLOW)
    other = start(empty_database_url, "apply", str(directory), database=stock_url(empty_database_url))
    wait_until(lambda: is_running(watcher, "pg_sleep(600)"))
    try:
        code, said = run(empty_database_url, "apply", str(directory), MATHISON_MIGRATE_LOCK_WAIT="1")
        assert code == 1
        assert f"yoyo, client process {other.pid}, since 20" in said
        assert "yoyo break-lock" in said
        assert lock_rows(watcher) == [(other.pid,)]
    finally:
        other.kill()
        finish(other)
    # It was killed, and its sessions go, one of them only when its statement is ended: then the row is left over.
    watcher.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' "
        "AND pid <> pg_backend_pid()"
    )
    write(directory, {"0002_create_b": "CREATE TABLE b (id int);"})
    code, said = run(empty_database_url, "apply", str(directory))
    assert code == 0, said
    assert f"removed a lock that was left over, of process {other.pid}" in said


def test_a_yoyo_on_its_own_backend_waits_for_us(
    empty_database_url: str, watcher: psycopg.Connection, tmp_path: Path
) -> None:
    directory = write(tmp_path / "m", {"0001_create_a": "CREATE TABLE a (id int);"})
    apply(empty_database_url, directory)
    with (one := backend(empty_database_url)), one.lock():
        other = start(empty_database_url, "apply", str(directory), database=stock_url(empty_database_url))
        code, said = finish(other)
        assert code != 0
        assert "LockTimeout" in said


def test_break_lock_removes_what_is_left_over(
    empty_database_url: str, watcher: psycopg.Connection, tmp_path: Path
) -> None:
    directory = write(tmp_path / "m", {"0001_create_a": "CREATE TABLE a (id int);"})
    apply(empty_database_url, directory)
    watcher.execute(
        "INSERT INTO yoyo_lock VALUES (1, now(), 1)"
    )  # by a session that lives, so it is not ours to remove
    with pytest.raises(MigrationLockedError, match=r"yoyo, client process 1, .*application watcher"):
        apply(empty_database_url, directory, lock_wait=0)
    code, said = run(empty_database_url, "break-lock", str(directory))
    assert (code, "removed the lock row" in said) == (0, True)
    apply(empty_database_url, directory, lock_wait=0)


def test_who_waits_does_not_hold_up_an_index_that_is_built_concurrently(
    empty_database_url: str, watcher: psycopg.Connection, tmp_path: Path
) -> None:
    """A runner that waited inside of pg_advisory_lock would hold a snapshot, for which the build waits: a deadlock."""
    directory = write(tmp_path / "m", {
        "0001_create_a": "CREATE TABLE a (id int);",
        "0002_index_a": "-- transactional: false\n"
        "DROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON a (id);",
    })  # fmt: skip
    apply(empty_database_url, write(tmp_path / "one", {"0001_create_a": "CREATE TABLE a (id int);"}))
    watcher.execute("BEGIN")
    watcher.execute("INSERT INTO a VALUES (1)")  # the build waits for this transaction
    runs = [start(empty_database_url, "apply", str(directory)) for _ in range(3)]
    with psycopg.connect(empty_database_url, autocommit=True) as other:
        wait_until(lambda: is_running(other, "CREATE INDEX CONCURRENTLY"))
        waiting = "SELECT count(*) = 3 FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND database = "
        waiting += "(SELECT oid FROM pg_database WHERE datname = current_database())"  # each of ours shares one
        wait_until(lambda: other.execute(waiting).fetchone() == (True,))
    watcher.execute("COMMIT")
    ends = [finish(one) for one in runs]
    assert [code for code, _ in ends] == [0, 0, 0], ends


def test_a_lock_that_was_lost_to_another_run_is_noticed(empty_database_url: str, tmp_path: Path) -> None:
    """As behind a pooler in transaction mode, where the lock stays with a session that is no longer ours."""
    directory = write(tmp_path / "m", {"0001_create_a": "CREATE TABLE a (id int);"})
    with (
        psycopg.connect(empty_database_url, autocommit=True) as thief,
        (one := backend(empty_database_url)),
        one.lock(),
    ):
        found = one.to_apply(migrations.read(directory))
        one.connection.execute("SELECT pg_advisory_unlock_all()")
        thief.execute("SELECT pg_advisory_lock(%s)", [lock.KEY])
        with pytest.raises(MigrationLockedError, match="pooler in transaction mode"):
            one.apply_migrations(found)
        assert thief.execute("SELECT to_regclass('a')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("name", "value"), [("LOCK_WAIT", "soon"), ("LOCK_WAIT", "inf"), ("LOCK_TIMEOUT", "-1"), ("RETRY_FOR", "nan")]
)
def test_a_setting_that_is_no_number(empty_database_url: str, name: str, value: str, tmp_path: Path) -> None:
    code, said = run(empty_database_url, "apply", str(tmp_path), **{f"MATHISON_MIGRATE_{name}": value})
    assert (code, f"MATHISON_MIGRATE_{name} must be a number of seconds" in said) == (2, True), said
