"""Our yoyo backend, mathison://, which plain `yoyo apply` and the command line share.

It takes the server from DATABASE_URL (settings.py), says which one it is, and runs each transactional migration,
its log and its mark in one transaction, so that a run that is interrupted leaves a migration whole or not at all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yoyo.exceptions
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from mathison_data import migrations
from mathison_data.errors import ConfigError, MathisonDataError, MigrationFailedError, MigrationLockedError, ServerError
from mathison_data.server import OLDEST_SERVER, connect, is_supported, one_line
from mathison_data.settings import DatabaseUrl, database_url


def say(line: str) -> None:
    """Print a line of progress, to stderr: stdout is for what was asked."""
    print(line, file=sys.stderr, flush=True)


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's PostgreSQL backend on one connection from `server.connect`."""

    # Copies that yoyo makes for a migration that is not transactional are of the same database.
    _target: DatabaseUrl | None = None

    def __init__(self, dburi: Any, migration_table: str, target: DatabaseUrl | None = None) -> None:
        self._target = target
        super().__init__(dburi, migration_table)

    @classmethod
    def of(cls, target: DatabaseUrl) -> Backend:
        """Connect to one database, and make yoyo's lock table there if it is missing."""
        backend = cls(yoyo.connections.parse_uri("mathison://"), migrations.MIGRATION_TABLE, target)
        backend.init_database()
        return backend

    def init_database(self) -> None:
        """Make yoyo's lock table if it is missing. Raises ServerError where nothing can be made."""
        row = self.connection.execute(
            "SELECT current_setting('transaction_read_only') = 'on', has_schema_privilege('public', 'CREATE'), "
            "quote_ident(current_user)"
        ).fetchone()
        read_only, may_create, user = row
        if read_only:
            raise ServerError(f"{self._target} is read-only: migrations need the primary")
        if not may_create:
            raise ServerError(
                f"{self._target}: may not make tables. Its owner runs: GRANT CREATE ON SCHEMA public TO {user};"
            )
        super().init_database()

    def copy(self) -> Backend:
        """Return a backend with a connection of its own to the same database."""
        return type(self)(self.uri, self.migration_table, self._target)

    def connect(self, dburi: Any) -> psycopg.Connection:
        """Connect to the target, or to where the settings say that the database is."""
        if dburi.hostname or dburi.database or dburi.args:
            raise ConfigError("mathison:// takes nothing more: the server is the one of DATABASE_URL")
        if self._target is None:
            self._target = database_url()
            say(f"mathison-data: {self._target} ({self._target.source})")
        connection = connect(self._target)
        if not is_supported(connection):
            version = connection.info.parameter_status("server_version")
            connection.close()
            raise ServerError(f"PostgreSQL {version} at {self._target} is too old: {OLDEST_SERVER} or later is needed")
        return connection

    def list_tables(self, **kwargs: Any) -> list[str]:
        """Return the tables of schema public."""
        return [row[0] for row in self.execute(self.list_tables_sql, {"schema": "public", **kwargs})]

    def apply_one(self, migration: Any, force: bool = False, mark: bool = True) -> None:
        """Apply one migration, and say so."""
        self._run(migration, "apply", "applied", mark, force)

    def rollback_one(self, migration: Any, force: bool = False) -> None:
        """Roll one migration back, and say so."""
        self._run(migration, "rollback", "rolled back", True, force)

    def _run(self, migration: Any, direction: str, done: str, mark: bool, force: bool) -> None:
        self.ensure_internal_schema_updated()
        migration.load()
        started = time.monotonic()
        try:
            if migration.use_transactions:
                with self.transaction():
                    migration_steps = migration.steps if direction == "apply" else reversed(migration.steps)
                    for step in migration_steps:
                        getattr(step, direction)(self, force)
                    self._record(migration, direction, mark)
            else:
                with self.copy() as other:
                    migration.process_steps(other, direction, force=force)
                with self.transaction():
                    self._record(migration, direction, mark)
        except psycopg.Error as error:
            path = Path(migration.path)
            file = path if direction == "apply" else path.with_suffix(".rollback.sql")
            raise MigrationFailedError(f"{file}: {one_line(error)}{_what_to_do(error)}") from error
        say(f"{done} {migration.id} ({(time.monotonic() - started) * 1000:.0f} ms)")

    def _record(self, migration: Any, direction: str, mark: bool) -> None:
        self.log_migration(migration, direction)
        if direction == "rollback":
            self.unmark_one(migration, log=False)
        elif mark:
            self.mark_one(migration, log=False)

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """Hold yoyo's lock. Raises MigrationLockedError when another run holds it for `timeout` seconds."""
        try:
            with super().lock(timeout):
                yield
        except yoyo.exceptions.LockTimeout as error:
            raise MigrationLockedError(
                f"{error.args[0].partition(' (')[0]}: wait for it, or if it is gone for good: yoyo break-lock"
            ) from None


class CommandLineBackend(Backend):
    """The backend as the `yoyo` command loads it: an error is one line and an exit code, not a traceback."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with _one_line_errors():
            super().__init__(*args, **kwargs)

    def init_database(self) -> None:
        """Make yoyo's lock table if it is missing."""
        with _one_line_errors():
            super().init_database()

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """Hold yoyo's lock; every command of yoyo that does something does it in here."""
        with _one_line_errors(), super().lock(timeout):
            yield


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except MathisonDataError as error:
        say(f"mathison-data: {error}")
        raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None
    except psycopg.Error as error:
        say(f"mathison-data: {one_line(error)}")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        say("mathison-data: interrupted; what was begun is undone")
        raise SystemExit(130) from None


def _what_to_do(error: psycopg.Error) -> str:
    if "extension" not in str(error):
        return ""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ". A superuser must run in this database: CREATE EXTENSION vector WITH SCHEMA public;"
    if isinstance(error, psycopg.errors.FeatureNotSupported | psycopg.errors.UndefinedFile):
        return ". Install pgvector on the server: package postgresql-18-pgvector, or image pgvector/pgvector:pg18"
    return ""
