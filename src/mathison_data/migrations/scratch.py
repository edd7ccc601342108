"""A scratch database that is brought to a target's state, and always removed.

It is made where it is most like the target: on the target's own server, where the login may create databases; else on
an embedded server that lives as long as the scratch database does. MATHISON_SCRATCH_URL names another server to use.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from mathison_data import migrations
from mathison_data.embedded import EmbeddedServer, programs
from mathison_data.errors import ConfigError, MathisonDataError, ServerError
from mathison_data.migrations.files import File
from mathison_data.server import connect, one_line
from mathison_data.settings import DatabaseUrl, parse_url

URL_VARIABLE = "MATHISON_SCRATCH_URL"
DUMP_LOCK_TIMEOUT = "2s"
_PREFIX = "mathison_scratch_"

# With the schema of each, and whether that is there without our doing: a system's, or the extension's own.
_EXTENSIONS = """
SELECT e.extname::text, e.extversion, n.nspname::text, n.nspname ~ '^pg_' OR EXISTS (
  SELECT FROM pg_depend
  WHERE classid = 'pg_namespace'::regclass AND objid = n.oid AND refobjid = e.oid AND deptype = 'e'
)
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
ORDER BY e.oid
"""
_POPULATED = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated
ORDER BY c.oid
"""
# What a statement may depend on: the time zone, and what is set for the database or the login.
_SETTINGS = """
SELECT name, CASE name WHEN 'TimeZone' THEN current_setting(name) ELSE setting END
FROM pg_settings
WHERE name = 'TimeZone'
  OR (
    source IN ('database', 'user', 'database user')
    AND category IN (
      'Client Connection Defaults / Locale and Formatting',
      'Client Connection Defaults / Statement Behavior',
      'Version and Platform Compatibility / Previous PostgreSQL Versions'
    )
    AND name !~ '(_timeout|_tablespaces?|_read_only|^client_encoding)$'
  )
"""


@dataclass(frozen=True)
class Scratch:
    """A scratch database: its address, where it is in words, and what it lacks of the target."""

    url: DatabaseUrl
    place: str
    notes: list[str]


@contextmanager
def from_target(target: DatabaseUrl, applied: Sequence[File]) -> Iterator[Scratch]:
    """Make a database with the target's own schema, by pg_dump; without pg_dump by the applied migrations.

    Raises ServerError when there is no place for one, with the reasons.
    """
    with connect(target) as connection:
        program = _pg_dump(connection.info.server_version // 10000)
        extensions = connection.execute(_EXTENSIONS).fetchall()
        populated = [row[0] for row in connection.execute(_POPULATED)]
        settings = connection.execute(_SETTINGS).fetchall()
        roles = [row[0] for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")]
    schema = dump(target, program) if program else None

    def build(scratch: psycopg.Connection, own: bool) -> None:
        if own:
            _make_roles(scratch, roles)
        _take_settings(scratch, settings)
        script = schema
        for name, version, namespace, is_there in extensions:
            if not is_there:
                scratch.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(namespace)))
            create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} WITH SCHEMA {} VERSION {} CASCADE")
            with suppress(psycopg.errors.UndefinedFile, psycopg.errors.InvalidParameterValue):
                scratch.execute(create.format(sql.Identifier(name), sql.Identifier(namespace), sql.Literal(version)))
            if script is not None:
                names = "|".join(map(re.escape, (namespace, sql.Identifier(namespace).as_string(scratch))))
                script = re.sub(rf"(?m)^CREATE SCHEMA (?=({names});$)", r"\g<0>IF NOT EXISTS ", script, count=1)
        if script is not None:
            scratch.execute(script.encode())
            _populate(scratch, populated)
        else:
            replay(scratch, applied)

    with _made(target, build) as scratch:
        if program is None:
            scratch.notes.append("made from the migration files, for there is no pg_dump that is new enough")
        yield scratch


@contextmanager
def from_files(target: DatabaseUrl | None, applied: Sequence[File]) -> Iterator[Scratch]:
    """Make a database by applying migrations to an empty one; without a target on an embedded server."""
    roles: list[str] = []
    if target is not None:
        with connect(target) as connection:
            roles = [row[0] for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")]

    def build(scratch: psycopg.Connection, own: bool) -> None:
        if own:
            _make_roles(scratch, roles)
        replay(scratch, applied)

    with _made(target, build) as scratch:
        yield scratch


def replay(connection: psycopg.Connection, applied: Sequence[File]) -> None:
    """Run migrations as the backend does, but for the bookkeeping."""
    for file in applied:
        with connection.transaction() if file.transactional else ExitStack():
            for _line, statement in file.statements:
                connection.execute(statement.encode())


def dump(target: DatabaseUrl, program: Path) -> str:
    """Return the schema as one script that a single simple query can run; no owners, grants or bookkeeping.

    pg_dump gets the address through its environment, so that no password shows in the list of processes.
    """
    options = pq.Conninfo.parse(target.url.encode())
    given = {option.envvar.decode(): option.val.decode() for option in options if option.envvar and option.val}
    hidden = [f"--exclude-table=public.{name}" for name in sorted(migrations.BOOKKEEPING_TABLES)]
    left_out = ["--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "--no-tablespaces"]
    command = [str(program), "--schema-only", f"--lock-wait-timeout={DUMP_LOCK_TIMEOUT}", *left_out, *hidden]
    environment = os.environ | given | {"LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()[-1:]
        raise ServerError(f"pg_dump cannot read the schema of {target}: {' '.join(lines)}")
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict ", "\\unrestrict "))]
    # Which servers before 17 do not know, though pg_dump reads them.
    return ("\n".join(lines) + "\n").replace("SET transaction_timeout = 0;\n", "", 1)


def _pg_dump(oldest_major: int) -> Path | None:
    """Return a pg_dump that can read a server of that version: the one on the PATH, or the embedded server's."""
    candidates = [Path(found)] if (found := shutil.which("pg_dump")) else []
    with suppress(ConfigError):
        candidates.append(programs() / "pg_dump")
    for program in candidates:
        version = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout
        major = re.search(r"\d+", version)
        if major and int(major[0]) >= oldest_major:
            return program
    return None


def _take_settings(connection: psycopg.Connection, settings: Sequence[tuple[str, str]]) -> None:
    """Give this session and all later ones of the database the target's settings, as far as this server lets us."""
    for name, value in settings:
        with suppress(psycopg.Error):
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
            database = sql.Identifier(connection.info.dbname)
            keep = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} FROM CURRENT")
            connection.execute(keep.format(database, sql.Identifier(name)))


def _populate(connection: psycopg.Connection, views: Sequence[str]) -> None:
    """Refresh materialized views, which a schema alone leaves unpopulated; one may read another."""
    left = list(views)
    while left:
        refused = []
        for view in left:
            try:
                connection.execute(f"REFRESH MATERIALIZED VIEW {view}".encode())
            except psycopg.Error:
                refused.append(view)
        if len(refused) == len(left):
            return
        left = refused


def _make_roles(connection: psycopg.Connection, names: Sequence[str]) -> None:
    """Make the roles that policies may name, on a server that is ours alone."""
    for name in names:
        with suppress(psycopg.errors.DuplicateObject):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))


@contextmanager
def _made(target: DatabaseUrl | None, build: Callable[[psycopg.Connection, bool], None]) -> Iterator[Scratch]:
    """Try one place after the other; a place is out when it does not let us create or fill the database."""
    reasons = []
    with _endings_as_exceptions(), ExitStack() as stack:
        for place, server in _places(target):
            with ExitStack() as attempt:
                try:
                    url = attempt.enter_context(_database(attempt.enter_context(server())))
                    with connect(url) as connection:
                        build(connection, server is _embedded)
                except (psycopg.Error, MathisonDataError) as error:
                    reasons.append(f"{place}: {one_line(error) if isinstance(error, psycopg.Error) else error}")
                    continue
                stack.push(attempt.pop_all())
                break
        else:
            raise ServerError(
                f"a scratch database can be made nowhere ({'; '.join(reasons)}). "
                f"Set {URL_VARIABLE} to a server where one may be made"
            )
        yield Scratch(url, place, reasons)


Server = Callable[[], AbstractContextManager[DatabaseUrl]]


def _places(target: DatabaseUrl | None) -> Iterator[tuple[str, Server]]:
    if given := os.environ.get(URL_VARIABLE, "").strip():
        url = parse_url(given, URL_VARIABLE)
        yield f"the server of {URL_VARIABLE}", lambda: nullcontext(url)
        return
    if target is not None:
        yield "the target's own server", lambda: nullcontext(target)
    yield "an embedded server", _embedded


@contextmanager
def _database(server: DatabaseUrl) -> Iterator[DatabaseUrl]:
    """Create an empty database and drop it in the end, and before that those whose makers were killed.

    A maker is alive as long as its session is, which bears the database's name.
    """
    name = f"{_PREFIX}{uuid.uuid4().hex[:12]}"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    keeper_url = replace(server, url=make_conninfo(server.url, application_name=name))
    with connect(keeper_url) as keeper:
        left = keeper.execute(
            """
            SELECT d.datname
            FROM pg_database AS d
            WHERE d.datname ~ %s AND pg_has_role(d.datdba, 'USAGE')
              AND NOT EXISTS (SELECT FROM pg_stat_activity AS s WHERE s.application_name = d.datname)
            """,
            [f"^{_PREFIX}[0-9a-f]{{12}}$"],
        )
        for (leftover,) in left.fetchall():
            keeper.execute(drop.format(sql.Identifier(leftover)))
        refused = False
        try:
            try:
                keeper.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
            except psycopg.Error:
                refused = True
                raise
            url = replace(server, url=make_conninfo(server.url, dbname=name), source="scratch", database=name)
            yield url
        finally:
            if not refused:  # interrupted while it was made, it may be there
                keeper.execute(drop.format(sql.Identifier(name)))


@contextmanager
def _embedded() -> Iterator[DatabaseUrl]:
    """Start a server in a temporary directory, and remove both in the end; also those whose makers were killed."""
    with ExitStack() as stack:
        for leftover in Path(tempfile.gettempdir()).glob("mathison-scratch-*"):
            with suppress(OSError), _owned(leftover):
                _remove(EmbeddedServer(leftover))
        directory = Path(tempfile.mkdtemp(prefix="mathison-scratch-"))
        stack.enter_context(_owned(directory))
        server = EmbeddedServer(directory, settings={"fsync": "off", "full_page_writes": "off"})
        stack.callback(_remove, server)
        yield parse_url(server.start(), "an embedded server")


@contextmanager
def _owned(directory: Path) -> Iterator[None]:
    """Hold the directory as its maker's, until the process ends however it ends; raises OSError when it is held."""
    with (directory / "owner").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove(server: EmbeddedServer) -> None:
    server.stop()
    shutil.rmtree(server.directory, ignore_errors=True)


@contextmanager
def _endings_as_exceptions() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind as Ctrl-C does, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
