from __future__ import annotations

from pathlib import Path

import pytest

from mathison_data.errors import ConfigError
from mathison_data.settings import configured_url, database_url, parse_url, project_directory


def test_the_environment_goes_before_env_local(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env.local").write_text('DATABASE_URL="postgresql://file@file.example/db"\n')
    assert database_url().host == "file.example"
    monkeypatch.setenv("DATABASE_URL", "postgresql://env@env.example/db")
    assert database_url().host == "env.example"


def test_env_local_goes_before_the_embedded_server(project: Path) -> None:
    (project / ".mathison").mkdir()
    (project / ".mathison" / "url").write_text("postgresql://mathison@/mathison?host=/run\n")
    assert database_url().host == "/run"
    assert configured_url() is None
    (project / ".env.local").write_text("DATABASE_URL=postgresql://file@file.example/db\n")
    assert database_url().host == "file.example"


def test_a_directory_below_the_project_finds_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "yoyo.ini").touch()
    (project / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(project / "a" / "b")
    assert project_directory() == project


@pytest.mark.parametrize("value", [None, "", "  "])
def test_no_database_at_all_says_what_to_do(project: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(ConfigError, match=r"DATABASE_URL is not set.*mathison-data up"):
        database_url()


def test_a_password_in_env_local_is_taken_verbatim(project: Path) -> None:
    (project / ".env.local").write_text("DATABASE_URL=postgresql://u:${HOME}%40@h/db\n")
    assert database_url().url == "postgresql://u:${HOME}%40@h/db"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://u:p%40ss@h:5433/db?schema=public", "postgresql://u:p%40ss@h:5433/db"),
        ("postgres://u@h/db?connection_limit=5&sslmode=require&pgbouncer=true", "postgres://u@h/db?sslmode=require"),
        ("postgresql://u@/db?host=/tmp/a%20b&pool_timeout=3", "postgresql://u@/db?host=/tmp/a%20b"),
        ("postgresql://u:a+b%25c@h/db?application_name=x", "postgresql://u:a+b%25c@h/db?application_name=x"),
        ("host=h dbname=db user=u password=p", "host=h dbname=db user=u password=p"),
    ],
)
def test_only_prismas_own_parameters_are_dropped(given: str, taken: str) -> None:
    assert parse_url(given, "test").url == taken


def test_another_schema_than_public_is_refused() -> None:
    with pytest.raises(ConfigError, match="another schema than public"):
        parse_url("postgresql://u@h/db?schema=other", "DATABASE_URL")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:s3cret%zz@h/db", "invalid percent-encoded token"),
        ("mysql://u:s3cret@h/db", "is not a PostgreSQL URL\\. It has the form"),
        ("s3cret", "is not a PostgreSQL URL\\. It has the form"),
        ("postgresql://u:s3cret@h/db?nonsense=1", "invalid URI query parameter"),
    ],
)
def test_what_does_not_parse_is_named_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_url(url, "DATABASE_URL")
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("DATABASE_URL is not a PostgreSQL URL")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3c@ret@127.0.0.1:1/db",
        "postgresql://u:/s3cret@127.0.0.1/db",
        "postgresql://u:12/s3cret@127.0.0.1/db?sslmode=require",
    ],
)
def test_a_password_that_is_not_encoded_is_not_taken_for_host_or_database(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL has an @ or a / in its password: write %40 for @") as caught:
        parse_url(url, "DATABASE_URL")
    assert "ret" not in str(caught.value)


def test_what_is_not_utf8_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env.local").write_bytes(b"# caf\xe9\nDATABASE_URL=postgresql://u@h/db\n")
    with pytest.raises(ConfigError, match=r"\.env\.local is not UTF-8 at byte 5"):
        database_url()
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:\udce9@h/db")
    with pytest.raises(ConfigError, match=r"DATABASE_URL is not a PostgreSQL URL \(it is not UTF-8\)"):
        database_url()


@pytest.mark.parametrize("port", ["54x2", "65536", "-1", "0"])
def test_a_port_that_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL has a port that is no number from 1 to 65535"):
        parse_url(f"postgresql://u:s3cret@h:{port}/db", "DATABASE_URL")


def test_no_form_of_it_shows_the_password() -> None:
    target = parse_url("postgresql://u:s3cret@h:5433/db", "DATABASE_URL")
    assert str(target) == "h:5433, database db, user u"
    assert "s3cret" not in repr(target)
