"""What the plan says of what it saw: how long work waits, what was not rehearsed where, and in how many words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plan_directory import fill, write

from mathison_data.migrations import plan, plan_report
from mathison_data.migrations.plan_report import Plan
from mathison_data.migrations.rehearsal import Rehearsal
from mathison_data.settings import DatabaseUrl


@pytest.fixture
def target(empty_database_url: str) -> DatabaseUrl:
    return fill(empty_database_url)


def test_each_kind_of_work_waits_from_its_own_line(target: DatabaseUrl, tmp_path: Path) -> None:
    write(tmp_path, "CREATE INDEX i ON books (code);\nALTER TABLE books ADD COLUMN e int;")
    out = plan_report.text(plan.make(target, source=tmp_path))
    assert "  books: writes wait from line 1 until the migration commits\n" in out
    assert "  books: reads wait from line 2 until the migration commits\n" in out


def test_the_time_of_a_statement_that_fails_counts(target: DatabaseUrl, tmp_path: Path) -> None:
    write(tmp_path, "ALTER TABLE books ADD COLUMN e int;\n"
          "DO $$ BEGIN IF (SELECT count(*) FROM books) > 0 THEN PERFORM pg_sleep(600); END IF; END $$;")  # fmt: skip
    [rehearsal] = plan.make(target, live=True, budget=0.5, source=tmp_path).rehearsals
    assert rehearsal.failed
    assert rehearsal.milliseconds > 200


def test_live_that_was_not_tried_is_noted(target: DatabaseUrl, tmp_path: Path) -> None:
    made = plan.make(target, live=True, source=write(tmp_path, "DROP TABLE nothing;"))
    note = "nothing was rehearsed on the target, for it failed on the scratch database already"
    assert note in plan_report.data(made)["notes"]
    assert f"note: {note}" in plan_report.text(made)


def test_the_headline_claims_no_more_than_was_done(target: DatabaseUrl, tmp_path: Path) -> None:
    write(tmp_path, "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS i;")
    made = plan.make(target, live=True, source=tmp_path)
    assert made.live is False
    assert "rehearsed on a scratch database" in plan_report.text(made).splitlines()[0]


FOOTNOTE = "Locks that depend on rows (cascades, triggers, DO, functions) show with --live."


@pytest.mark.parametrize(
    ("statement", "depends"),
    [
        ("DELETE FROM authors;", True),
        ("INSERT INTO authors SELECT id, title FROM books;", True),
        ("DO $$ BEGIN END $$;", True),
        ("INSERT INTO authors VALUES (-1, 'Ada');", False),
        ("ALTER TABLE books ADD COLUMN e int;", False),
    ],
)
def test_what_depends_on_rows_is_said(statement: str, depends: bool, target: DatabaseUrl, tmp_path: Path) -> None:
    write(tmp_path, statement)
    assert (FOOTNOTE in plan_report.text(plan.make(target, source=tmp_path))) is depends
    assert FOOTNOTE not in plan_report.text(plan.make(target, live=True, budget=30, source=tmp_path))


def test_no_password_is_shown(target: DatabaseUrl, tmp_path: Path) -> None:
    made = plan.make(target, source=write(tmp_path, "DO $$ BEGIN END $$;\nCREATE ROLE r1 PASSWORD 's3cret' IN ROLE x;"))
    for out in (plan_report.text(made), plan_report.markdown(made), json.dumps(plan_report.data(made))):
        assert "CREATE ROLE r1" in out
        assert "s3cret" not in out


def test_equal_rows_are_folded(target: DatabaseUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    inserts = "".join(f"INSERT INTO authors VALUES (-{n}, 'name');\n" for n in range(1, 1201))
    made = plan.make(target, source=write(tmp_path, f"{inserts}UPDATE books SET pages = 1;"))
    for out in (plan_report.text(made), plan_report.markdown(made)):
        assert "and 1,198 more like it, to line 1200" in out
        assert len(out.splitlines()) < 40
        assert "UPDATE books SET pages = 1" in out
    assert len(plan_report.data(made)["rehearsals"][0]["statements"]) == 1201


def test_equal_findings_are_folded() -> None:
    rehearsal = Rehearsal("0002", "0002.sql", True, "scratch")
    rehearsal.squawk = [{"line": line, "rule": "r", "message": "m"} for line in (3, 4, 9)]
    assert "squawk, line 3 and 2 more, r: m" in plan_report.text(Plan("t", {}, rehearsals=[rehearsal]))
