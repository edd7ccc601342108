"""One connection for the tools of this package, with errors of one line; services use the pool instead."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from mathison_data.errors import ConfigError, ServerDownError, ServerError
from mathison_data.settings import EMBEDDED, DatabaseUrl

OLDEST_SERVER = 16
OLDEST_PGVECTOR = (0, 8)
CONNECT_TIMEOUT_SECONDS = 10
# Where the server is known exactly, the PG* variables of someone's shell must not lead elsewhere.
NO_ENVIRONMENT: dict[str, Any] = {
    "hostaddr": "",
    "options": "",
    "client_encoding": "utf8",
    "target_session_attrs": "any",
}


def connect(target: DatabaseUrl) -> psycopg.Connection:
    """Open an autocommit connection that works in schema public and shows up as "mathison-data".

    What the URL itself sets (connect_timeout, application_name) stays. Raises ServerDownError when nobody answers,
    ServerError when the server refuses the login, ConfigError when the URL's parameters are refused.
    """
    defaults = {"application_name": "mathison-data", "connect_timeout": CONNECT_TIMEOUT_SECONDS}
    given = conninfo_to_dict(target.url)
    arguments: dict[str, Any] = {name: value for name, value in defaults.items() if name not in given}
    if target.source == EMBEDDED:
        arguments |= NO_ENVIRONMENT
    try:
        connection = psycopg.connect(target.url, autocommit=True, **arguments)
    except psycopg.ProgrammingError as error:
        raise ConfigError(f"{target.source} is refused by libpq: {one_line(error)}") from None
    except psycopg.OperationalError as error:
        reason = str(error).removeprefix("connection is bad: ")
        if reason.startswith("invalid "):
            raise ConfigError(f"{target.source} is refused by libpq: {' '.join(reason.split())}") from None
        kind, remedy = _explain(str(error), target)
        raise kind(f"cannot connect to {target}: {_reason(error)}. {remedy}") from None
    connection.execute("SET search_path TO public")
    return connection


def is_supported(connection: psycopg.Connection) -> bool:
    """Tell whether the server is PostgreSQL 16 or later."""
    return connection.info.server_version >= OLDEST_SERVER * 10000


def one_line(error: psycopg.Error) -> str:
    """Return PostgreSQL's message with its detail and hint, on one line."""
    diagnostic = error.diag
    parts = [diagnostic.message_primary or str(error), diagnostic.message_detail, diagnostic.message_hint]
    return ". ".join(" ".join(part.split()).rstrip(".") for part in parts if part)


def _reason(error: psycopg.OperationalError) -> str:
    """Return the last cause in libpq's message, which lists every address that it tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL:" in line]
    if fatal:
        return fatal[-1].partition("FATAL:")[2].strip()
    reason = lines[0].rpartition("failed: ")[2] or lines[0]
    return reason[0].lower() + reason[1:]


def _explain(text: str, target: DatabaseUrl) -> tuple[type[ServerError], str]:
    """Return what kind of failure libpq's message tells of, and what to do about it."""
    if "password authentication failed" in text or "no password supplied" in text:
        return ServerError, f"Check user and password in {target.source} (special characters are percent-encoded)"
    if "does not exist" in text and "database" in text:
        return ServerError, f"Create it, or correct the name in {target.source}"
    if "could not translate host name" in text or "resolve host" in text:
        return ServerError, f"Check the host in {target.source}"
    if "FATAL:" in text and "starting up" not in text:
        return ServerError, f"The server is there, but takes no connection as {target.source} asks for it"
    if target.source == EMBEDDED:
        return ServerDownError, "Start it again with: mathison-data up"
    return ServerDownError, "Is the server running, and does it accept connections from here?"
