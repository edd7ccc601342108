"""What the plan sees of statements that hide their work: behind an earlier lock, a function, a setting, a procedure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from plan_directory import fill, write

from mathison_data.migrations import observe, plan, plan_report
from mathison_data.migrations.observe import Observation
from mathison_data.migrations.plan_report import Plan
from mathison_data.settings import DatabaseUrl


@pytest.fixture
def target(empty_database_url: str) -> DatabaseUrl:
    return fill(empty_database_url)


@pytest.fixture
def admin(target: DatabaseUrl) -> Iterator[psycopg.Connection]:
    """A session on the target, to prepare what a test needs there."""
    with psycopg.connect(target.url, autocommit=True) as connection:
        yield connection


def seen(made: Plan, file: int = 0) -> list[Observation]:
    assert made.good, plan_report.text(made)
    return [statement.observation or Observation() for statement in made.rehearsals[file].statements]


def locks(observation: Observation) -> set[str]:
    return {f"{lock.relation} {lock.mode}" for lock in plan_report.worth_telling(observation)}


TWO = ("ALTER TABLE books ADD COLUMN e1 int;", "ALTER TABLE books ADD COLUMN e2 int;")


def test_a_lock_that_is_held_already_is_not_nothing(target: DatabaseUrl, tmp_path: Path) -> None:
    made = plan.make(target, source=write(tmp_path, "SET lock_timeout = '2s';\nSELECT 1;\n" + "\n".join(TWO)))
    out = plan_report.text(made)
    assert "  1 statement touches nothing that was there before" in out
    assert "  1 statement takes no further lock" in out
    statements = json.loads(json.dumps(plan_report.data(made)))["rehearsals"][0]["statements"]
    assert [each["held_before"] for each in statements] == [{}, {}, {}, {"books": "ACCESS EXCLUSIVE"}]


def test_live_each_file_has_the_locks_of_its_own_transaction(target: DatabaseUrl, tmp_path: Path) -> None:
    write(tmp_path, *TWO, "CREATE INDEX i ON books (code);\nSELECT 1;")
    made = plan.make(target, live=True, budget=30, source=tmp_path)
    assert [each.on for each in made.rehearsals] == ["target"] * 3
    assert [locks(seen(made, file)[0]) for file in range(3)] == [
        {"books ACCESS EXCLUSIVE"},
        {"books ACCESS EXCLUSIVE"},
        {"books SHARE"},
    ]
    assert "books: writes wait from line 1 until the migration commits" in plan_report.text(made)


def test_a_rewrite_in_a_function_is_told_of_the_statement_that_calls_it(
    target: DatabaseUrl, admin: psycopg.Connection, tmp_path: Path
) -> None:
    admin.execute("CREATE FUNCTION widen() RETURNS void LANGUAGE sql AS 'ALTER TABLE books ALTER pages TYPE bigint'")
    write(tmp_path, "SELECT widen();\nALTER TABLE authors ADD COLUMN e int;")
    for live in (False, True):
        first, second = seen(plan.make(target, live=live, budget=30, source=tmp_path))
        assert (first.rewritten, second.rewritten) == (["books"], [])


@pytest.mark.parametrize("live", [False, True])
def test_truncate_in_a_block_empties(live: bool, target: DatabaseUrl, tmp_path: Path) -> None:
    write(
        tmp_path,
        "INSERT INTO books (id, pages) VALUES (-1, 1), (-2, 1);\n"
        "DO $$ BEGIN EXECUTE 'TRUNCATE books'; EXECUTE 'INSERT INTO authors VALUES (-1, $q$x$q$)'; END $$;\n"
        "DO $$ BEGIN EXECUTE 'ALTER TABLE authors ALTER name TYPE varchar(9) USING left(name, 9)'; END $$;",
    )
    made = plan.make(target, live=live, budget=30, source=tmp_path)
    _insert, truncate, rewrite = seen(made)
    assert (truncate.emptied, truncate.rewritten) == (["books"], [])
    assert truncate.rows == {"authors": {"inserted": 1}}
    assert (rewrite.emptied, rewrite.rewritten) == ([], ["authors"])


def test_rows_are_never_less_than_none(target: DatabaseUrl, tmp_path: Path) -> None:
    """A second TRUNCATE in a transaction makes no new file, but sets the counters back."""
    write(tmp_path, "TRUNCATE books;\nINSERT INTO books (id, pages) VALUES (1, 1), (2, 1);\n"
          "DO $$ BEGIN EXECUTE 'TRUNCATE books'; END $$;")  # fmt: skip
    assert seen(plan.make(target, live=True, budget=30, source=tmp_path))[2].rows == {}


def test_the_time_zone_is_the_targets(target: DatabaseUrl, admin: psycopg.Connection, tmp_path: Path) -> None:
    """In UTC no value changes, so that nothing is rewritten."""
    admin.execute("ALTER TABLE books ADD COLUMN t timestamp")
    write(tmp_path, "ALTER TABLE books ALTER COLUMN t TYPE timestamptz;")
    for zone, rewritten in (("UTC", []), ("Europe/Berlin", ["books"])):
        admin.execute(f"ALTER DATABASE {target.database} SET timezone TO '{zone}'".encode())
        [observation] = seen(plan.make(target, source=tmp_path))
        assert observation.rewritten == rewritten


def test_settings_of_the_database_are_the_targets(
    target: DatabaseUrl, admin: psycopg.Connection, tmp_path: Path
) -> None:
    admin.execute(f"ALTER DATABASE {target.database} SET datestyle TO 'SQL, DMY'".encode())
    made = plan.make(target, source=write(tmp_path, "ALTER TABLE books ADD COLUMN d date DEFAULT '31/12/2020';"))
    assert seen_error(made, 0) is None


def test_an_extension_may_be_in_any_schema(target: DatabaseUrl, admin: psycopg.Connection, tmp_path: Path) -> None:
    admin.execute('CREATE SCHEMA ext; CREATE SCHEMA "Own ext"; COMMENT ON SCHEMA ext IS $$theirs$$')
    admin.execute('CREATE EXTENSION vector SCHEMA "Own ext"')
    admin.execute('CREATE TABLE points (at "Own ext".vector(3))')
    made = plan.make(target, source=write(tmp_path, "ALTER TABLE points ADD COLUMN n int;"))
    assert made.place == "the target's own server"
    assert [note for note in made.notes if "squawk" not in note] == []
    assert locks(seen(made)[0]) == {"points ACCESS EXCLUSIVE"}


VIEWS = """
CREATE MATERIALIZED VIEW totals AS SELECT id, pages FROM books;
CREATE UNIQUE INDEX ON totals (id);
CREATE MATERIALIZED VIEW again AS SELECT id FROM totals;
CREATE MATERIALIZED VIEW never AS SELECT id FROM books WITH NO DATA;
"""


@pytest.mark.parametrize("marker", ["", "-- transactional: false\n"])
def test_refresh_concurrently(marker: str, target: DatabaseUrl, admin: psycopg.Connection, tmp_path: Path) -> None:
    admin.execute(VIEWS.encode())
    write(tmp_path, f"{marker}REFRESH MATERIALIZED VIEW CONCURRENTLY totals;")
    [observation] = seen(plan.make(target, source=tmp_path))
    assert locks(observation) == {"totals EXCLUSIVE"}
    assert observation.rewritten == []


def test_only_what_the_target_has_populated_is(target: DatabaseUrl, admin: psycopg.Connection, tmp_path: Path) -> None:
    admin.execute(VIEWS.encode())
    made = plan.make(target, source=write(tmp_path, "SELECT FROM again;", "SELECT FROM never;"))
    assert seen_error(made, 0) is None
    assert 'materialized view "never" has not been populated' in (seen_error(made, 1) or "")


def seen_error(made: Plan, file: int) -> str | None:
    return made.rehearsals[file].statements[0].error


def test_a_procedure_that_commits_is_seen_by_sampling(
    target: DatabaseUrl, admin: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.execute(
        "CREATE PROCEDURE go() LANGUAGE plpgsql AS $$ BEGIN COMMIT; ALTER TABLE books ALTER pages TYPE bigint; "
        "COMMIT; DROP INDEX books_title_idx; END $$"
    )
    monkeypatch.setattr(observe, "_locks", lambda _connection, _pid: set())  # as if each look came too late
    made = plan.make(target, source=write(tmp_path, "-- transactional: false\nCALL go();"))
    [observation] = seen(made)
    assert {"books ACCESS EXCLUSIVE", "books_title_idx ACCESS EXCLUSIVE"} == locks(observation) | {
        f"{lock.relation} {lock.mode}" for lock in observation.locks
    }
    assert "locks seen by sampling; may be incomplete" in plan_report.text(made)
