"""What must not run is refused before anything runs, by file and line; what may run is split as psql splits it."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from migration_runs import run, write

from mathison_data import migrations
from mathison_data.errors import MigrationError, MigrationFileError
from mathison_data.migrations import files
from mathison_data.migrations.statements import scan

GOOD = {"0001_create_one": "CREATE TABLE one (id int);"}
INDEX = "DROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON one (id);\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("\ufeffSELECT 1;", 1, "byte order mark"),
        ("SELECT 1;\nSELECT '\0';", 2, "zero byte"),
        ("SELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;", 2, "BEGIN: a migration runs in one transaction"),
        ("SELECT 1;\n\n  commit ;", 3, "COMMIT: a migration runs in one transaction"),
        ("start transaction; SELECT 1;", 1, "START TRANSACTION: "),
        ("SELECT 1; END;", 1, "END: "),
        ("SELECT 1; ROLLBACK;", 1, "ROLLBACK: "),
        ("SELECT 1; ABORT;", 1, "ABORT: "),
        ("SAVEPOINT a; SELECT 1;", 1, "SAVEPOINT: "),
        ("SELECT 1; PREPARE TRANSACTION 'x';", 1, "PREPARE TRANSACTION: "),
        ("/* ; */ SELECT 1;\n/* a */ COMMIT;", 2, "COMMIT: "),
        ("CREATE TABLE t (id int);\nCOPY t FROM stdin;\n1\n\\.\n", 2, "COPY from or to the client"),
        ("COPY t (a, b) FROM STDIN WITH (FORMAT csv);", 1, "COPY from or to the client"),
        ("COPY t TO STDOUT;", 1, "COPY from or to the client"),
        ("SELECT 1;\n\\i other.sql\n", 2, "`\\i` is a command of psql"),
        ("\\set ON_ERROR_STOP on\nSELECT 1;", 1, "`\\set` is a command of psql"),
        ("SELECT 1 \\gexec\n", 1, "`\\gexec` is a command of psql"),
        ("SELECT 1;\nCREATE INDEX CONCURRENTLY i ON one (id);", 2, "cannot run in a transaction"),
        ("DROP INDEX CONCURRENTLY i;", 1, "cannot run in a transaction"),
        ("REINDEX (VERBOSE) INDEX CONCURRENTLY i;", 1, "cannot run in a transaction"),
        ("ALTER TABLE p DETACH PARTITION q CONCURRENTLY;", 1, "is not supported"),
        ("-- transactional: false\nALTER TABLE p DETACH PARTITION q CONCURRENTLY;", 2, "is not supported"),
        ("CREATE TABLESPACE t LOCATION '/t';", 1, "is not supported"),
        ("CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p;", 1, "is not supported"),
        ("REINDEX (VERBOSE) DATABASE;", 1, "cannot run in a transaction"),
        ("REINDEX SYSTEM;", 1, "cannot run in a transaction"),
        ("CLUSTER;", 1, "cannot run in a transaction"),
        ("VACUUM one;", 1, "cannot run in a transaction"),
        ("SELECT 1;\n-- transactional: false\n", 2, "counts only in the comment lines at the top"),
        ("/* why */\n-- transactional: false\n" + INDEX, 2, "counts only in the comment lines at the top"),
        ("-- transactional: false \n" + INDEX, 1, "with nothing after it"),
        ("-- transactional: no\n" + INDEX, 1, "with nothing after it"),
        ("-- transactional:false\n" + INDEX, 1, "with nothing after it"),
        ("-- Transactional: false\n" + INDEX, 1, "in small letters"),
        ("-- transactional: false\n-- transactional: true\n" + INDEX, 2, "a `-- transactional:` line already"),
        ("SELECT 1;\n-- depends: 0001_create_one", 2, "counts only in the comment lines at the top"),
        ("-- depends: 0003_none\nSELECT 1;", 0, "depends on 0003_none, which does not come before it"),
        (
            "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON one (id);",
            2,
            "DROP INDEX CONCURRENTLY IF EXISTS i;",
        ),
        (
            "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS j;\nCREATE INDEX CONCURRENTLY i ON one (id);",
            3,
            "DROP INDEX CONCURRENTLY IF EXISTS i;",
        ),
        ("-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON one (id);", 2, "INVALID"),
        ("-- transactional: false\nCREATE INDEX CONCURRENTLY ON one (id);", 2, "name the index"),
        ("-- transactional: false\n" + INDEX + INDEX.replace(" i", " j"), 3, "holds one statement"),
        ("-- transactional: false\nUPDATE one SET id = 1;\n" + INDEX, 2, "holds one statement"),
        ("-- transactional: false\nSET LOCAL lock_timeout = '1s';\n" + INDEX, 2, "SET LOCAL has no effect"),
        ("-- transactional: false\nCREATE TABLE two (id int);", 2, "runs without a transaction but need not"),
        ("-- transactional: false\nALTER TYPE t ADD VALUE 'x';", 2, "could not be run again"),
        ("-- only words\n", 1, "holds nothing to run"),
        ("SET LOCAL lock_timeout = '2s';\n", 1, "holds nothing to run"),
        ("SELECT 1;\nSELECT 'abc;\n", 2, "a string never ends"),
        ('SELECT 1;\nSELECT "abc;\n', 2, "a quoted name never ends"),
        ("SELECT 1;\nDO $x$ BEGIN $y$;\n", 2, "the string that begins with $x$ never ends"),
        ("SELECT 1;\n/* /* */ SELECT 2;\n", 2, "a comment never ends"),
        ("SELECT 1;\nSELECT (1;\nSELECT 2;\n", 2, "a parenthesis never ends"),
    ],
)
def test_what_must_not_run_is_refused(tmp_path: Path, text: str, line: int, problem: str) -> None:
    directory = write(tmp_path / "m", GOOD | {"0002_bad_file": text})
    with pytest.raises(MigrationFileError) as caught:
        files.read(directory)
    where = f"{directory}/0002_bad_file.sql" + (f":{line}: " if line else ": ")
    assert any(found.startswith(where) and problem in found for found in str(caught.value).splitlines()), caught.value


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("0002_b.rollback.sql", "there is no 0002_b.sql that it would roll back"),
        ("0002_b.py", "migrations are plain SQL"),
        ("2_b.sql", "four digits"),
        ("0002_Add.sql", "four digits"),
        ("0002-b.sql", "four digits"),
        ("post-apply.sql", "four digits"),
        ("0001_other.sql", "0001_create_one.sql has the same number"),
        ("0002_b.sql", "there is no 0002_b.rollback.sql"),
    ],
)
def test_a_name_that_nobody_means(tmp_path: Path, name: str, problem: str) -> None:
    directory = write(tmp_path / "m", GOOD)
    (directory / name).write_text("SELECT 1;")
    with pytest.raises(MigrationFileError, match=problem) as caught:
        files.read(directory)
    assert f"{directory}/{name}: " in str(caught.value)


def test_not_utf_8(tmp_path: Path) -> None:
    directory = write(tmp_path / "m", GOOD)
    (directory / "0001_create_one.sql").write_bytes(b"SELECT 1;\nSELECT '\xe4';")
    with pytest.raises(MigrationFileError, match=r"0001_create_one.sql:2: not UTF-8"):
        files.read(directory)


def test_a_rollback_file_is_read_as_strictly(tmp_path: Path) -> None:
    directory = write(tmp_path / "m", GOOD, rollback="DROP TABLE one;\nCOMMIT;")
    with pytest.raises(MigrationFileError, match=r"0001_create_one.rollback.sql:2: COMMIT"):
        files.read(directory)


def test_all_findings_come_at_once_and_nothing_runs(empty_database_url: str, tmp_path: Path) -> None:
    bad = {"0002_a": "COMMIT;\nVACUUM;", "0003_b": "\\x\n"}
    directory = write(tmp_path / "m", GOOD | bad)
    code, said = run(empty_database_url, "apply", str(directory))
    assert code == 1
    assert "Traceback" not in said
    assert [line.partition(".sql:")[2][:2] for line in said.splitlines()[1:4]] == ["1:", "2:", "1:"], said
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('one')").fetchone() == (None,)


def test_a_directory_that_is_missing_or_empty(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        code, said = run(empty_database_url, "apply", str(tmp_path / name))
        assert (code, "no migrations were found" in said) == (1, True), said
        with pytest.raises(MigrationError):
            files.read(tmp_path / name)
    # yoyo takes several sources, whose order among each other nobody could tell
    both = [
        str(write(tmp_path / name, {f"{number}_{name}": "SELECT 1;"}))
        for number, name in (("0001", "a"), ("0002", "b"))
    ]
    code, said = run(empty_database_url, "apply", *both)
    assert (code, "migrations have one directory, not 2" in said) == (1, True), said


def test_line_ends_change_nothing(tmp_path: Path) -> None:
    text = "-- depends:\nSELECT 'a\nb';\nSELECT 2;"
    unix = files.read(write(tmp_path / "u", {"0001_a": text}))[0]
    directory = write(tmp_path / "w", {"0001_a": text})
    (directory / "0001_a.sql").write_bytes(text.replace("\n", "\r\n").encode())
    windows = files.read(directory)[0]
    assert windows.checksum == unix.checksum
    assert windows.statements == unix.statements == [(2, "SELECT 'a\nb'"), (4, "SELECT 2")]


def test_our_own_migrations_are_fit() -> None:
    assert len(files.read(migrations.directory())) == len(migrations.read())


SPLIT = [
    ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
    (";;SELECT 1;;", ["SELECT 1"]),
    ("/* /* ; */ ; */ SELECT 1; -- ;\nSELECT 2", ["SELECT 1", "SELECT 2"]),
    (r"SELECT 'a\'; SELECT 'b'", [r"SELECT 'a\'", "SELECT 'b'"]),
    (r"SELECT E'a\';'; SELECT 2", [r"SELECT E'a\';'", "SELECT 2"]),
    ("SELECT E'a'\n -- c\n '\\';'; SELECT 2", ["SELECT E'a'\n -- c\n '\\';'", "SELECT 2"]),
    ("SELECT 'it''s;', \"a;\"\"b\"; SELECT 2", ["SELECT 'it''s;', \"a;\"\"b\"", "SELECT 2"]),
    ("SELECT $$;$$, $a$;$$;$a$; SELECT 2", ["SELECT $$;$$, $a$;$$;$a$", "SELECT 2"]),
    ("SELECT a$b$c; SELECT $1", ["SELECT a$b$c", "SELECT $1"]),
    ("SELECT 1 -- it's\n; SELECT 2 % 3", ["SELECT 1 -- it's", "SELECT 2 % 3"]),
    ("CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3",
     ["CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)", "SELECT 3"]),
    ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END; SELECT 3",
     ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END", "SELECT 3"]),
    ("CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC DELETE FROM t; END; SELECT 3",
     ["CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC DELETE FROM t; END", "SELECT 3"]),
    ("CREATE TABLE \"end\" (\"begin\" int); SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 3",
     ["CREATE TABLE \"end\" (\"begin\" int)", "SELECT CASE 1 WHEN 1 THEN 2 END", "SELECT 3"]),
    ("SELECT U&'d\\0061t;', B'1', X'f', N'x;'; SELECT 2", ["SELECT U&'d\\0061t;', B'1', X'f', N'x;'", "SELECT 2"]),
    ("SELECT größe$x$ FROM t; SELECT 2", ["SELECT größe$x$ FROM t", "SELECT 2"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "statements"), SPLIT)
def test_statements_are_split_as_psql_does(text: str, statements: list[str]) -> None:
    assert [found.sql for found in scan(text).statements] == statements
