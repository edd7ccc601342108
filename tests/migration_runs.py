"""Directories of migrations, real runs of `yoyo` on them, and a wire between that kills them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from mathison_data import migrations
from mathison_data.migrations.backend import Backend
from mathison_data.migrations.options import Options
from mathison_data.settings import parse_url

# Longer than anything here takes on a slow machine; a hang must not be for ever.
HANG_SECONDS = 120


def write(directory: Path, scripts: Mapping[str, str], rollback: str = "SELECT 1;\n") -> Path:
    """Write migrations by id; the rollback is the same for those that do not bring one (`id.rollback`)."""
    directory.mkdir(exist_ok=True)
    for name, text in scripts.items():
        (directory / f"{name}.sql").write_text(text)
        if not name.endswith(".rollback") and f"{name}.rollback" not in scripts:
            (directory / f"{name}.rollback.sql").write_text(rollback)
    return directory


def backend(url: str, **options: object) -> Backend:
    return Backend.of(parse_url(url, "test"), Options(**options))  # type: ignore[arg-type]


def apply(url: str, directory: Path, **options: object) -> None:
    """Apply all, in this process."""
    with (one := backend(url, **options)), one.lock():
        one.apply_migrations(one.to_apply(migrations.read(directory)))


def roll_back(url: str, directory: Path) -> None:
    """Roll back all, in this process."""
    with (one := backend(url)), one.lock():
        one.rollback_migrations(one.to_rollback(migrations.read(directory)))


def start(
    url: str,
    *arguments: str,
    program: str = "yoyo",
    database: str = "mathison://",
    stdin: int = subprocess.DEVNULL,
    **environment: str,
) -> subprocess.Popen[str]:
    """Start a command as a process of its own."""
    words = [str(Path(sys.executable).with_name(program)), *arguments]
    if program == "yoyo":
        words += ["--database", database, "--no-config-file"]
    return subprocess.Popen(
        words,
        env={**os.environ, **environment, "DATABASE_URL": url},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a process; return its exit code and what it said."""
    out, err = process.communicate(timeout=HANG_SECONDS)
    return process.returncode, out + err


def run(url: str, *arguments: str, program: str = "yoyo", **environment: str) -> tuple[int, str]:
    return finish(start(url, *arguments, program=program, **environment))  # type: ignore[arg-type]


def stock_url(url: str) -> str:
    """The same database for yoyo's own backend, which knows nothing of ours."""
    parts = urlsplit(url)
    return f"postgresql+psycopg://{parts.netloc}{parts.path}?{parts.query}"


def wait_until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while not what():
        assert time.monotonic() < deadline, "it never came to this"
        time.sleep(0.02)


def is_running(connection: psycopg.Connection, text: str) -> bool:
    """Tell whether another session of this database is in the middle of a statement with this text."""
    rows = connection.execute(
        "SELECT FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() "
        "AND pid <> pg_backend_pid() AND query LIKE %s",
        [f"%{text}%"],
    )
    return rows.fetchone() is not None


class Wire:
    """A proxy to the server, which counts what the client sends and calls `cut` after passing on a given packet."""

    def __init__(self, url: str, at: int | None = None, cut: Callable[[int], None] = lambda _pid: None) -> None:
        self.packets = 0
        self._at = at
        self._cut = cut
        self._directory = tempfile.mkdtemp(prefix="wire-")
        self._where = conninfo_to_dict(url)
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        self.url = f"postgresql://{login}@{parts.path}?host={quote(self._directory, safe='/')}&port=5432"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._directory}/.s.PGSQL.5432")
        self._listener.listen()
        self.pid = 0
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """End every connection; nothing is left for a later test to be blamed for."""
        for end in list(self._sockets):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in it
        for thread in list(self._threads):
            thread.join(10)
        for end in self._sockets:
            end.close()
        shutil.rmtree(self._directory)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                server = self._connect()
                self._sockets.append(server)
                self._start(self._copy, client, server, True)
                self._start(self._copy, server, client, False)

    def _connect(self) -> socket.socket:
        host, port = str(self._where.get("host") or "localhost"), int(self._where.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        self._sockets.append(server)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _copy(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                if counted:
                    self.packets += 1
                    if self.packets == self._at:
                        self._cut(self.pid)
        for end in (source, target):  # not closed: the other thread waits in one of them
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(url: str, at: int | None = None, cut: Callable[[int], None] = lambda _pid: None) -> Iterator[Wire]:
    one = Wire(url, at, cut)
    try:
        yield one
    finally:
        one.close()


def kill_process(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
