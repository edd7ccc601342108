"""A lock that is not to be had is waited for briefly, again and again: the application is never queued behind us."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from migration_runs import apply, finish, is_running, run, start, wait_until, write

from mathison_data import migrations

ALTER = {"0001_create_a": "CREATE TABLE a (id int);", "0002_alter_a": "SELECT 1;\nALTER TABLE a ADD b int;"}
INDEX = "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE UNIQUE INDEX CONCURRENTLY i ON a (id);\n"


@pytest.fixture
def alter(empty_database_url: str, tmp_path: Path) -> Path:
    """A directory whose first migration is applied."""
    apply(empty_database_url, write(tmp_path / "one", {"0001_create_a": ALTER["0001_create_a"]}))
    return write(tmp_path / "m", ALTER)


@pytest.fixture
def application(empty_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database_url, application_name="the-service") as connection:
        yield connection


@pytest.fixture
def admin(empty_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        yield connection


def test_it_is_tried_again_until_the_lock_is_free_and_readers_get_through(
    empty_database_url: str, alter: Path, application: psycopg.Connection, admin: psycopg.Connection
) -> None:
    application.execute("SELECT * FROM a")  # holds a lock until its transaction ends
    process = start(empty_database_url, "apply", str(alter), MATHISON_MIGRATE_LOCK_TIMEOUT="0.3")
    wait_until(lambda: is_running(admin, "ALTER TABLE a"))
    # A reader that comes now queues behind the ALTER, but only until that gives up.
    admin.execute("SET statement_timeout = '30s'")
    for _ in range(5):
        admin.execute("SELECT * FROM a")
        time.sleep(0.2)
    application.rollback()
    code, said = finish(process)
    assert code == 0, said
    assert re.search(r"waiting for a lock of pid \d+, application the-service", said)
    assert re.search(r"0002_alter_a.sql:2: canceling statement due to lock timeout; nothing of it stays, trying", said)
    assert admin.execute("SELECT migration_id FROM _yoyo_log ORDER BY 1").fetchall() == [(name,) for name in ALTER]


def test_it_gives_up_with_who_holds_the_lock(
    empty_database_url: str, alter: Path, application: psycopg.Connection, admin: psycopg.Connection
) -> None:
    application.execute("/* recipes.list_published */ SELECT * FROM a")
    settings = {"MATHISON_MIGRATE_LOCK_TIMEOUT": "0.2", "MATHISON_MIGRATE_RETRY_FOR": "1.5"}
    code, said = run(empty_database_url, "apply", str(alter), **settings)
    assert code == 1
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert "0002_alter_a.sql:2: canceling statement due to lock timeout" in last
    assert re.search(r"tried \d+ times in \d+ s; MATHISON_MIGRATE_RETRY_FOR", last)
    assert re.search(
        rf"The lock is held by pid {application.info.backend_pid}, application the-service, user \S+, "
        r"idle in transaction, last ran recipes.list_published, since 20\d\d-\d\d-\d\d \S+ UTC",
        last,
    ), last
    application.rollback()
    assert migrations.state(admin, alter).pending == ["0002_alter_a"]
    apply(empty_database_url, alter)


def test_without_a_second_try_it_says_who_all_the_same(
    empty_database_url: str, alter: Path, application: psycopg.Connection
) -> None:
    application.execute("SELECT * FROM a")
    code, said = run(empty_database_url, "apply", str(alter), MATHISON_MIGRATE_RETRY_FOR="0")
    assert (code, "tried 1 times" in said, "application the-service" in said.splitlines()[-1]) == (1, True, True), said


def test_a_files_own_limit_goes_before(empty_database_url: str, alter: Path, application: psycopg.Connection) -> None:
    write(alter, {"0002_alter_a": "SET LOCAL lock_timeout = '50ms';\nALTER TABLE a ADD b int;"})
    application.execute("SELECT * FROM a")
    settings = {"MATHISON_MIGRATE_LOCK_TIMEOUT": "600", "MATHISON_MIGRATE_RETRY_FOR": "1"}
    code, said = run(empty_database_url, "apply", str(alter), **settings)
    assert (code, "application the-service" in said) == (1, True), said


def test_an_index_is_built_concurrently_and_may_wait_longer(
    empty_database_url: str, alter: Path, application: psycopg.Connection, admin: psycopg.Connection
) -> None:
    write(alter, {"0002_alter_a": INDEX})
    application.execute("INSERT INTO a VALUES (1)")
    process = start(empty_database_url, "apply", str(alter), MATHISON_MIGRATE_LOCK_TIMEOUT="0.1")
    wait_until(lambda: is_running(admin, "CREATE UNIQUE INDEX CONCURRENTLY"))
    time.sleep(0.5)  # longer than the limit for others
    admin.execute("INSERT INTO a VALUES (2)")  # nobody is held up
    application.commit()
    code, said = finish(process)
    assert code == 0, said
    assert "trying again" not in said
    row = admin.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass").fetchone()
    assert row == (True,)


def test_an_index_that_fails_is_not_marked_and_is_built_anew(
    empty_database_url: str, alter: Path, admin: psycopg.Connection
) -> None:
    write(alter, {"0002_alter_a": INDEX})
    admin.execute("INSERT INTO a VALUES (1), (1)")
    code, said = run(empty_database_url, "apply", str(alter))
    assert (code, "0002_alter_a.sql:3: could not create unique index" in said) == (1, True), said
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert admin.execute(invalid).fetchone() == (1,)
    assert migrations.state(admin, alter).pending == ["0002_alter_a"]
    admin.execute("DELETE FROM a")
    code, said = run(empty_database_url, "apply", str(alter))
    assert code == 0, said
    assert admin.execute(invalid).fetchone() == (0,)


def test_an_index_whose_build_was_killed_is_built_anew(
    empty_database_url: str, alter: Path, application: psycopg.Connection, admin: psycopg.Connection
) -> None:
    write(alter, {"0002_alter_a": INDEX})
    application.execute("INSERT INTO a VALUES (1)")
    process = start(empty_database_url, "apply", str(alter))
    wait_until(lambda: is_running(admin, "CREATE UNIQUE INDEX CONCURRENTLY"))
    process.kill()
    finish(process)
    wait_until(lambda: not is_running(admin, "CREATE UNIQUE INDEX CONCURRENTLY"))
    application.commit()
    assert admin.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (1,)
    apply(empty_database_url, alter)
    assert admin.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
    assert migrations.state(admin, alter).pending == []


def test_one_that_succeeds_but_leaves_an_invalid_index_is_not_marked(
    empty_database_url: str, alter: Path, admin: psycopg.Connection
) -> None:
    """A procedure may do anything, and succeed."""
    admin.execute("CREATE INDEX i ON a (id)")
    admin.execute(
        "CREATE PROCEDURE spoil() LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass; COMMIT; END $$"
    )
    write(alter, {"0002_alter_a": "-- transactional: false\nCALL spoil();"})
    code, said = run(empty_database_url, "apply", str(alter))
    assert (code, "0002_alter_a.sql: left INVALID: i; not marked as applied" in said) == (1, True), said
    assert migrations.state(admin, alter).pending == ["0002_alter_a"]


def test_a_deadlock_is_tried_again(
    empty_database_url: str, alter: Path, application: psycopg.Connection, admin: psycopg.Connection
) -> None:
    admin.execute("CREATE TABLE other ()")
    write(alter, {"0002_alter_a": "LOCK TABLE other;\nSELECT pg_sleep(1);\nALTER TABLE a ADD b int;"})
    application.execute("SET deadlock_timeout = '60s'")  # so that it is the migration that finds out
    application.execute("SELECT * FROM a")
    process = start(empty_database_url, "apply", str(alter), MATHISON_MIGRATE_LOCK_TIMEOUT="30")
    wait_until(lambda: is_running(admin, "pg_sleep(1)"))
    application.execute("SELECT * FROM other")  # returns when the migration has given way
    application.rollback()
    code, said = finish(process)
    assert code == 0, said
    assert "deadlock detected" in said
