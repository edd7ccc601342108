"""The pools behind pgbouncer in transaction mode, where consecutive statements may run in different sessions."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from queries_by_hand import COUNT, NUMBER, READINGS, WRITE
from servers import OwnServer, own_server

from mathison_data import execution
from mathison_data.aio import execution as aio_execution
from mathison_data.aio.database import AsyncDatabase
from mathison_data.database import Database

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
PORT = 6543

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no pgbouncer: apt-get install pgbouncer")


@dataclass
class Bouncer:
    """A running pgbouncer."""

    url: str
    version: tuple[int, int]


def _configuration(server: OwnServer, directory: Path, version: tuple[int, int]) -> str:
    prepared = "max_prepared_statements = 100\n" if version >= (1, 21) else ""
    return f"""
[databases]
* = host={server.socket_directory}

[pgbouncer]
unix_socket_dir = {directory}
listen_port = {PORT}
pool_mode = transaction
default_pool_size = 2
auth_type = trust
auth_file = {directory}/users.txt
{prepared}"""


@pytest.fixture(scope="module")
def bouncer() -> Iterator[Bouncer]:
    assert PROGRAM
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = re.findall(r"\d+", said)[:2]
    version = int(major), int(minor)
    with own_server() as server, tempfile.TemporaryDirectory(prefix="mathison-bouncer-") as name:
        directory = Path(name)
        (directory / "pgbouncer.ini").write_text(_configuration(server, directory, version))
        (directory / "users.txt").write_text('"mathison" ""\n')
        account = server.socket_directory.stat().st_uid  # whoever may enter the directory of the server's socket
        if os.geteuid() == 0:
            for path in (directory, *directory.iterdir()):
                os.chown(path, account, -1)
        log = (directory / "log").open("w")
        process = subprocess.Popen(
            [
                PROGRAM,
                *(["-u", pwd.getpwuid(account).pw_name] if os.geteuid() == 0 else []),
                directory / "pgbouncer.ini",
            ],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        log.close()
        try:
            deadline = time.monotonic() + 30
            while not (directory / f".s.PGSQL.{PORT}").exists():
                assert process.poll() is None, (directory / "log").read_text()
                assert time.monotonic() < deadline, (directory / "log").read_text()
                time.sleep(0.05)
            yield Bouncer(f"postgresql://mathison@/mathison?host={directory}&port={PORT}", version)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def prepared(bouncer: Bouncer) -> bool:
    """Whether this pgbouncer knows prepared statements in transaction mode."""
    return bouncer.version >= (1, 21)


def test_two_sessions_serve_eight_connections(bouncer: Bouncer, prepared: bool) -> None:
    database = Database()
    database.configure(url=bouncer.url, min_size=8, max_size=8, timeout=60, prepared_statements=prepared)

    def work(number: int) -> int:
        slug = f"{prepared}-{number}"
        with database.transaction() as tx:
            execution.execute(tx, WRITE, {"slug": slug})
        assert execution.many(database, READINGS, {"number": 3})[2].number == 3
        with execution.stream(database, READINGS, {"number": 250}) as readings:
            assert len(list(readings)) == 250
        return execution.one(database, NUMBER, {"number": number})

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(work, range(60))) == list(range(60))
    sessions = set()
    for _ in range(8):
        with database.connection() as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            sessions.add(row)
    assert execution.one(database, COUNT, {}) == 60
    assert len(sessions) <= 2
    database.close()


def test_asyncio_as_well(bouncer: Bouncer, prepared: bool) -> None:
    async def scenario() -> None:
        database = AsyncDatabase()
        database.configure(url=bouncer.url, min_size=8, max_size=8, timeout=60, prepared_statements=prepared)
        found = await asyncio.gather(
            *(aio_execution.one(database, NUMBER, {"number": number}) for number in range(100))
        )
        assert found == list(range(100))
        await database.close()

    asyncio.run(scenario())


def test_the_setting_is_what_makes_an_older_one_work(bouncer: Bouncer, prepared: bool) -> None:
    if prepared:
        pytest.skip("this pgbouncer knows prepared statements in transaction mode")
    database = Database()
    database.configure(url=bouncer.url, min_size=4, max_size=4)

    def many_times() -> None:
        for _ in range(12):
            connections = [database.borrow() for _ in range(4)]
            for connection in connections:
                database.give_back(connection)
                execution.one(database, NUMBER, {"number": 1})

    with pytest.raises((psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName)):
        many_times()
    database.close()
