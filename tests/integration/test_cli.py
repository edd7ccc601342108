"""The command as a person runs it: in a process of its own, in a directory of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import server_directory, url_of

from mathison_data.embedded import EmbeddedServer

PROGRAM = str(Path(sys.executable).with_name("mathison-data"))


def run(*arguments: str, directory: Path, url: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | more
    if url is not None:
        environment["DATABASE_URL"] = url
    return subprocess.run(
        [PROGRAM, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A directory with a blank in its name, where the embedded server is up."""
    with server_directory() as directory:
        done = run("up", directory=directory)
        assert done.returncode == 0, done.stderr
        yield directory
        run("down", directory=directory)


def test_up_says_what_it_does_and_what_is_there(own_directory: Path) -> None:
    try:
        done = run("up", directory=own_directory)
        assert done.returncode == 0, done.stderr
        for line in ("making the data directory", "applied 0001_create_extension_vector", "added recipe postgresql"):
            assert line in done.stderr
        assert re.search(r"^PostgreSQL 18\.\d+ with pgvector 0\.\d+\.\d+: ", done.stdout, re.MULTILINE)
        assert re.search(r"^  recipes +5$", done.stdout, re.MULTILINE)
        assert len(re.findall(r"^  \w+ +\d+$", done.stdout, re.MULTILINE)) == 8
        url = re.search(r"export DATABASE_URL='(.*)'", done.stdout)
        assert url
        with psycopg.connect(url.group(1)) as connection:
            assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (5,)
    finally:
        run("down", directory=own_directory)


def test_up_again_changes_nothing(home: Path) -> None:
    url = (home / ".mathison" / "url").read_text().strip()
    state = "SELECT array_agg(t::text ORDER BY t::text) FROM (TABLE {}) AS t"

    def everything() -> list[object]:
        with psycopg.connect(url) as connection:
            tables = ("recipes", "_yoyo_migration", "_yoyo_log")
            return [connection.execute(state.format(table)).fetchone() for table in tables]

    before = everything()
    done = run("up", directory=home)
    assert done.returncode == 0
    assert "applied" not in done.stderr
    assert "0 recipes added, 0 updated, 5 unchanged" in done.stderr
    assert everything() == before


def test_status_and_down_and_up(home: Path) -> None:
    done = run("status", directory=home)
    assert done.returncode == 0
    assert "is running at" in done.stdout
    assert re.search(r"applied migrations: \d+\n  0001_create_extension_vector\n", done.stdout)
    assert "pending migrations: 0\n" in done.stdout
    machine = json.loads(run("status", "--json", directory=home).stdout)
    assert machine["migrations"]["applied"][0] == "0001_create_extension_vector"

    assert run("down", directory=home).returncode == 0
    stopped = run("status", directory=home)
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "is down. Start it: mathison-data up" in stopped.stderr
    assert "no server is running" in run("down", directory=home).stderr
    assert run("up", directory=home).returncode == 0


def test_a_server_of_ones_own_is_used_as_it_is(empty_database_url: str, tmp_path: Path) -> None:
    done = run("up", directory=tmp_path, url=empty_database_url)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".mathison").exists()
    assert re.search(r"^  recipes +5$", done.stdout, re.MULTILINE)


def test_an_interrupt_after_up_does_not_reach_the_server(own_directory: Path) -> None:
    """Ctrl-C goes to every process of the terminal's group; a server in it would stop."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"'{PROGRAM}' up; sleep 60"],
        cwd=own_directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    try:
        assert any("export DATABASE_URL" in line for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        assert run("check", directory=own_directory).returncode == 0
    finally:
        process.stdout.close()
        run("down", directory=own_directory)


def test_up_waits_for_a_server_that_is_just_starting(own_directory: Path) -> None:
    server = EmbeddedServer(own_directory / "server")
    url = server.url("postgres")  # there as soon as the server is
    process = subprocess.Popen(
        [PROGRAM, "up"], cwd=own_directory, env=os.environ | {"DATABASE_URL": url}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        assert any("nobody answers yet; trying for 15 s" in line for line in process.stderr)
        server.start()
        process.stderr.read()
        assert process.wait(60) == 0
    finally:
        process.stderr.close()
        server.stop()


def test_a_migration_that_this_release_lacks_stops_up(database_url: str, project: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE _yoyo_migration SET migration_id = '9999_later' WHERE migration_id ~ '0008'")
    done = run("up", directory=project, url=database_url)
    assert done.returncode == 1
    assert "9999_later: is applied, but has no file" in done.stderr.splitlines()[-1]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (0,)


def test_a_directory_that_cannot_be_written_is_told_in_a_line(project: Path) -> None:
    (project / ".mathison").write_text("a file where the directory should be")
    done = run("up", directory=project)
    assert done.returncode == 1
    assert re.search(r"\.mathison: (File exists|Not a directory)$", done.stderr.splitlines()[-1])


def test_env_local_is_read_and_never_written(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text(f"DATABASE_URL={empty_database_url}\n")
    assert run("up", directory=tmp_path).returncode == 0
    assert (tmp_path / ".env.local").read_text() == f"DATABASE_URL={empty_database_url}\n"
    assert not (tmp_path / ".mathison").exists()


def test_check_in_words_and_for_machines(database_url: str, tmp_path: Path) -> None:
    done = run("check", directory=tmp_path, url=database_url)
    assert done.returncode == 0, done.stdout
    assert [line[0] for line in done.stdout.splitlines()] == ["✓"] * 9
    findings = json.loads(run("check", "--json", directory=tmp_path, url=database_url).stdout)
    assert [finding["good"] for finding in findings] == [True] * 9

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id ~ '0008'")
    done = run("check", directory=tmp_path, url=database_url)
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("✗ migrations: pending: 0008_create_conv")]
    assert run("check", "--json", directory=tmp_path, url=database_url).returncode == 1


def test_seed_tells_of_what_differs(database_url: str, tmp_path: Path) -> None:
    assert run("seed", directory=tmp_path, url=database_url).returncode == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE recipes SET category = 'cache' WHERE slug = 'redis'")
    done = run("seed", directory=tmp_path, url=database_url)
    assert done.returncode == 0
    assert "recipe redis differs from its file in category; left as it is" in done.stderr
    done = run("seed", "--update", directory=tmp_path, url=database_url)
    assert "updated recipe redis" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "url", "code", "message"),
    [
        (["check"], None, 2, "DATABASE_URL is not set"),
        (["seed"], "nonsense", 2, "DATABASE_URL is not a PostgreSQL URL"),
        (["up"], "postgresql://u:s3cret@127.0.0.1:1/db", 1, "cannot connect to 127.0.0.1:1, database db, user u"),
        (["status"], "postgresql://u:s3cret@127.0.0.1:1/db", 1, "cannot connect to 127.0.0.1:1, database db, user u"),
        (
            ["seed", "--directory", "/nowhere"],
            "postgresql://u:s3cret@127.0.0.1:1/db",
            1,
            "/nowhere holds no seed files",
        ),
        (
            ["check"],
            "postgresql://u@127.0.0.1/db?sslmode=x",
            1,
            "DATABASE_URL is refused by libpq: invalid sslmode value",
        ),
        (
            ["status"],
            "postgresql://u@127.0.0.1/db?sslmode=x",
            2,
            "DATABASE_URL is refused by libpq: invalid sslmode value",
        ),
        (["fly"], None, 2, "invalid choice: 'fly'"),
    ],
)
def test_bad_input_is_told_in_a_line(
    project: Path, arguments: list[str], url: str | None, code: int, message: str
) -> None:
    done = run(*arguments, directory=project, url=url)
    assert done.returncode == code, done.stderr
    assert message in (done.stderr or done.stdout).splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_a_wrong_password_is_told_without_it(own_directory: Path) -> None:
    """The embedded server trusts its socket, so this one asks for passwords: a second line in its pg_hba.conf."""
    server = EmbeddedServer(own_directory / "server")
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
            hba = server.data / "pg_hba.conf"
            hba.write_text("local all guest scram-sha-256\n" + hba.read_text())
            admin.execute("SELECT pg_reload_conf()")
        url = server.url().replace("mathison@", "guest:s3cret@")
        done = run("check", directory=own_directory, url=url)
        assert done.returncode == 1
        assert 'password authentication failed for user "guest"' in done.stdout
        assert "Check user and password in DATABASE_URL" in done.stdout
        assert "s3cret" not in done.stdout + done.stderr
    finally:
        server.stop()


def test_a_database_that_does_not_exist(server_url: str, project: Path) -> None:
    done = run("up", directory=project, url=url_of(server_url, "no_such_database"))
    assert done.returncode == 1
    assert 'database "no_such_database" does not exist. Create it' in done.stderr.splitlines()[-1]


def test_a_data_directory_in_use_is_refused(home: Path, own_directory: Path) -> None:
    """Another project that has the same data directory, but looks for its server on a socket of its own."""
    (own_directory / ".mathison").mkdir()
    (own_directory / ".mathison" / "postgres").symlink_to(home / ".mathison" / "postgres")
    done = run("up", directory=own_directory)
    assert done.returncode == 1
    assert 'lock file "postmaster.pid" already exists' in done.stderr.splitlines()[-1]
    assert run("check", directory=home).returncode == 0


def test_interrupted_it_says_so_and_the_next_run_goes_on(own_directory: Path) -> None:
    """Ctrl-C at a terminal, while the data directory is being made."""
    terminal, other = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "up"],
        cwd=own_directory,
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        stdout=other,
        stderr=other,
        stdin=other,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's & ignores it
    )
    os.close(other)
    try:
        while b"making the data directory" not in os.read(terminal, 1000):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        done = run("up", directory=own_directory)
        assert done.returncode == 0, done.stderr
    finally:
        os.close(terminal)
        run("down", directory=own_directory)


@pytest.mark.parametrize("command", ["", "up", "down", "status", "check", "seed"])
def test_help_teaches(project: Path, command: str) -> None:
    done = run(*command.split(), "--help", directory=project)
    assert done.returncode == 0
    assert "DATABASE_URL" in done.stdout
    assert f"mathison-data {command}" in done.stdout
