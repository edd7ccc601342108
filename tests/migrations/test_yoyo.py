"""Plain `yoyo`, run as a deployment runs it: from the repository's root, with DATABASE_URL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from databases import ROOT, url_of
from psycopg import sql

from mathison_data import migrations, server
from mathison_data.errors import ServerError
from mathison_data.migrations import backend
from mathison_data.settings import parse_url


def yoyo(*arguments: str, url: str | None, directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    if url is not None:
        environment["DATABASE_URL"] = url
    program = str(Path(sys.executable).with_name("yoyo"))
    return subprocess.run(
        [program, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


def test_apply_list_and_rollback(empty_database_url: str) -> None:
    ids = [migration.id for migration in migrations.read()]
    applied = yoyo("apply", url=empty_database_url)
    assert applied.returncode == 0, applied.stderr
    first, *lines = applied.stderr.splitlines()
    assert re.fullmatch(r"mathison-data: .+, database mathison_test_\w+, user \w+ \(DATABASE_URL\)", first)
    assert [line.split()[:2] for line in lines] == [["applied", name] for name in ids]

    listed = yoyo("list", url=empty_database_url).stdout
    assert re.findall(r"^A +(\S+)", listed, re.MULTILINE) == ids
    assert yoyo("apply", url=empty_database_url).stderr.count("\n") == 1  # nothing to do, but where

    rolled_back = yoyo("rollback", "--all", url=empty_database_url)
    assert rolled_back.returncode == 0, rolled_back.stderr
    assert [line.split()[2] for line in rolled_back.stderr.splitlines()[1:]] == ids[::-1]
    assert re.findall(r"^U +(\S+)", yoyo("list", url=empty_database_url).stdout, re.MULTILINE) == ids


def test_a_password_that_needs_encoding_and_prismas_parameters(empty_database_url: str) -> None:
    """The password is what no layer may decode twice; the server lets anyone in over its socket, so it is read back."""
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        role = f"p_{admin.info.backend_pid}"
        password = "p@ss+w%rd%41 /:"
        admin.execute(
            sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
        )
        host = admin.info.host
        encoded = "p%40ss+w%25rd%2541%20%2F%3A"
        base = f"postgresql://{role}:{encoded}@"
        base += (
            f"/{admin.info.dbname}?host={host}"
            if host.startswith("/")
            else f"{host}:{admin.info.port}/{admin.info.dbname}?"
        )
        try:
            url = f"{base}&schema=public&connection_limit=5&pgbouncer=true".replace("?&", "?")
            with psycopg.connect(base.rstrip("?")) as connection:
                assert connection.pgconn.password == password.encode()
            done = yoyo("apply", url=url)
            assert done.returncode == 0, done.stderr
            assert f"user {role}" in done.stderr
            assert "p@ss" not in done.stderr
            assert encoded not in done.stderr
        finally:
            admin.execute(sql.SQL("REASSIGN OWNED BY {0} TO CURRENT_USER; DROP ROLE {0}").format(sql.Identifier(role)))


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        (None, 2, r"DATABASE_URL is not set.*run: mathison-data up"),
        ("postgresql://u:s3cret@h:99x/db", 2, "DATABASE_URL has a port that is no number"),
        ("postgresql://u:s3cret%zz@h/db", 2, r"DATABASE_URL is not a PostgreSQL URL \(invalid percent-encoded token\)"),
        (
            "postgresql://u:s3cret@127.0.0.1:1/db",
            1,
            r"cannot connect to 127\.0\.0\.1:1, database db, user u: .*refused",
        ),
        ("postgresql://u:s3cret@/db?host=/nowhere", 1, r"cannot connect to /nowhere, .*No such file or directory"),
        (
            "postgresql://u:s3cret@no.such.invalid/db",
            1,
            r"cannot connect to no\.such\.invalid.*Check the host in DATABASE_URL",
        ),
    ],
)
def test_bad_configuration_is_one_line(tmp_path: Path, url: str | None, code: int, message: str) -> None:
    arguments = ("apply", "--database", "mathison://", str(migrations.directory()))
    done = yoyo(*arguments, url=url, directory=tmp_path)
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.endswith("(DATABASE_URL)")]
    assert len(lines) == 1, done.stderr
    assert re.search(message, lines[0], re.IGNORECASE), lines[0]
    assert "s3cret" not in done.stderr


def test_a_missing_database_is_named(server_url: str) -> None:
    done = yoyo("list", url=url_of(server_url, "no_such_database"))
    assert done.returncode == 1
    assert 'database "no_such_database" does not exist. Create it' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_scheme_takes_no_server_of_its_own(empty_database_url: str) -> None:
    done = yoyo("list", "--database", "mathison://elsewhere/db", url=empty_database_url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "mathison:// takes nothing more" in done.stderr


@pytest.fixture
def ordinary_url(empty_database_url: str) -> Iterator[str]:
    """The URL of an ordinary role, named like its database, that has no rights there yet."""
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        role = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'ordinary'").format(role))
        parts = urlsplit(empty_database_url)
        where = parts.netloc.rpartition("@")[2]
        yield parts._replace(netloc=f"{admin.info.dbname}:ordinary@{where}").geturl()
        admin.execute(sql.SQL("REASSIGN OWNED BY {0} TO CURRENT_USER").format(role))
        admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


@pytest.fixture
def owner_url(empty_database_url: str, ordinary_url: str) -> str:
    """The URL of an ordinary role that owns its database, as a deployment's login should be."""
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("ALTER DATABASE {0} OWNER TO {0}").format(name))
    return ordinary_url


def test_without_the_right_to_make_tables_it_says_what_the_owner_must_run(ordinary_url: str) -> None:
    role = urlsplit(ordinary_url).username
    for command in ("apply", "list"):
        done = yoyo(command, url=ordinary_url)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith(
            f"no right to make tables. Its owner runs: GRANT CREATE ON SCHEMA public TO {role};"
        )
        assert "Traceback" not in done.stderr


def test_a_server_that_is_read_only_is_refused(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    done = yoyo("apply", url=empty_database_url)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("is read-only: migrations need the primary")


@pytest.mark.parametrize("search_path", ["nosuch", '"$user", public'])
def test_everything_is_made_in_public_whatever_the_search_path(
    empty_database_url: str, owner_url: str, search_path: str
) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("CREATE SCHEMA AUTHORIZATION {}").format(name))
        owner.execute(sql.SQL("ALTER DATABASE {} SET search_path = {}").format(name, sql.SQL(search_path)))
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION vector WITH SCHEMA public")
    done = yoyo("apply", url=owner_url)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(owner_url) as owner:
        schemas = owner.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tableowner = current_user").fetchall()
    assert schemas == [("public",)]


def test_without_the_right_to_create_the_extension_it_says_what_the_dba_must_run(
    empty_database_url: str, owner_url: str
) -> None:
    done = yoyo("apply", url=owner_url)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.search(r"0001_create_extension_vector.sql:\d+: permission denied to create extension", last)
    assert "A superuser must run in this database: CREATE EXTENSION vector WITH SCHEMA public;" in last
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION vector WITH SCHEMA public")
    assert yoyo("apply", url=owner_url).returncode == 0
    rolled_back = yoyo("rollback", "--all", url=owner_url)
    assert rolled_back.returncode == 0, rolled_back.stderr  # the extension is not ours to drop: it stays


def test_a_server_that_is_too_old_is_refused(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (server, backend):
        monkeypatch.setattr(module, "OLDEST_SERVER", 99)
    with pytest.raises(ServerError, match=r"PostgreSQL \d+\.\d+ at .* is too old: 99 or later is needed"):
        backend.Backend.of(parse_url(empty_database_url, "test"))
