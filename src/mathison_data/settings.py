"""Where the database is: DATABASE_URL, .env.local, or the embedded server that `mathison-data up` started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psycopg
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict

from mathison_data.errors import ConfigError

# What Prisma Client and its driver alone understand in a URL; libpq would refuse it.
_PRISMA_PARAMETERS = frozenset(
    {
        "connection_limit",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
        "pgbouncer",
        "pool_timeout",
        "schema",
        "socket_timeout",
        "sslaccept",
        "sslidentity",
        "statement_cache_size",
        "uselibpqcompat",
    }
)

EMBEDDED = "the embedded server"


@dataclass(frozen=True)
class DatabaseUrl:
    """A connection string that libpq takes as it is, and where it was found."""

    url: str
    source: str
    host: str
    port: str
    database: str
    user: str

    def __repr__(self) -> str:
        return f"DatabaseUrl({self}, from {self.source})"  # the URL may hold a password

    def __str__(self) -> str:
        """Host, database and user on one line, never the password."""
        at = self.host if self.host.startswith("/") else f"{self.host}:{self.port}"
        return f"{at}, database {self.database}, user {self.user}"


def project_directory() -> Path:
    """Return the nearest directory, from the current one upwards, that holds .mathison, .env.local or yoyo.ini."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if any((directory / name).exists() for name in (".mathison", ".env.local", "yoyo.ini")):
            return directory
    return here


def configured_url() -> DatabaseUrl | None:
    """Return what DATABASE_URL says, in the environment or else in .env.local; None where neither has one.

    Raises ConfigError when it does not parse.
    """
    if url := os.environ.get("DATABASE_URL", "").strip():
        return parse_url(url, "DATABASE_URL")
    env_file = project_directory() / ".env.local"
    try:
        values = dotenv_values(env_file, interpolate=False) if env_file.is_file() else {}
    except UnicodeDecodeError as error:
        raise ConfigError(f"{env_file} is not UTF-8 at byte {error.start}") from None
    if url := (values.get("DATABASE_URL") or "").strip():
        return parse_url(url, str(env_file))
    return None


def database_url() -> DatabaseUrl:
    """Return the database to use: the configured one, else the embedded server that `up` recorded.

    Raises ConfigError when there is neither, or when the URL does not parse.
    """
    if found := configured_url():
        return found
    recorded = embedded_directory() / "url"
    if recorded.is_file():
        return parse_url(recorded.read_text().strip(), EMBEDDED)
    raise ConfigError(
        "DATABASE_URL is not set, neither in the environment nor in .env.local, and no embedded server is up here. "
        "Set it to postgresql://user:password@host:5432/database, or run: mathison-data up"
    )


def is_embedded_down() -> bool:
    """Tell whether the database is an embedded server that was there once and has been stopped."""
    directory = embedded_directory()
    return configured_url() is None and (directory / "postgres").exists() and not (directory / "url").exists()


def embedded_directory() -> Path:
    """Return where the embedded server of this project lives, whether or not it is there yet."""
    return project_directory() / ".mathison"


def parse_url(url: str, source: str) -> DatabaseUrl:
    """Check a connection string as libpq would, and drop the parameters that are Prisma's own.

    Raises ConfigError that names the source and the fault, but shows nothing of the string itself.
    """
    base, mark, query = url.partition("?")
    _, _, rest = base.partition("://")
    login_and_host, _, database = rest.partition("/")
    if login_and_host.count("@") > 1 or "@" in database:
        raise ConfigError(f"{source} has an @ or a / in its password: write %40 for @ and %2F for /")
    kept = []
    for parameter in query.split("&") if mark else []:
        name, _, value = parameter.partition("=")
        if name == "schema" and value != "public":
            raise ConfigError(f"{source} asks for another schema than public, where the tables are. Remove schema=...")
        if name not in _PRISMA_PARAMETERS:
            kept.append(parameter)
    libpq_url = base + ("?" + "&".join(kept) if kept else "")
    try:
        parts = conninfo_to_dict(libpq_url)
    except (psycopg.ProgrammingError, UnicodeError) as error:
        # What libpq quotes may be the password, so only the words before it are told, where they say something.
        reason = str(error).split('"')[0].strip(" :\n") if str(error).startswith("invalid ") else ""
        if isinstance(error, UnicodeError):
            reason = "it is not UTF-8"
        raise ConfigError(
            f"{source} is not a PostgreSQL URL{f' ({reason})' if reason else ''}. It has the form "
            "postgresql://user:password@host:5432/database, special characters percent-encoded (@ is %40)"
        ) from None
    port = str(parts.get("port") or os.environ.get("PGPORT") or 5432)
    if not all(number.isdecimal() and 0 < int(number) < 65536 for number in port.split(",") if number):
        raise ConfigError(f"{source} has a port that is no number from 1 to 65535")
    user = str(parts.get("user") or os.environ.get("PGUSER") or "(yours)")
    return DatabaseUrl(
        url=libpq_url,
        source=source,
        host=str(parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST") or "libpq's default host"),
        port=port,
        database=str(parts.get("dbname") or os.environ.get("PGDATABASE") or user),
        user=user,
    )
