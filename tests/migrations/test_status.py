"""The status: reads only, whoever asks and wherever; exit 1 when something is pending or has drifted."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from databases import migrate
from psycopg import sql

from mathison_data import migrations
from mathison_data.cli import main
from mathison_data.embedded import EmbeddedServer
from mathison_data.migrations import plan, scratch, status
from mathison_data.settings import parse_url

IDS = [migration.id for migration in migrations.read()]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A directory with all migrations, to be changed."""
    return Path(shutil.copytree(migrations.directory(), tmp_path / "migrations"))


def test_all_applied(
    database_url: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["migrate", "status"]) == 0
    out = capsys.readouterr().out
    assert f"\n{len(IDS)} applied, 0 pending\n" in out
    assert main(["migrate", "status", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in data["migrations"]] == IDS
    assert data["schema"] is None
    for row in data["migrations"]:
        assert row["state"] == "applied"
        assert datetime.fromisoformat(row["applied_at"]).tzinfo
        assert row["applied_by"]
        assert row["duration_ms"] >= 0


def test_all_pending_on_an_empty_database_which_stays_empty(
    empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status.run(parse_url(empty_database_url, "test")) == 1
    assert f"0 applied, {len(IDS)} pending" in capsys.readouterr().out
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall() == []


def test_what_drifted_is_named(database_url: str, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file edited, the last one gone, and a new one in the middle."""
    with (copy / f"{IDS[2]}.sql").open("a") as file:
        file.write("\nSELECT 1;\n")
    for suffix in (".sql", ".rollback.sql"):
        (copy / f"{IDS[-1]}{suffix}").unlink()
        (copy / f"0000_come_late{suffix}").write_text("SELECT 1;\n")
    (copy / "0900_come_next.sql").write_text("SELECT 1;\n")
    (copy / "0900_come_next.rollback.sql").write_text("SELECT 1;\n")
    assert status.run(parse_url(database_url, "test"), source=copy) == 1
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    states = {cells[0]: next(cell for cell in cells[1:] if cell).strip() for cells in lines if cells[0][:1] == "0"}
    assert states == dict.fromkeys(IDS, "applied") | {
        IDS[2]: "edited", IDS[-1]: "no file", "0000_come_late": "out of order", "0900_come_next": "pending"
    }  # fmt: skip


def test_the_schema_is_compared(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = parse_url(database_url, "test")
    assert status.run(target, schema=True) == 0
    assert "schema: as the applied migrations make it" in capsys.readouterr().out
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE INDEX recipes_foo_idx ON recipes (tier)")
        connection.execute("ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x'")
    assert status.run(target, schema=True) == 1
    out = capsys.readouterr().out
    assert "index recipes_foo_idx exists only in the database\n" in out
    assert "column users.name differs\n  in the database:   text DEFAULT 'x'::text\n  by the migrations: text\n" in out
    assert "schema: 2 differences from what the migrations make" in out
    assert status.run(target, schema=True, as_json=True) == 1
    schema = json.loads(capsys.readouterr().out)["schema"]
    assert [difference["object"] for difference in schema] == ["column users.name", "index recipes_foo_idx"]


def test_what_is_pending_is_no_drift(empty_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.run(parse_url(empty_database_url, "test"), schema=True) == 1
    assert "schema: as the applied migrations make it" in capsys.readouterr().out


def test_a_role_that_may_only_read(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    role = sql.Identifier("mathison_test_status_reader")
    with psycopg.connect(database_url, autocommit=True) as admin:
        if not admin.execute("SELECT FROM pg_roles WHERE rolname = 'mathison_test_status_reader'").fetchall():
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'reader'").format(role))
            admin.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role))
        admin.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role))
    parts = urlsplit(database_url)
    where = parts.netloc.rpartition("@")[2]
    reader = parts._replace(netloc=f"mathison_test_status_reader:reader@{where}").geturl()
    assert status.run(parse_url(reader, "test"), schema=True) == 0
    assert "schema: as the applied migrations make it" in capsys.readouterr().out


@pytest.fixture(scope="module")
def standby_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in recovery: a migrated one, stopped and started again as a standby."""
    server = EmbeddedServer(tmp_path_factory.mktemp("standby"))
    try:
        url = server.start()
        migrate(url)
        server.stop()
        (server.data / "standby.signal").touch()
        yield server.start()
    finally:
        server.stop()


def test_on_a_standby(standby_url: str, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(standby_url) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
    target = parse_url(standby_url, "test")
    assert status.run(target) == 0
    assert status.run(target, schema=True) == 0
    assert "note: the target's own server: cannot execute CREATE DATABASE in a read-only" in capsys.readouterr().err
    (copy / "0900_come_next.sql").write_text("ALTER TABLE recipes ADD COLUMN rating bigint;\n")
    (copy / "0900_come_next.rollback.sql").write_text("SELECT 1;\n")
    made = plan.make(target, source=copy)
    assert (made.good, made.place) == (True, "an embedded server")


def test_the_embedded_server_of_a_scratch_database_goes_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch.from_files(None, []) as made, psycopg.connect(made.url.url):
        assert len(list(tmp_path.glob("mathison-scratch-*"))) == 1
        with scratch.from_files(None, []):  # the sweep leaves one that is in use alone
            assert len(list(tmp_path.glob("mathison-scratch-*"))) == 2
        psycopg.connect(made.url.url).close()
    assert list(tmp_path.glob("mathison-scratch-*")) == []
