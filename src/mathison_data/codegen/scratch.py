"""A migrated database to describe queries on, gone afterwards whatever happens."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from mathison_data import migrations
from mathison_data.embedded import EmbeddedServer
from mathison_data.migrations.backend import Backend
from mathison_data.server import connect
from mathison_data.settings import parse_url

# The data is thrown away: nothing needs to survive a crash.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "16MB"}

_REMOVE_SECONDS = 10


@contextmanager
def scratch_database(
    url: str | None, source: Path, say: Callable[[str], None], binaries: Path | None = None
) -> Iterator[psycopg.Connection]:
    """Give a connection to a new database with the migrations of `source`, on the given server or one of ours."""
    if url is not None:
        with _database(url, source, say) as connection:
            yield connection
        return
    directory = Path(tempfile.mkdtemp(prefix="mathison-generate-"))
    server = EmbeddedServer(directory, binaries=binaries, settings=_FAST)
    try:
        say("starting a scratch server")
        with _database(server.start(), source, say) as connection:
            yield connection
    finally:
        _remove(server)


@contextmanager
def _database(server_url: str, source: Path, say: Callable[[str], None]) -> Iterator[psycopg.Connection]:
    """Make a database of a random name, migrate it, drop it at the end."""
    server = parse_url(server_url, "the server's URL")
    name = f"mathison_generate_{secrets.token_hex(6)}"
    with connect(server) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        target = parse_url(conninfo.make_conninfo(server.url, dbname=name), f"scratch database {name}")
        pending = migrations.read(source)
        say(f"applying {len(pending)} migrations")
        with Backend.of(target) as backend, backend.lock():
            backend.apply_migrations(pending)
        with connect(target) as connection:
            yield connection
    finally:
        with connect(server) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _remove(server: EmbeddedServer) -> None:
    """Stop a server and remove its data, even where Ctrl-C caught it while it was being made or started."""
    directories = (server.directory, server.socket_directory)
    deadline = time.monotonic() + _REMOVE_SECONDS
    try:
        server.stop()
    finally:
        # One that does not answer yet goes on for a moment, and so does initdb: they still write here.
        while any(directory.exists() for directory in directories) and time.monotonic() < deadline:
            with suppress(OSError, ValueError, IndexError):
                process = abs(int((server.data / "postmaster.pid").read_text().split()[0]))  # negative within initdb
                os.kill(process, signal.SIGQUIT)
            for directory in directories:
                shutil.rmtree(directory, ignore_errors=True)
            time.sleep(0.05)
