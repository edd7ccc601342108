"""The embedded server: where it can live, that data survives, and what it says when it cannot start."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mathison_data import embedded
from mathison_data.embedded import EmbeddedServer
from mathison_data.errors import ConfigError, ServerError
from mathison_data.server import connect
from mathison_data.settings import EMBEDDED, parse_url


@pytest.fixture(scope="module")
def ready() -> Iterator[EmbeddedServer]:
    """A server in a path that needs quoting everywhere; tests leave it running."""
    directory = Path(tempfile.mkdtemp(prefix='mathison it\'s a, "test" $HOME '))
    server = EmbeddedServer(directory / ".mathison")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(directory)


def test_a_path_that_needs_quoting(ready: EmbeddedServer) -> None:
    with psycopg.connect(ready.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_starting_twice_is_starting_once(ready: EmbeddedServer) -> None:
    def started() -> object:
        with psycopg.connect(ready.url()) as connection:
            return connection.execute("SELECT pg_postmaster_start_time()").fetchone()

    before = started()
    assert ready.start() == ready.url()
    assert started() == before


def test_it_listens_on_no_network_and_no_one_else_can_reach_the_socket(ready: EmbeddedServer) -> None:
    with psycopg.connect(ready.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert ready.socket_directory.stat().st_mode & 0o077 == 0


def test_data_survives_down_and_up(ready: EmbeddedServer) -> None:
    with psycopg.connect(ready.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert ready.stop()
    assert not ready.is_running()
    assert not (ready.directory / "url").exists()
    assert not ready.stop()
    ready.start()
    with psycopg.connect(ready.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_it_comes_back_after_a_crash(ready: EmbeddedServer) -> None:
    postmaster = int((ready.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while ready.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    ready.start()
    assert ready.is_running()


def test_a_path_too_long_for_a_socket(own_directory: Path) -> None:
    directory = own_directory / ("long" * 25) / "and longer"
    directory.mkdir(parents=True)
    server = EmbeddedServer(directory / ".mathison")
    try:
        server.start()
        assert server.is_running()
        assert server.socket_directory.parent == Path(tempfile.gettempdir())
    finally:
        server.stop()
    assert not server.socket_directory.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPORT", "5433"),
        ("PGHOSTADDR", "127.0.0.1"),
        ("PGHOST", "elsewhere"),
        ("PGDATABASE", "elsewhere"),
        ("PGUSER", "someone"),
        ("PGOPTIONS", "-c nonsense=1"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGCLIENTENCODING", "SQL_ASCII"),
        ("PGDATA", "/nowhere"),
    ],
)
def test_the_variables_of_someones_shell_lead_nowhere_else(
    ready: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert ready.is_running()
    ready.stop()
    ready.start()
    with connect(parse_url(ready.url(), EMBEDDED)) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("mathison",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server another account")
def test_down_works_after_the_passage_was_closed_again(own_directory: Path) -> None:
    closed = own_directory / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedServer(closed / ".mathison")
    server.start()
    closed.chmod(0o700)
    assert server.stop()
    assert not server.is_running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work in someone else's project")
@pytest.mark.parametrize("owner", [pwd.getpwnam("nobody").pw_uid, 54321])
def test_root_leaves_a_project_to_its_owner_even_one_without_a_name(own_directory: Path, owner: int) -> None:
    project = own_directory / "project"
    project.mkdir()
    os.chown(project, owner, -1)
    server = EmbeddedServer(project / ".mathison")
    server.start()
    try:
        files = [project / ".mathison" / name for name in (".", "lock", "url", "postgres.log")]
        assert {path.stat().st_uid for path in files} == {owner}
    finally:
        server.stop()


def test_two_at_once_make_one_server(own_directory: Path) -> None:
    script = "import sys; from pathlib import Path; from mathison_data.embedded import EmbeddedServer; "
    script += "EmbeddedServer(Path(sys.argv[1])).start()"
    directory = own_directory / ".mathison"
    runs = [subprocess.Popen([sys.executable, "-c", script, str(directory)]) for _ in range(2)]
    try:
        assert [run.wait(60) for run in runs] == [0, 0]
        assert EmbeddedServer(directory).is_running()
    finally:
        EmbeddedServer(directory).stop()


def test_an_interrupted_beginning_is_not_taken_for_a_data_directory(own_directory: Path) -> None:
    directory = own_directory / ".mathison"
    (directory / "postgres.12345").mkdir(parents=True)
    (directory / "postgres.12345" / "PG_VERSION").write_text("18\n")
    server = EmbeddedServer(directory)
    try:
        server.start()
        assert server.is_running()
        assert not (directory / "postgres.12345").exists()
    finally:
        server.stop()


def test_a_data_directory_of_another_major_version_is_refused(own_directory: Path) -> None:
    directory = own_directory / ".mathison"
    (directory / "postgres").mkdir(parents=True)
    (directory / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match=r"was made by PostgreSQL 17, but 18 is installed"):
        EmbeddedServer(directory).start()


def test_a_data_directory_that_is_in_use_is_refused_with_the_reason(ready: EmbeddedServer) -> None:
    other = EmbeddedServer(ready.directory, settings={"port": "5433"})
    other.is_running = lambda: False  # type: ignore[method-assign]  # as if it were on another socket
    with pytest.raises(ServerError, match=r'did not start on .*lock file "postmaster.pid" already exists'):
        other.start()
    assert ready.is_running()


def test_without_the_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"mathison-data\[embedded\]"):
        embedded.programs()
