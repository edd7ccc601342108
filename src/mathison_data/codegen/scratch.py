"""A migrated database to describe queries on, gone afterwards whatever happens."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
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
    """Stop a server and remove its data, even one that Ctrl-C caught while it was starting."""
    process = server.data / "postmaster.pid"
    try:
        if not server.stop() and process.exists():
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(process.read_text().split()[0]), signal.SIGQUIT)
    finally:
        shutil.rmtree(server.directory, ignore_errors=True)
        shutil.rmtree(server.socket_directory, ignore_errors=True)
