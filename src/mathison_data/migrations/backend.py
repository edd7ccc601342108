"""Our yoyo backend, mathison://, which plain `yoyo apply` and the command line share.

It takes the server from DATABASE_URL (settings.py), says which one it is, and has one session for everything: the lock,
each migration, its log, its mark and its entry in the ledger. What runs in a transaction commits together or not at
all; when the session dies, for whatever reason, the server undoes the transaction and frees the lock.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import yoyo.exceptions
from yoyo import internalmigrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from mathison_data import migrations
from mathison_data.errors import (
    ConfigError,
    MathisonDataError,
    MigrationError,
    MigrationOutOfOrderError,
    ServerError,
)
from mathison_data.migrations import files, ledger, lock, loss, running
from mathison_data.migrations.files import File
from mathison_data.migrations.options import Options
from mathison_data.server import OLDEST_SERVER, connect, is_supported, one_line
from mathison_data.settings import DatabaseUrl, database_url


def say(line: str) -> None:
    """Print a line of progress, to stderr: stdout is for what was asked."""
    print(line, file=sys.stderr, flush=True)


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's PostgreSQL backend on one connection from `server.connect`."""

    _target: DatabaseUrl | None = None
    _is_locked: bool = False

    def __init__(
        self, dburi: Any, migration_table: str, target: DatabaseUrl | None = None, options: Options | None = None
    ) -> None:
        self._target = target
        self._options = options or Options.from_environment()
        self._files: dict[str, File] = {}
        super().__init__(dburi, migration_table)

    @classmethod
    def of(cls, target: DatabaseUrl, options: Options | None = None) -> Backend:
        """Connect to one database."""
        return cls(yoyo.connections.parse_uri("mathison://"), migrations.MIGRATION_TABLE, target, options)

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
        self._session = running.prepare_session(connection)
        return connection

    def init_database(self) -> None:
        """Do nothing: yoyo would make tables before it holds a lock; `lock` makes them."""

    def list_tables(self, **kwargs: Any) -> list[str]:
        """Return the tables of schema public."""
        return [row[0] for row in self.execute(self.list_tables_sql, {"schema": "public", **kwargs})]

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """Return a row for yoyo's log."""
        user, host = ledger.account()
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": user,
            "hostname": host,
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    @contextmanager
    def lock(self, timeout: float | None = None) -> Iterator[None]:
        """Be the only run, and have the tables that remember. Waits as long as the options say, not yoyo's 10 s.

        Raises MigrationLockedError when another run goes on for longer.
        """
        if self._is_locked:
            yield
            return
        self._refuse_if_unable()
        wait = self._options.lock_wait if timeout in (None, 10) else timeout
        with _said_plainly(), lock.held(self.connection, wait or 0, say):
            self._is_locked = True
            try:
                self._make_tables()
                yield
            finally:
                self._is_locked = False

    def _refuse_if_unable(self) -> None:
        """Raise ServerError where no table can be made, before anything is tried."""
        read_only, may_create, user = self.connection.execute(
            "SELECT current_setting('transaction_read_only') = 'on', has_schema_privilege('public', 'CREATE'), "
            "quote_ident(current_user)"
        ).fetchone()
        if read_only:
            raise ServerError(f"{self._target} is read-only: migrations need the primary")
        if not may_create:
            raise ServerError(
                f"{self._target}: no right to make tables. Its owner runs: GRANT CREATE ON SCHEMA public TO {user};"
            )

    def break_lock(self) -> None:
        """Remove a lock row that was left over; a run that lives keeps its lock."""
        lock.remove_row(self.connection, say)

    def ensure_internal_schema_updated(self) -> None:
        """Do nothing: `lock` has seen to it."""

    def _make_tables(self) -> None:
        with self.connection.transaction():
            lock.claim(self.connection)
            current = internalmigrations.get_current_version(self)
            while current < max(internalmigrations.schema_versions):
                current += 1
                internalmigrations.schema_versions[current].upgrade(self)
                internalmigrations.mark_schema_version(self, current)
            if not ledger.exists(self.connection):
                ledger.create(self.connection)

    def to_apply(self, found: Any) -> Any:
        """Return the migrations that are still to apply, in the order of their names."""
        self._read(found)
        applied = set(self.get_applied_migration_hashes())
        return found.replace(sorted((m for m in found if m.hash not in applied), key=lambda m: m.id))

    def to_rollback(self, found: Any) -> Any:
        """Return the migrations that are applied, the last one first."""
        self._read(found)
        applied = set(self.get_applied_migration_hashes())
        return found.replace(sorted((m for m in found if m.hash in applied), key=lambda m: m.id, reverse=True))

    def apply_migrations(self, found: Any, force: bool = False) -> None:
        """Apply migrations, unless what is applied already is not what the files say."""
        self._check_drift()
        super().apply_migrations(found, force)

    def run_post_apply(self, found: Any, force: bool = False) -> None:
        """Do nothing: a hook would be a migration that nobody remembers; `files` refuses its name."""

    def apply_one(self, migration: Any, force: bool = False, mark: bool = True) -> None:  # noqa: ARG002
        """Apply one migration whole or not at all, and say so."""
        file = self._file(migration)
        applied = self._applied()
        if file.id in applied:
            return
        late = [name for name in self._files if name < file.id and name not in applied]
        if late:
            raise MigrationOutOfOrderError(f"{file.path}: {', '.join(late)} must be applied before it")
        self._run(migration, file, "apply", force)

    def rollback_one(self, migration: Any, force: bool = False) -> None:
        """Roll one migration back whole or not at all, and say so."""
        file = self._file(migration)
        applied = self._applied()
        if file.id not in applied:
            return
        later = sorted((name for name in applied if name > file.id), reverse=True)
        if later:
            raise MigrationOutOfOrderError(f"{file.path}: {', '.join(later)} must be rolled back before it")
        remembered = ledger.entries(self.connection).get(file.id)
        if remembered and remembered.rollback_checksum not in (None, file.down.checksum):
            say(f"{file.down.path}: was changed after {file.id} was applied; it runs as it is now")
        self._run(migration, file, "rollback", force)

    def loss(self, names: Sequence[str], budget: float) -> list[str]:
        """Say what rolling these back, in this order, would lose; takes `budget` seconds, and changes nothing."""
        assert self._target
        known = [self._files[name] for name in names]
        with _said_plainly():
            return loss.of(self.connection, self._target, known, budget, self._options, self._session, say)

    def mark_one(self, migration: Any, log: bool = True) -> None:
        """Mark a migration applied without running it."""
        super().mark_one(migration, log)
        if log:
            ledger.record(self.connection, self._file(migration), None, "marked by hand, not run")

    def unmark_one(self, migration: Any, log: bool = True) -> None:
        """Forget a migration without rolling it back."""
        super().unmark_one(migration, log)
        ledger.forget(self.connection, migration.id)

    def _run(self, migration: Any, file: File, direction: str, force: bool) -> None:
        if force:
            raise MigrationError("--force would mark a broken migration as applied: repair it, or use yoyo mark")
        assert self._target
        script = file.up if direction == "apply" else file.down
        run = running.Run(self.connection, self._target, script, self._options, self._session, say)

        def finish(duration_ms: int) -> None:
            with self.connection.pipeline():
                self.log_migration(migration, direction)
                if direction == "rollback":
                    self.unmark_one(migration, log=False)
                else:
                    self.mark_one(migration, log=False)
                    ledger.record(self.connection, file, duration_ms)

        duration = run.whole(finish)
        say(f"{'applied' if direction == 'apply' else 'rolled back'} {file.id} ({duration} ms)")

    def _read(self, found: Iterable[Any]) -> None:
        """Read and check the files of yoyo's migrations, and bring the ledger into step."""
        directories = {Path(migration.path).parent for migration in found}
        if not directories:
            raise MigrationError("no migrations were found: is the directory right, and does anything match?")
        if len(directories) > 1:
            raise MigrationError(f"migrations have one directory, not {len(directories)}: their order must be plain")
        self._files = {file.id: file for file in files.read(directories.pop())}
        for migration in found:
            self._load(migration)
        with self.connection.transaction():
            lock.claim(self.connection)
            for line in ledger.reconcile(self.connection, self.migration_table, self._files.values()):
                say(line)

    def _load(self, migration: Any) -> None:
        """Fill in what yoyo's own load would, which splits the files wrongly and slowly."""
        file = self._files[migration.id]
        migration.source = file.path.read_text(encoding="utf-8")
        migration.steps, migration.use_transactions, migration._depends = [], file.transactional, set()

    def _file(self, migration: Any) -> File:
        if migration.id not in self._files:
            self._read([migration])
        return self._files[migration.id]

    def _applied(self) -> set[str]:
        return {row[0] for row in self.execute(f"SELECT migration_id FROM {self.migration_table_quoted}")}  # noqa: S608

    def _check_drift(self) -> None:
        applied = self._applied()
        known = self._files.values()
        if names := self._options.accept_edited:
            found = ledger.drift(known, applied, ledger.entries(self.connection))
            with self.connection.transaction():
                lock.claim(self.connection)
                for line in ledger.accept(self.connection, self.migration_table, found, known, names):
                    say(line)
            applied = self._applied()
        found = ledger.drift(known, applied, ledger.entries(self.connection))
        found.out_of_order[:] = [name for name in found.out_of_order if name not in names]
        ledger.refuse(found, known, max(applied, default=""))


class CommandLineBackend(Backend):
    """The backend as the `yoyo` command loads it: an error is one line and an exit code, not a traceback."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with _one_line_errors():
            super().__init__(*args, **kwargs)

    @contextmanager
    def lock(self, timeout: float | None = None) -> Iterator[None]:
        """Be the only run; every command of yoyo that does something does it in here."""
        with nullcontext() if self._is_locked else _one_line_errors(), super().lock(timeout):
            yield

    def break_lock(self) -> None:
        """Remove a lock row that was left over."""
        with _one_line_errors(), _said_plainly():
            super().break_lock()


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn what psycopg and yoyo raise outside of a migration into an error of ours."""
    try:
        yield
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise MigrationError(f"{one_line(error)}: is this a standby? Migrations run on the primary") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(f"{one_line(error)}. The role needs CREATE on schema public and its tables") from error
    except psycopg.OperationalError as error:
        raise MigrationError(f"{one_line(error)}. What was begun is undone: run it again") from error
    except psycopg.Error as error:
        raise MigrationError(one_line(error)) from error
    except (yoyo.exceptions.BadMigration, yoyo.exceptions.MigrationConflict) as error:
        raise MigrationError(f"{type(error).__name__}: {error}") from error


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except MathisonDataError as error:
        say(f"mathison-data: {error}")
        raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None
    except KeyboardInterrupt:
        say("mathison-data: interrupted; what was begun is undone, so run it again when you like")
        raise SystemExit(130) from None
