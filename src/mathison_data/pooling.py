"""What the two pools, sync and async, have in common: their settings, and the life of their connections."""

from __future__ import annotations

import atexit
import os
import select
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

from dotenv import dotenv_values
from pgvector.psycopg.bit import register_bit_info
from pgvector.psycopg.halfvec import register_halfvec_info
from pgvector.psycopg.sparsevec import register_sparsevec_info
from pgvector.psycopg.vector import register_vector_info
from psycopg import AsyncConnection, Connection, OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg.types import TypeInfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from mathison_data import settings
from mathison_data.errors import ConfigError, MathisonDataError

AnyConnection = TypeVar("AnyConnection", bound="Connection[Any] | AsyncConnection[Any]")
AnyPool = TypeVar("AnyPool", bound="ConnectionPool[Any] | AsyncConnectionPool[Any]")
FIRST_LOOK_SECONDS = 0.25
"""How long a checkout waits before it looks whether the server refuses connections."""


class PoolExhaustedError(MathisonDataError, PoolTimeout):
    """No connection came free within the configured wait; the text has the pool's figures."""


@dataclass(frozen=True)
class PoolSettings:
    """How a pool connects and how large it is; each field can be set by an environment variable, too."""

    url: str | None = None
    min_size: int = 1
    max_size: int = 10
    timeout: float = 10.0
    connect_timeout: float = 5.0
    statement_timeout: float | None = None
    application_name: str | None = None
    prepared_statements: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.min_size <= self.max_size or self.max_size < 1:
            raise ConfigError(f"the pool's sizes are wrong: min_size {self.min_size}, max_size {self.max_size}")
        for name in ("timeout", "connect_timeout", "statement_timeout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is {value}; it is a number of seconds above zero")

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> PoolSettings:
        """Return what was given, else what the environment or .env.local says, else the defaults.

        Raises ConfigError that names the variable which is wrong.
        """
        env_file = settings.project_directory() / ".env.local"
        found = {**(dotenv_values(env_file, interpolate=False) if env_file.is_file() else {}), **os.environ}
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name in given:
                values[field.name] = given[field.name]
            elif (variable := _VARIABLES.get(field.name)) and (text := (found.get(variable) or "").strip()):
                values[field.name] = _parse(text, _PARSERS.get(field.name, str), variable)
        return cls(**values)

    def connect_arguments(self) -> dict[str, Any]:
        """Return psycopg.connect's keyword arguments.

        What the URL sets stays, but for an application_name that was set here, and statement_timeout, which is added
        to the URL's options.
        """
        in_url = conninfo_to_dict(self.url or "")
        defaults: dict[str, Any] = {
            "application_name": _program_name(),
            "client_encoding": "utf8",
            "connect_timeout": _whole_seconds(self.connect_timeout),
        }
        arguments = {name: value for name, value in defaults.items() if name not in in_url}
        if self.application_name is not None:
            arguments["application_name"] = self.application_name
        if self.statement_timeout is not None:
            option = f"-c statement_timeout={round(self.statement_timeout * 1000)}"
            arguments["options"] = f"{in_url.get('options') or ''} {option}".strip()
        return arguments | {"autocommit": True, "prepare_threshold": 5 if self.prepared_statements else None}

    def located(self) -> PoolSettings:
        """Return the same settings with the URL filled in and checked. Raises ConfigError when there is none."""
        target = settings.parse_url(self.url, "configure(url=...)") if self.url else settings.database_url()
        return replace(self, url=target.url)


def _whole_seconds(timeout: float) -> int:
    """Return a connect_timeout as libpq takes it: whole seconds, and not below two."""
    return max(2, round(timeout))


_VARIABLES = {
    "min_size": "MATHISON_POOL_MIN_SIZE",
    "max_size": "MATHISON_POOL_MAX_SIZE",
    "timeout": "MATHISON_POOL_TIMEOUT",
    "connect_timeout": "MATHISON_CONNECT_TIMEOUT",
    "statement_timeout": "MATHISON_STATEMENT_TIMEOUT",
    "application_name": "MATHISON_APPLICATION_NAME",
    "prepared_statements": "MATHISON_PREPARED_STATEMENTS",
}
_SWITCHES = {"1": True, "true": True, "on": True, "yes": True, "0": False, "false": False, "off": False, "no": False}
_PARSERS: dict[str, Callable[[str], Any]] = {
    "min_size": int,
    "max_size": int,
    "timeout": float,
    "connect_timeout": float,
    "statement_timeout": float,
    "prepared_statements": lambda text: _SWITCHES[text.lower()],
}


def _parse(text: str, parser: Callable[[str], Any], variable: str) -> Any:
    try:
        return parser(text)
    except (KeyError, ValueError):
        kind = {int: "a whole number", float: "a number of seconds"}.get(parser, "on or off")  # type: ignore[call-overload]
        raise ConfigError(f"{variable} is {text!r}; it has to be {kind}") from None


def _program_name() -> str:
    """Return the name of the running program, which a DBA sees in pg_stat_activity."""
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] not in ("", "-c", "-m") else Path("python")
    name = path.parent.name if path.name == "__main__.py" else path.name
    return (name or "python").encode("ascii", "replace").decode()[:63]


class PoolOwner(Generic[AnyPool, AnyConnection]):
    """The part of a database object that does not wait: settings, figures, and what fork and exit ask for."""

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        self._settings = PoolSettings()
        self._pool: AnyPool | None = None
        self._connections: weakref.WeakSet[AnyConnection] = weakref.WeakSet()
        self._refused: tuple[float, OperationalError] | None = None
        self._waiting: set[object] = set()  # psycopg_pool counts the looks of each, too, also when they are over
        self._watched = False

    def configure(
        self,
        *,
        url: str | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        statement_timeout: float | None = None,
        application_name: str | None = None,
        prepared_statements: bool | None = None,
    ) -> None:
        """Set how the pool connects and how large it is, before it opens; what is left out stays as it is.

        - `url`: where the database is; otherwise DATABASE_URL, .env.local, or the embedded server.
        - `min_size`, `max_size` (MATHISON_POOL_MIN_SIZE, MATHISON_POOL_MAX_SIZE): connections kept, and at most: 1, 10.
        - `timeout` (MATHISON_POOL_TIMEOUT): seconds to wait for a free connection before PoolExhaustedError: 10.
        - `connect_timeout` (MATHISON_CONNECT_TIMEOUT): whole seconds, at least 2, to wait for the server: 5.
        - `statement_timeout` (MATHISON_STATEMENT_TIMEOUT): seconds after which the server cancels a statement; the
          server's own setting when not given. pgbouncer refuses it: set it on the role there.
        - `application_name` (MATHISON_APPLICATION_NAME): what a DBA sees; the program's name when not given.
        - `prepared_statements` (MATHISON_PREPARED_STATEMENTS): on; off for pgbouncer in transaction mode, unless it is
          1.21 or later with max_prepared_statements set.

        Raises ConfigError when a value is out of range, or the pool is open: close it before.
        """
        given = {
            name: value for name, value in locals().items() if name not in ("self", "__class__") and value is not None
        }
        if self._pool is not None:
            raise ConfigError("the pool is open, and would not see new settings: call close() before configure()")
        merged = self._given | given
        PoolSettings(**merged)  # refuse now what cannot be right
        self._given = merged

    def stats(self) -> dict[str, int]:
        """Return the pool's figures, as psycopg_pool names them; empty while it is not open.

        Among them pool_size, pool_available, requests_waiting, connections_num and connections_errors.
        """
        return {} if self._pool is None else self._pool.get_stats() | {"requests_waiting": len(self._waiting)}

    def _watch_process(self) -> None:
        """Have fork and exit announced, once in the life of this object."""
        if not self._watched:
            self._watched = True
            atexit.register(lambda: self._at_exit())
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=lambda: self._after_fork_in_child())

    def _at_exit(self) -> None:
        raise NotImplementedError

    def _after_fork_in_child(self) -> None:
        """Let go of the parent's connections without a word to the server, which would end the parent's sessions.

        The child's descriptors are turned to nowhere first: whatever is written to them from now on reaches nobody.
        """
        connections, self._connections = list(self._connections), weakref.WeakSet()
        pool, self._pool = self._pool, None
        self._refused = None
        self._waiting = set()
        if pool is not None:
            pool._closed = True  # its threads are not in this process; its locks may be held by one of them for ever
        if any(not connection.closed for connection in connections):
            nowhere = os.open(os.devnull, os.O_RDWR)
            for connection in connections:
                if not connection.closed:
                    os.dup2(nowhere, connection.pgconn.socket)
                    connection.pgconn.finish()
            os.close(nowhere)

    def _hang_up(self) -> None:
        """Close every connection at once, without waiting for anything; the server is told."""
        connections, self._connections = list(self._connections), weakref.WeakSet()
        for connection in connections:
            connection.pgconn.finish()

    def _connected(self, connection: AnyConnection) -> None:
        self._refused = None
        self._connections.add(connection)

    def _settled(self, start: float) -> bool:
        """Tell whether a pool that opened at `start` has connected or failed to, or has had its time."""
        at_work = self._settings.min_size > 0 and monotonic() < start + FIRST_LOOK_SECONDS
        return self._refused is not None or not at_work or self._has_connections()

    def _has_connections(self) -> bool:
        return any(not connection.closed for connection in list(self._connections))

    def _refusal(self, since: float) -> OperationalError | None:
        """Return why the server refuses connections: if it did since then, and there is none left to wait for."""
        refused = self._refused
        if refused is None or refused[0] < since or self._has_connections():
            return None
        return OperationalError(str(refused[1]))

    def _looks(self, start: float) -> Iterator[float]:
        """Give the moments at which a checkout that waits looks whether the server refuses; the last is its end.

        Each look costs the place in the queue, so they are few: one for a server that refuses at once, and one
        whenever an attempt to connect must have timed out.
        """
        wait, timeout = FIRST_LOOK_SECONDS, self._settings.timeout
        while wait < timeout:
            yield start + wait
            wait += _whole_seconds(self._settings.connect_timeout) + FIRST_LOOK_SECONDS
        yield start + timeout

    def _exhausted(self) -> PoolExhaustedError:
        figures = self.stats()
        size, most = figures.get("pool_size", 0), figures.get("pool_max", 0)
        text = (
            f"no connection came free within {self._settings.timeout:g} s: {size} of {most} connections are open, "
            f"{figures.get('pool_available', 0)} free, {len(self._waiting)} more requests wait. "
            "Raise max_size, or hold connections for a shorter time"
        )
        if refused := self._refused:
            text += f" (the server refused another one: {' '.join(str(refused[1]).split())})"
        return PoolExhaustedError(text)


def is_whole(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Tell whether an idle connection still has its server, without asking it: no round trip.

    What the server has sent meanwhile is read; a server that went away has closed the socket.
    """
    socket = connection.pgconn.socket if not connection.closed else -1
    while socket >= 0 and _readable(socket):
        try:
            connection.pgconn.consume_input()
        except OperationalError:
            return False
        if connection.closed or connection.pgconn.socket < 0:
            return False
    return not connection.closed


def _readable(socket: int) -> bool:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([socket], [], [], 0)[0])


VECTOR_TYPES = """
    SELECT t.typname, t.oid, t.typarray
    FROM pg_catalog.pg_type AS t
    WHERE t.oid IN (to_regtype('vector'), to_regtype('halfvec'), to_regtype('sparsevec'))"""
"""One query for what pgvector's register_vector asks in four, and no error where the extension is missing."""


def register_vector_types(connection: Connection[Any] | AsyncConnection[Any], rows: list[tuple[Any, ...]]) -> None:
    """Register the types that VECTOR_TYPES found, as pgvector's register_vector does."""
    for name, oid, array_oid in rows:
        _REGISTER[name](connection, TypeInfo(name, oid, array_oid))
    if rows:
        register_bit_info(connection, TypeInfo("bit", 1560, 1561))


_REGISTER: dict[str, Callable[[Any, TypeInfo], None]] = {
    "halfvec": register_halfvec_info,
    "sparsevec": register_sparsevec_info,
    "vector": register_vector_info,
}
