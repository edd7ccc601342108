"""What was applied is remembered by content: drift is refused by name, and there is a way out of each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from migration_runs import apply, backend, finish, run, start, stock_url, write
from psycopg import sql

from mathison_data import migrations
from mathison_data.errors import (
    MigrationEditedError,
    MigrationError,
    MigrationMissingError,
    MigrationOutOfOrderError,
)

THREE = {
    "0001_create_a": "CREATE TABLE a (id int);",
    "0002_create_b": "CREATE TABLE b (id int);",
    "0003_create_c": "CREATE TABLE c (id int);",
}
DOWN = {f"{name}.rollback": text.partition(" (")[0].replace("CREATE", "DROP") for name, text in THREE.items()}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return write(tmp_path / "m", THREE | DOWN)


@pytest.fixture
def admin(empty_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        yield connection


def notes(connection: psycopg.Connection) -> dict[str, str | None]:
    return dict(connection.execute("SELECT migration_id, note FROM mathison_migration").fetchall())


def test_plain_sql_tells_what_when_who_and_how_long(
    empty_database_url: str, three: Path, admin: psycopg.Connection
) -> None:
    apply(empty_database_url, three)
    rows = admin.execute("SELECT * FROM mathison_migration ORDER BY 1").fetchall()
    assert [row[0] for row in rows] == list(THREE)
    name, checksum, rollback_checksum, at, by, duration, note = rows[0]
    assert checksum == hashlib.sha256(THREE[name].encode()).hexdigest()
    assert rollback_checksum == hashlib.sha256(DOWN[f"{name}.rollback"].encode()).hexdigest()
    assert at is not None
    assert re.fullmatch(rf"\S+@\S+ as {admin.info.user}", by)
    assert 0 <= duration < 60_000
    assert note is None


def test_an_edited_file_is_refused_and_may_be_accepted(
    empty_database_url: str, three: Path, admin: psycopg.Connection
) -> None:
    apply(empty_database_url, three)
    write(three, {"0002_create_b": "CREATE TABLE b (id bigint);", "0004_create_d": "CREATE TABLE d (id int);"})
    code, said = run(empty_database_url, "apply", str(three))
    assert code == 1
    assert re.search(r"0002_create_b.sql: was changed after it was applied.*--accept-edited 0002_create_b", said)
    assert admin.execute("SELECT to_regclass('d')").fetchone() == (None,)
    assert migrations.state(admin, three).edited == ["0002_create_b"]
    code, said = run(empty_database_url, "apply", str(three), MATHISON_ACCEPT_EDITED="0002_create_b")
    assert code == 0, said
    assert "accepted 0002_create_b as its file is now" in said
    assert notes(admin)["0002_create_b"] == "accepted after an edit"
    apply(empty_database_url, three)
    assert migrations.state(admin, three).edited == []


def test_an_edit_is_refused_even_when_nothing_is_pending(empty_database_url: str, three: Path) -> None:
    apply(empty_database_url, three)
    write(three, {"0001_create_a": THREE["0001_create_a"] + " "})
    with pytest.raises(MigrationEditedError, match=r"0001_create_a\.sql"):
        apply(empty_database_url, three)


def test_a_deleted_file_is_refused_and_may_be_accepted(
    empty_database_url: str, three: Path, admin: psycopg.Connection
) -> None:
    apply(empty_database_url, three)
    for path in three.glob("0002*"):
        path.unlink()
    with pytest.raises(MigrationMissingError, match=r"0002_create_b: is applied, but has no file.*Put it back"):
        apply(empty_database_url, three)
    assert migrations.state(admin, three).unknown == ["0002_create_b"]
    code, said = run(
        empty_database_url, "migrate", "apply", "--directory", str(three), "--accept-edited", "0002_create_b",
        program="mathison-data",
    )  # fmt: skip
    assert code == 0, said
    assert "accepted that 0002_create_b has no file any more" in said
    apply(empty_database_url, three)
    assert migrations.state(admin, three).unknown == []


def test_a_renamed_file_is_recognised(empty_database_url: str, three: Path, admin: psycopg.Connection) -> None:
    apply(empty_database_url, three)
    for path in three.glob("0002*"):
        path.rename(three / path.name.replace("create_b", "create_table_b"))
    with pytest.raises(MigrationMissingError, match="0002_create_b: is applied, but its file is now called 0002_cr"):
        apply(empty_database_url, three)
    apply(empty_database_url, three, accept_edited=frozenset({"0002_create_table_b"}))
    apply(empty_database_url, three)
    assert migrations.state(admin, three).applied == ["0001_create_a", "0002_create_table_b", "0003_create_c"]
    code, said = run(empty_database_url, "rollback", "--all", str(three))
    assert code == 0, said
    assert admin.execute("SELECT * FROM _yoyo_migration").fetchall() == []


def test_a_file_that_comes_too_late_is_refused_and_may_be_accepted(
    empty_database_url: str, three: Path, admin: psycopg.Connection
) -> None:
    first_and_last = {name: text for name, text in (THREE | DOWN).items() if "0002" not in name}
    apply(empty_database_url, write(three.parent / "without", first_and_last))
    with pytest.raises(MigrationOutOfOrderError, match=r"0002_create_b\.sql: comes before 0003_create_c, which is"):
        apply(empty_database_url, three)
    assert migrations.state(admin, three).out_of_order == ["0002_create_b"]
    apply(empty_database_url, three, accept_edited=frozenset({"0002_create_b"}))
    assert migrations.state(admin, three).pending == []


def test_none_may_be_left_out_by_a_filter(empty_database_url: str, three: Path, admin: psycopg.Connection) -> None:
    code, said = run(empty_database_url, "apply", "-m", "0002", str(three))
    assert (code, "0002_create_b.sql: 0001_create_a must be applied before it" in said) == (1, True), said
    apply(empty_database_url, three)
    code, said = run(empty_database_url, "rollback", "-m", "0002", str(three))
    assert (code, "0003_create_c must be rolled back before it" in said) == (1, True), said
    assert len(migrations.state(admin, three).applied) == 3


def test_what_there_is_to_accept_must_be_there(empty_database_url: str, three: Path) -> None:
    with pytest.raises(MigrationError, match="there is no migration 0009_x to accept"):
        apply(empty_database_url, three, accept_edited=frozenset({"0009_x"}))
    apply(empty_database_url, three, accept_edited=frozenset({"0001_create_a"}))  # nothing to do


def test_a_database_of_yoyo_alone_is_adopted(empty_database_url: str, three: Path, admin: psycopg.Connection) -> None:
    code, said = finish(start(empty_database_url, "apply", str(three), database=stock_url(empty_database_url)))
    assert code == 0, said
    assert migrations.state(admin, three).edited == []
    code, said = run(empty_database_url, "apply", str(three))
    assert code == 0, said
    assert "adopted 3 migrations that yoyo alone has applied, as their files are now: 0001_create_a to 0003" in said
    row = admin.execute(
        "SELECT note, applied_by, applied_at = applied_at_utc AT TIME ZONE 'UTC', duration_ms FROM mathison_migration "
        "JOIN _yoyo_migration USING (migration_id) WHERE migration_id ~ '0001'"
    ).fetchone()
    assert row
    assert row[0].startswith("adopted from yoyo")
    assert "@" in row[1]
    assert row[2:] == (True, None)
    assert "adopted" not in run(empty_database_url, "apply", str(three))[1]
    # yoyo alone rolls one back: that is seen, too
    finish(start(empty_database_url, "rollback", str(three), database=stock_url(empty_database_url)))
    code, said = run(empty_database_url, "apply", str(three))
    assert code == 0, said
    assert "forgot 0003_create_c: yoyo alone has rolled it back" in said
    assert "applied 0003_create_c" in said


def test_mark_unmark_reapply_and_develop_keep_the_ledger_in_step(
    empty_database_url: str, three: Path, admin: psycopg.Connection
) -> None:
    assert run(empty_database_url, "mark", str(three))[0] == 0
    assert notes(admin) == dict.fromkeys(THREE, "marked by hand, not run")
    assert admin.execute("SELECT to_regclass('a')").fetchone() == (None,)
    assert run(empty_database_url, "unmark", "--all", str(three))[0] == 0
    assert notes(admin) == {}
    apply(empty_database_url, three)
    assert run(empty_database_url, "reapply", "-m", "0003", str(three))[0] == 0
    assert run(empty_database_url, "develop", str(three))[0] == 0
    assert notes(admin) == dict.fromkeys(THREE)
    assert len(migrations.state(admin, three).applied) == 3


def test_a_role_that_may_only_read_is_enough_for_the_state(
    empty_database_url: str, three: Path, admin: psycopg.Connection
) -> None:
    before = migrations.state(admin, three)
    assert before.pending == list(THREE)
    apply(empty_database_url, three)
    role = sql.Identifier(f"reader_{admin.info.backend_pid}")
    admin.execute(sql.SQL("CREATE ROLE {0}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}").format(role))
    try:
        admin.execute(sql.SQL("SET default_transaction_read_only = on; SET ROLE {}").format(role))
        assert migrations.state(admin, three).applied == list(THREE)
    finally:
        admin.execute("RESET ROLE; RESET default_transaction_read_only")
        admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


def test_a_run_of_nothing_writes_nothing(empty_database_url: str, three: Path, admin: psycopg.Connection) -> None:
    apply(empty_database_url, three)
    before = admin.execute("SELECT *, xmin FROM mathison_migration ORDER BY 1").fetchall()
    with (one := backend(empty_database_url)), one.lock():
        one.apply_migrations(one.to_apply(migrations.read(three)))
    assert admin.execute("SELECT *, xmin FROM mathison_migration ORDER BY 1").fetchall() == before
