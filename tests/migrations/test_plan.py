"""The plan around its cases: a target that it never changes, a scratch database that never stays, and how it reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from plan_directory import fill, write
from psycopg import sql

from mathison_data.cli import main
from mathison_data.errors import MigrationLockedError, ServerError
from mathison_data.migrations import catalog, lock, plan, plan_report, scratch, squawk
from mathison_data.migrations.observe import BLOCKS, Observer, execute, mode_name
from mathison_data.settings import DatabaseUrl, parse_url

SLOW = "ALTER TABLE books ADD COLUMN isbn text;\nSELECT pg_sleep(60);\n"
HANG_GUARD = 30


@pytest.fixture
def target(empty_database_url: str) -> DatabaseUrl:
    return fill(empty_database_url)


def scratch_databases(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^mathison_scr'")]


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + HANG_GUARD
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def start(target: DatabaseUrl, directory: Path, **options: object) -> subprocess.Popen[str]:
    """The plan as a process of its own, to be killed."""
    program = (
        "import sys; from pathlib import Path; from mathison_data.migrations import plan; "
        "from mathison_data.settings import parse_url; "
        f"sys.exit(plan.run(parse_url({target.url!r}, 'test'), source=Path({str(directory)!r}), **{options!r}))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sleeps(url: str, database: str) -> bool:
    """Whether a session is at its pg_sleep in that kind of database."""
    with psycopg.connect(url) as connection:
        query = "SELECT FROM pg_stat_activity WHERE datname ~ %s AND query ~ 'pg_sleep' AND pid <> pg_backend_pid()"
        return bool(connection.execute(query + " AND state = 'active'", [database]).fetchall())


def test_the_blocking_words_are_what_the_server_does(target: DatabaseUrl) -> None:
    """Each mode is held while a reader, a writer and a row locker try: who must wait is what BLOCKS says."""
    works = {
        "reads": "SELECT FROM books",
        "writes": "UPDATE books SET pages = pages WHERE id = 1",
        "row locks": "SELECT FROM books WHERE id = 1 FOR UPDATE",
    }
    with psycopg.connect(target.url) as holder, psycopg.connect(target.url, autocommit=True) as application:
        application.execute("SET lock_timeout = '20ms'")
        for mode, blocks in BLOCKS.items():
            holder.execute(f"LOCK TABLE books IN {mode} MODE".encode())
            waiting = set()
            for name, work in works.items():
                try:
                    application.execute(work)
                except psycopg.errors.LockNotAvailable:
                    waiting.add(name)
            holder.rollback()
            # Who may not even read, or write, can't lock rows either: that goes without saying.
            assert waiting - ({"row locks"} if "reads" in waiting else set()) == set(blocks), mode


def test_the_names_of_the_modes_are_all_of_them() -> None:
    assert mode_name("ShareUpdateExclusiveLock") == "SHARE UPDATE EXCLUSIVE"
    assert len(BLOCKS) == 8


def test_two_statements_in_one_are_refused_by_the_server(target: DatabaseUrl) -> None:
    with psycopg.connect(target.url, autocommit=True) as connection:
        Observer(connection).begin()
        with pytest.raises(psycopg.errors.SyntaxError, match="cannot insert multiple commands"):
            execute(connection, "SELECT 1; COMMIT")


def test_live_leaves_nothing(target: DatabaseUrl, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        tmp_path,
        "ALTER TABLE books ALTER COLUMN pages TYPE bigint;\nDELETE FROM books WHERE id = 1;\nCREATE TABLE t (id int);",
        "DROP TABLE authors CASCADE;",
    )
    with psycopg.connect(target.url, autocommit=True) as connection:
        before = catalog.objects(connection)
        made = plan.make(target, live=True, source=tmp_path, budget=HANG_GUARD)
        assert catalog.objects(connection) == before
        assert connection.execute("SELECT count(*) FROM books").fetchone() == (1000,)
        locks = "SELECT FROM pg_locks WHERE relation = 'books'::regclass AND pid <> pg_backend_pid()"
        assert connection.execute(locks).fetchall() == []
    assert made.good
    assert [rehearsal.on for rehearsal in made.rehearsals] == ["target", "target"]
    first = made.rehearsals[0].statements
    assert first[1].observation
    assert first[1].observation.rows == {"books": {"deleted": 1}}
    said = capsys.readouterr().err
    assert "in one transaction that is rolled back, 30 s at most in all" in said
    assert "will hold ACCESS EXCLUSIVE on books: reads and writes wait" in said


def test_live_tells_what_rows_refuse(target: DatabaseUrl, tmp_path: Path) -> None:
    """What goes through on empty tables, and not on these rows."""
    write(tmp_path, "SET LOCAL lock_timeout = '1s';\n\nALTER TABLE books ADD COLUMN isbn text NOT NULL;", "SELECT 1;")
    assert plan.make(target, source=tmp_path).good
    made = plan.make(target, live=True, source=tmp_path, budget=HANG_GUARD)
    assert not made.good
    failed = made.rehearsals[0].failed
    assert failed
    assert (failed.line, failed.error) == (3, 'column "isbn" of relation "books" contains null values')
    assert made.rehearsals[1].not_rehearsed == "it comes after 0002_take_step, which failed"


@pytest.mark.parametrize("statement", ["DO $$ BEGIN COMMIT; END $$;", "CREATE INDEX CONCURRENTLY i ON books (code);"])
def test_live_cannot_be_made_to_commit(statement: str, target: DatabaseUrl, tmp_path: Path) -> None:
    marker = "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS i;\n" if "CONCURRENTLY" in statement else ""
    write(tmp_path, f"{marker}{statement}", "DROP TABLE books;")
    made = plan.make(target, live=True, source=tmp_path, budget=HANG_GUARD)
    with psycopg.connect(target.url) as connection:
        assert connection.execute("SELECT to_regclass('i'), to_regclass('books') IS NOT NULL").fetchone() == (
            None,
            True,
        )
    reasons = [rehearsal.not_rehearsed for rehearsal in made.rehearsals]
    if marker:
        assert reasons == [
            "it runs outside a transaction, so that no rollback would undo it",
            "it comes after 0002_take_step, which was not rehearsed",
        ]
        assert [rehearsal.on for rehearsal in made.rehearsals] == ["scratch", "scratch"]
    else:
        assert not made.good
        assert "invalid transaction termination" in str(made.rehearsals[0].failed)


def test_live_keeps_its_budget(target: DatabaseUrl, tmp_path: Path) -> None:
    """Whatever the file sets, the server itself cancels the statement."""
    write(tmp_path, "SET LOCAL statement_timeout = 0;\nDO $$ BEGIN IF (SELECT count(*) FROM books) > 0 THEN "
          "PERFORM pg_sleep(600); END IF; END $$;\nSELECT 1;")  # fmt: skip
    started = time.monotonic()
    made = plan.make(target, live=True, source=tmp_path, budget=0.5)
    assert time.monotonic() - started < HANG_GUARD
    failed = made.rehearsals[0].failed
    assert failed
    assert "the budget of time for the rehearsal is used up" in (failed.error or "")


def test_live_waits_only_a_moment_for_a_lock_and_says_who_has_it(target: DatabaseUrl, tmp_path: Path) -> None:
    write(tmp_path, "SET LOCAL lock_timeout = '1min';\nALTER TABLE books ADD COLUMN isbn text;")
    with psycopg.connect(target.url, application_name="a busy service") as other:
        other.execute("SELECT FROM books")
        made = plan.make(target, live=True, source=tmp_path, budget=HANG_GUARD)
        failed = made.rehearsals[0].failed
        assert failed
        assert f"pid {other.info.backend_pid}, application a busy service" in (failed.error or "")
        other.execute("SELECT FROM books")  # it was not disturbed


def test_live_stays_away_from_a_run_of_the_migrations(target: DatabaseUrl, tmp_path: Path) -> None:
    write(tmp_path, "ALTER TABLE books ADD COLUMN isbn text;")
    with psycopg.connect(target.url, autocommit=True) as runner:
        runner.execute("SELECT pg_advisory_lock(%s)", [lock.KEY])
        with pytest.raises(MigrationLockedError, match=f"pid {runner.info.backend_pid}"):
            plan.make(target, live=True, source=tmp_path)


def test_live_killed_in_the_middle_ends_on_the_server_too(target: DatabaseUrl, tmp_path: Path) -> None:
    write(
        tmp_path,
        "ALTER TABLE books ADD COLUMN isbn text;\n"
        "DO $$ BEGIN IF (SELECT count(*) FROM books) > 0 THEN PERFORM pg_sleep(600); END IF; END $$;",
    )
    process = start(target, tmp_path, live=True, budget=600)  # its end must come from the lost connection
    wait_for(lambda: sleeps(target.url, f"^{target.database}$"), "the rehearsal on the target")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not sleeps(target.url, f"^{target.database}$"), "the end of the statement on the server")
    with psycopg.connect(target.url) as connection:
        connection.execute("SET lock_timeout = '10s'")
        assert connection.execute("SELECT * FROM books LIMIT 0").description
        columns = [column.name for column in connection.execute("SELECT * FROM books LIMIT 0").description or []]
    assert "isbn" not in columns


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_scratch_database_stays_behind_a_signal(number: signal.Signals, target: DatabaseUrl, tmp_path: Path) -> None:
    process = start(target, write(tmp_path, SLOW))
    wait_for(lambda: sleeps(target.url, "^mathison_scratch_"), "the rehearsal on the scratch database")
    [name] = scratch_databases(target.url)
    os.kill(process.pid, number)
    process.communicate(timeout=HANG_GUARD)
    assert process.returncode != 0
    assert name not in scratch_databases(target.url)


def test_the_next_one_removes_what_a_killed_one_left_but_none_in_use(target: DatabaseUrl, tmp_path: Path) -> None:
    directory = write(tmp_path, SLOW)
    killed = start(target, directory)
    wait_for(lambda: sleeps(target.url, "^mathison_scratch_"), "the first rehearsal")
    [left] = scratch_databases(target.url)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert left in scratch_databases(target.url)
    wait_for(lambda: not keeper_lives(target.url, left), "the end of its session")
    running = start(target, directory)
    wait_for(lambda: set(scratch_databases(target.url)) - {left}, "the second rehearsal")
    wait_for(lambda: left not in scratch_databases(target.url), "the first one's removal")
    [in_use] = scratch_databases(target.url)
    with scratch.from_files(target, []):
        assert in_use in scratch_databases(target.url)
    os.kill(running.pid, signal.SIGTERM)
    running.communicate(timeout=HANG_GUARD)
    assert scratch_databases(target.url) == []


def keeper_lives(url: str, name: str) -> bool:
    with psycopg.connect(url) as connection:
        return bool(connection.execute("SELECT FROM pg_stat_activity WHERE application_name = %s", [name]).fetchall())


def test_a_statement_that_fails(target: DatabaseUrl, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "SELECT 1;\nALTER TABLE nothing ADD COLUMN x text;\nSELECT 2;", "SELECT 3;")
    assert plan.run(target, source=tmp_path) == 1
    out = capsys.readouterr().out
    assert "FAILS" in out
    assert 'relation "nothing" does not exist' in out
    assert "NOT REHEARSED: it comes after 0002_take_step, which failed" in out
    assert scratch_databases(target.url) == []


def test_a_constraint_that_is_checked_at_the_end(target: DatabaseUrl, tmp_path: Path) -> None:
    write(
        tmp_path,
        "ALTER TABLE authors ADD COLUMN rival bigint REFERENCES authors DEFERRABLE INITIALLY DEFERRED;\n"
        "INSERT INTO authors VALUES (-1, 'Ada', -2);",
    )
    failed = plan.make(target, source=tmp_path).rehearsals[0].failed
    assert failed
    assert "at the end of the file: insert or update on table" in (failed.error or "")


def test_the_scratch_database_has_what_only_the_target_has(target: DatabaseUrl, tmp_path: Path) -> None:
    """An index that someone made by hand is rebuilt by the rehearsal as it will be on the target."""
    write(tmp_path, 'ALTER TABLE books ALTER COLUMN code TYPE varchar(10) COLLATE "C";')
    with psycopg.connect(target.url, autocommit=True) as connection:
        connection.execute("CREATE INDEX made_by_hand ON books (code)")
    made = plan.make(target, source=tmp_path)
    observation = made.rehearsals[0].statements[0].observation
    assert observation
    assert observation.rebuilt == ["made_by_hand"]


def test_without_pg_dump_it_says_what_the_rehearsal_lacks(
    target: DatabaseUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_pg_dump", lambda _oldest: None)
    with psycopg.connect(target.url, autocommit=True) as connection:
        connection.execute("CREATE INDEX made_by_hand ON books (code)")
    made = plan.make(target, source=write(tmp_path, "ALTER TABLE books ADD COLUMN isbn text;"))
    assert "not as in the rehearsal: index made_by_hand exists only in the database" in made.notes
    assert any("there is no pg_dump" in note for note in made.notes)
    assert made.good


@pytest.fixture
def ordinary(target: DatabaseUrl) -> DatabaseUrl:
    """The target by a login that may read it and no more."""
    role = "mathison_test_reader"
    with psycopg.connect(target.url, autocommit=True) as admin:
        if not admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchall():
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'reader'").format(sql.Identifier(role)))
        admin.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(role)))
    parts = urlsplit(target.url)
    where = parts.netloc.rpartition("@")[2]
    return parse_url(parts._replace(netloc=f"{role}:reader@{where}").geturl(), "test")


def test_a_login_that_may_only_read_rehearses_on_an_embedded_server(ordinary: DatabaseUrl, tmp_path: Path) -> None:
    made = plan.make(ordinary, source=write(tmp_path, "ALTER TABLE books ADD COLUMN isbn text;"))
    assert made.good
    assert made.place == "an embedded server"
    assert made.notes[0] == "the target's own server: permission denied to create database"
    assert made.tables["books"].rows == 1000


def test_a_server_given_by_the_environment_is_the_only_place(
    target: DatabaseUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(scratch.URL_VARIABLE, "postgresql://u:s3cret@127.0.0.1:1/db")
    with pytest.raises(ServerError, match=r"can be made nowhere.*Set MATHISON_SCRATCH_URL") as caught:
        plan.make(target, source=write(tmp_path, "SELECT 1;"))
    assert "s3cret" not in str(caught.value)
    monkeypatch.setenv(scratch.URL_VARIABLE, target.url)
    assert plan.make(target, source=tmp_path).place == "the server of MATHISON_SCRATCH_URL"


def test_how_it_reads(
    target: DatabaseUrl, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(squawk, "findings", lambda _pending, _version: None)
    monkeypatch.setenv("COLUMNS", "100")
    write(
        tmp_path,
        "SET LOCAL lock_timeout = '2s';\nALTER TABLE books\n  ADD COLUMN token uuid DEFAULT gen_random_uuid();\n"
        "CREATE INDEX books_code_idx ON books (code);\nUPDATE books SET code = 'a|b';\nDROP TABLE authors CASCADE;",
    )
    assert plan.run(target, source=tmp_path) == 0
    out = "\n".join(line.split("ms", 1)[0].rstrip() if "statements," in line else line
                    for line in capsys.readouterr().out.splitlines())  # fmt: skip
    assert "rewrites books (~1,000 rows, " in out
    assert "(held on books since line 2)" in out
    assert "drops table authors (~1,000 rows, " in out
    assert "  books: reads and writes wait from line 2 until the migration commits" in out
    assert "nothing that was there before" not in out  # SET is not counted
    assert "note: squawk is not installed, so its findings are missing: pip install squawk-cli" in out
    table = [line for line in out.splitlines() if line.startswith("   ")]
    assert len(table) == 10  # a line each for four statements, six with what they did
    assert max(map(len, table)) <= 100

    assert plan.run(target, source=tmp_path, markdown=True) == 0
    out = capsys.readouterr().out
    assert "| line | statement | locks | waits | work | ms |" in out
    assert "`UPDATE books SET code = 'a\\|b'`" in out

    assert plan.run(target, source=tmp_path, as_json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["good"] is True
    assert data["tables"].keys() == {"books", "authors"}
    assert data["rehearsals"][0]["statements"][1]["observation"]["locks"][0] == {
        "relation": "books",
        "kind": "table",
        "table": "books",
        "mode": "ACCESS EXCLUSIVE",
        "blocks": ["reads", "writes"],
    }


def test_nothing_pending_makes_no_scratch_database(
    target: DatabaseUrl, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "from_target", None)
    assert plan.run(target, source=write(tmp_path)) == 0
    assert capsys.readouterr().out == "nothing is pending\n"


def test_what_another_session_does_meanwhile_is_not_ours(target: DatabaseUrl) -> None:
    with (
        psycopg.connect(target.url, autocommit=True) as connection,
        psycopg.connect(target.url, autocommit=True) as other,
    ):
        other.execute("ALTER TABLE books DROP CONSTRAINT books_author_later")
        observer = Observer(connection)
        observer.begin()
        other.execute("REINDEX TABLE authors; CREATE INDEX j ON authors (name); ALTER TABLE authors SET UNLOGGED")
        observed = observer.run("COMMENT ON TABLE books IS 'x'")
        assert (observed.rewritten, observed.rebuilt, observed.built, observed.dropped) == ([], [], [], [])


def test_drifted_files_are_noted(target: DatabaseUrl, tmp_path: Path) -> None:
    with psycopg.connect(target.url, autocommit=True) as connection:
        connection.execute("INSERT INTO _yoyo_migration (migration_id) VALUES ('0007_take_flight')")
    made = plan.make(target, source=write(tmp_path, "SELECT 1;"))
    assert made.notes[0].startswith("0002_take_step comes before") or made.notes[0].startswith("0007_take_flight is ")


def test_squawks_findings_have_the_files_lines(target: DatabaseUrl, tmp_path: Path) -> None:
    made = plan.make(target, source=write(tmp_path, "SELECT 1;\nSELECT 2;\nDROP TABLE books;"))
    assert [(item["line"], item["rule"]) for item in made.rehearsals[0].squawk if item["rule"] == "ban-drop-table"] == [
        (3, "ban-drop-table")
    ]
    assert "squawk, line 3, ban-drop-table: " in plan_report.text(made)


def test_the_command(
    target: DatabaseUrl,
    tmp_path: Path,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", target.url)
    directory = tmp_path / "migrations"
    directory.mkdir()
    write(directory, "ALTER TABLE books ADD COLUMN isbn text;")
    assert main(["migrate", "plan", "--live", "--budget", "20", "--json", "--directory", str(directory)]) == 0
    assert json.loads(capsys.readouterr().out)["live"] is True
    assert main(["migrate", "plan", "--live", "--budget", "0", "--directory", str(directory)]) == 2
    assert "--budget must be more than 0 and at most 3600 seconds" in capsys.readouterr().err
