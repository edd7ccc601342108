"""`migrate rollback` says what is lost before anything is."""

from __future__ import annotations

import os
import pty
import re
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from migration_runs import apply, finish, run, start, wait_until, write

from mathison_data import migrations

SCRIPTS = {
    "0001_create_a": "CREATE TABLE a (id int, extra text);\nINSERT INTO a SELECT generate_series(1, 7);",
    "0001_create_a.rollback": "DROP TABLE a;",
    "0002_add_b": "ALTER TABLE a ADD b int;\nCREATE TABLE kept (id int);\nINSERT INTO kept VALUES (1), (2);",
    "0002_add_b.rollback": "ALTER TABLE a DROP b;\nDELETE FROM kept WHERE id = 2;\nUPDATE kept SET id = 3;",
    "0003_index_a": "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS i;\n"
    "CREATE INDEX CONCURRENTLY i ON a (id);",
    "0003_index_a.rollback": "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS i;",
}  # fmt: skip


@pytest.fixture
def directory(empty_database_url: str, tmp_path: Path) -> Path:
    directory = write(tmp_path / "m", SCRIPTS)
    apply(empty_database_url, directory)
    return directory


@pytest.fixture
def admin(empty_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        yield connection


def rollback(url: str, directory: Path, *arguments: str) -> tuple[int, str]:
    return run(url, "migrate", "rollback", "--directory", str(directory), *arguments, program="mathison-data")


def applied(admin: psycopg.Connection, directory: Path) -> int:
    return len(migrations.state(admin, directory).applied)


def at_terminal(url: str, directory: Path, answer: str, *arguments: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    words = ("migrate", "rollback", "--directory", str(directory), *arguments)
    process = start(url, *words, program="mathison-data", stdin=theirs)
    os.close(theirs)
    os.write(ours, answer.encode())
    try:
        return finish(process)
    finally:
        os.close(ours)


def test_nothing_happens_without_a_yes(empty_database_url: str, directory: Path, admin: psycopg.Connection) -> None:
    code, said = at_terminal(empty_database_url, directory, "no\n", "--all")
    assert (code, "left as it is" in said) == (1, True), said
    assert [line for line in said.splitlines() if line.startswith(("to roll", "  "))] == [
        "to roll back: 0003_index_a",
        "to roll back: 0002_add_b",
        "to roll back: 0001_create_a",
        f"  not rehearsed, for it runs without a transaction: {directory}/0003_index_a.rollback.sql",
        "  loses table public.a with 7 rows",
        "  loses 1 rows deleted in public.kept",
        "  loses 1 rows changed in public.kept",
    ]
    assert applied(admin, directory) == 3
    assert admin.execute("SELECT * FROM kept").fetchall() == [(1,), (2,)]


def test_no_lock_is_taken_when_nobody_can_agree(
    empty_database_url: str, directory: Path, admin: psycopg.Connection
) -> None:
    with psycopg.connect(empty_database_url) as application:
        application.execute("SELECT * FROM a")
        code, said = rollback(empty_database_url, directory, "--all")
    assert (code, "say --yes" in said, "rehearsed" in said) == (2, True, False), said
    assert applied(admin, directory) == 3


@pytest.mark.parametrize(
    ("before", "where"),
    [
        ("SET lock_timeout = '1min';", "1: canceling statement due to lock timeout"),
        ("SET statement_timeout = '1min';\nSELECT pg_sleep(60);", "2: canceling statement due to statement timeout"),
        ("SELECT pg_sleep(0.01);\n" * 1000, r"\d+: "),
    ],
)
def test_the_rehearsal_is_short_and_says_what_it_knows_when_it_is_too_short(
    empty_database_url: str, directory: Path, admin: psycopg.Connection, before: str, where: str
) -> None:
    admin.execute('CREATE SCHEMA s; CREATE TABLE s.a (); CREATE TABLE s.kept (); CREATE TABLE "B" ()')
    write(directory, {"0001_create_a.rollback": f'{before}DROP TABLE IF EXISTS a;\nTRUNCATE ONLY s.kept, "B" CASCADE;'})
    with psycopg.connect(empty_database_url) as application:
        application.execute("SELECT * FROM a")
        write(directory, {"0002_add_b.rollback": "SELECT 1;"})
        started = time.monotonic()
        code, said = at_terminal(empty_database_url, directory, "no\n", "0001_create_a")
    assert (code, time.monotonic() - started < 15) == (1, True), said
    reason, *lost = [line for line in said.splitlines() if line.startswith("  ")][1:]
    assert re.match(rf"  could not be rehearsed in time, .*: \S*/0001_create_a.rollback.sql:{where}", reason), said
    assert lost == [
        '  loses table public."B" with 0 rows',
        "  loses table public.a with 7 rows",
        "  loses table s.kept with 0 rows",
    ]


def test_a_column_counts_as_well_and_only_what_was_asked_goes(
    empty_database_url: str, directory: Path, admin: psycopg.Connection
) -> None:
    code, said = rollback(empty_database_url, directory, "0002_add_b", "--yes")
    assert code == 0, said
    assert "  loses column public.a.b of 7 rows" in said
    assert applied(admin, directory) == 1
    assert admin.execute("SELECT count(*) FROM mathison_migration").fetchone() == (1,)


def test_the_last_one_is_the_default_and_its_file_says_whether_in_a_transaction(
    empty_database_url: str, directory: Path, admin: psycopg.Connection
) -> None:
    code, said = rollback(empty_database_url, directory, "--yes")
    assert (code, "  no loss was seen" in said) == (0, True), said
    assert applied(admin, directory) == 2
    assert admin.execute("SELECT to_regclass('i')").fetchone() == (None,)


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 2), ("\n", 1, 3), ("no\n", 1, 3), ("\x04", 1, 3)])
def test_at_a_terminal_it_asks(
    empty_database_url: str, directory: Path, admin: psycopg.Connection, answer: str, code: int, left: int
) -> None:
    assert at_terminal(empty_database_url, directory, answer)[0] == code
    assert applied(admin, directory) == left


def test_what_is_lost_goes_by_what_it_is_not_by_its_name(
    empty_database_url: str, directory: Path, admin: psycopg.Connection
) -> None:
    tables = "CREATE TABLE {0} (id int, s text); INSERT INTO {0} SELECT n, 'abc' FROM generate_series(1, {1}) AS n;"
    counts = {"emptied": 100, "again": 50, "moved": 40, "cut": 30, "part": 20, "swapped": 10, "empty": 0}
    down = [
        "TRUNCATE emptied;",
        "DROP TABLE again;\nCREATE TABLE again (id int, s text);",
        "ALTER TABLE moved RENAME s TO t;\nALTER TABLE moved RENAME TO moved_on;",
        "ALTER TABLE cut ALTER s TYPE varchar(2) USING left(s, 2);",
        "ALTER TABLE part RENAME TO partly;\nDELETE FROM partly WHERE id <= 5;",
        "ALTER TABLE swapped DROP s;\nALTER TABLE swapped ADD s text;",
        "TRUNCATE empty;",
    ]
    up = "".join(tables.format(name, count) for name, count in counts.items())
    write(directory, {"0004_create_more": up, "0004_create_more.rollback": "\n".join(down)})
    apply(empty_database_url, directory)
    code, said = rollback(empty_database_url, directory, "--yes")
    assert code == 0, said
    assert [line for line in said.splitlines() if line.startswith("  ")] == [
        "  loses table public.again with 50 rows",
        "  loses rows or values of public.cut with 30 rows: it is emptied or rewritten, values may change",
        "  loses rows or values of public.emptied with 100 rows: it is emptied or rewritten, values may change",
        "  loses column public.swapped.s of 10 rows",
        "  loses 5 rows deleted in public.part",
    ]


def test_one_that_is_not_applied_or_none_at_all(
    empty_database_url: str, directory: Path, admin: psycopg.Connection
) -> None:
    code, said = rollback(empty_database_url, directory, "0009_x")
    assert (code, "0009_x is not applied" in said) == (2, True), said
    assert rollback(empty_database_url, directory, "--all", "--yes")[0] == 0
    code, said = rollback(empty_database_url, directory)
    assert (code, "nothing to roll back" in said) == (0, True), said


def test_a_rollback_that_cannot_work_is_found_before_it_is_asked(
    empty_database_url: str, directory: Path, admin: psycopg.Connection
) -> None:
    write(directory, {"0002_add_b.rollback": "SELECT 1;\nDROP TABLE nope;"})
    code, said = rollback(empty_database_url, directory, "--all", "--yes")
    assert code == 1
    assert '0002_add_b.rollback.sql:2: table "nope" does not exist' in said
    assert applied(admin, directory) == 3


def test_it_waits_for_a_lock_like_an_apply(empty_database_url: str, directory: Path, admin: psycopg.Connection) -> None:
    assert rollback(empty_database_url, directory, "--yes")[0] == 0
    with psycopg.connect(empty_database_url, application_name="the-service") as application:
        application.execute("SELECT * FROM a")
        arguments = ("migrate", "rollback", "0001_create_a", "--yes", "--directory", str(directory))
        process = start(empty_database_url, *arguments, program="mathison-data", MATHISON_MIGRATE_LOCK_TIMEOUT="0.2")
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        for _ in range(3):  # the first wait is the rehearsal's
            wait_until(lambda: admin.execute(waiting).fetchone())
            wait_until(lambda: not admin.execute(waiting).fetchone())
        assert admin.execute("SELECT count(*) FROM a").fetchone() == (7,)
        application.rollback()
        code, said = finish(process)
    assert (code, "application the-service" in said) == (0, True), said
    assert applied(admin, directory) == 0
