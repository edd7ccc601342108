"""What `mathison-data check` verifies of a database; reads only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from mathison_data import migrations
from mathison_data.errors import MathisonDataError
from mathison_data.server import OLDEST_PGVECTOR, OLDEST_SERVER, connect, is_supported, one_line
from mathison_data.settings import DatabaseUrl

EMBEDDING_DIMENSIONS = 1536
CLOCK_TOLERANCE_SECONDS = 5.0
_EMBEDDING_COLUMNS = ("recipes.embedding", "stacks.embedding")


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: `detail` says what was found, and what to do if it is not good."""

    check: str
    good: bool
    detail: str


def run(target: DatabaseUrl) -> Iterator[Finding]:
    """Yield one finding a check, in order; without a connection only that one."""
    try:
        connection = connect(target)
    except MathisonDataError as error:
        yield Finding("connection", False, str(error))
        return
    with connection:
        yield Finding("connection", True, str(target))
        for name, check in _CHECKS.items():
            try:
                good, detail = check(connection)
            except (psycopg.Error, MathisonDataError) as error:
                good, detail = False, one_line(error) if isinstance(error, psycopg.Error) else str(error)
            yield Finding(name, good, detail)


Check = Callable[[psycopg.Connection], tuple[bool, str]]


def _server_version(connection: psycopg.Connection) -> tuple[bool, str]:
    version = connection.info.parameter_status("server_version")
    if is_supported(connection):
        return True, f"PostgreSQL {version}"
    return False, f"PostgreSQL {version}; {OLDEST_SERVER} or later is needed: upgrade the server"


def _vector_extension(connection: psycopg.Connection) -> tuple[bool, str]:
    row = connection.execute(
        "SELECT extversion, extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
    ).fetchone()
    if row is None:
        return False, "not active in this database: apply the migrations"
    version, schema = row
    if schema != "public":
        return False, f"in schema {schema}, must be in public: ALTER EXTENSION vector SET SCHEMA public;"
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        oldest = ".".join(map(str, OLDEST_PGVECTOR))
        return False, f"pgvector {version}; {oldest} or later is needed: ALTER EXTENSION vector UPDATE;"
    return True, f"pgvector {version}, active in schema public"


def _embedding_columns(connection: psycopg.Connection) -> tuple[bool, str]:
    rows = connection.execute(
        """
        SELECT attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod)
        FROM pg_attribute
        WHERE attrelid IN (to_regclass('recipes'), to_regclass('stacks')) AND attname = 'embedding'
        """
    )
    found: dict[str, str] = dict(rows.fetchall())
    wanted = f"vector({EMBEDDING_DIMENSIONS})"
    wrong = [f"{name} is {found.get(name, 'missing')}" for name in _EMBEDDING_COLUMNS if found.get(name) != wanted]
    if wrong:
        return False, f"{', '.join(wrong)}; must be {wanted}: apply the migrations"
    return True, f"{' and '.join(_EMBEDDING_COLUMNS)} have {EMBEDDING_DIMENSIONS} dimensions"


def _distance_query(connection: psycopg.Connection) -> tuple[bool, str]:
    """Order three directions by their cosine distance from the first axis, as a search does."""
    rows = connection.execute(
        """
        WITH axis AS (
          SELECT name, (ARRAY[x, y] || array_fill(0::real, ARRAY[%(dimensions)s - 2]))::vector AS direction
          FROM (VALUES ('away', 0::real, 1::real), ('same', 2, 0), ('between', 1, 1)) AS v (name, x, y)
        )
        SELECT name, round((axis.direction <=> same.direction)::numeric, 3)::float8
        FROM axis, (SELECT direction FROM axis WHERE name = 'same') AS same
        ORDER BY axis.direction <=> same.direction
        """,
        {"dimensions": EMBEDDING_DIMENSIONS},
    ).fetchall()
    good = rows == [("same", 0.0), ("between", 0.293), ("away", 1.0)]
    return good, "cosine distances are right" if good else f"cosine distances are wrong: {rows}"


def _migrations(connection: psycopg.Connection) -> tuple[bool, str]:
    state = migrations.state(connection)
    problems = []
    if state.pending:
        problems.append(f"pending: {', '.join(state.pending)} (run: mathison-data up, or yoyo apply)")
    if state.unknown:
        problems.append(f"applied, but unknown to this release: {', '.join(state.unknown)} (is it an older one?)")
    return not problems, "; ".join(problems) or f"all {len(state.applied)} applied, none unknown"


def _indexes(connection: psycopg.Connection) -> tuple[bool, str]:
    rows = connection.execute(
        """
        SELECT indexrelid::regclass::text, indisvalid AND indisready
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace
        ORDER BY 1
        """
    ).fetchall()
    invalid = [name for name, valid in rows if not valid]
    if invalid:
        return False, f"invalid: {', '.join(invalid)} (a build failed; REINDEX INDEX CONCURRENTLY makes it anew)"
    return True, f"all {len(rows)} valid"


def _clock(connection: psycopg.Connection) -> tuple[bool, str]:
    before = time.time()
    row = connection.execute("SELECT extract(EPOCH FROM clock_timestamp())::float8").fetchone()
    after = time.time()
    assert row
    ahead = row[0] - (before + after) / 2  # a slow network delays both ways alike
    if abs(ahead) > CLOCK_TOLERANCE_SECONDS:
        which = "ahead of" if ahead > 0 else "behind"
        return False, f"the server's is {abs(ahead):.0f} s {which} this machine's: synchronise both"
    return True, f"the server's differs from this machine's by {abs(ahead) * 1000:.0f} ms"


def _time_zone(connection: psycopg.Connection) -> tuple[bool, str]:
    """See that sessions are in UTC, as Prisma's driver needs it, and that the server knows its zones.

    The driver sends and reads instants without their offset, so in another zone it shifts every one of them.
    """
    row = connection.execute(
        """
        SELECT
          current_setting('TimeZone'),
          extract(TIMEZONE FROM timestamptz '2026-01-01') = 0 AND extract(TIMEZONE FROM timestamptz '2026-07-01') = 0,
          timestamptz '2026-07-01 12:00+00' AT TIME ZONE 'Europe/Berlin' = timestamp '2026-07-01 14:00'
        """
    ).fetchone()
    assert row
    zone, is_utc, converts = row
    if not converts:
        return False, f"{zone}; conversions are wrong: is the server's time zone data complete?"
    if not is_utc:
        database = sql.Identifier(connection.info.dbname).as_string()
        return False, (
            f"{zone}; Prisma clients shift instants unless it is UTC: ALTER DATABASE {database} SET timezone = 'UTC';"
        )
    return True, f"{zone}; conversions are right"


_CHECKS: dict[str, Check] = {
    "server version": _server_version,
    "vector extension": _vector_extension,
    "embedding columns": _embedding_columns,
    "distance query": _distance_query,
    "migrations": _migrations,
    "indexes": _indexes,
    "clock": _clock,
    "time zone": _time_zone,
}
