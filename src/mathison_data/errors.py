"""The errors of this package; psycopg's own are never wrapped, for their classes are the SQLSTATEs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mathison_data.pooling import PoolExhaustedError as PoolExhaustedError


def __getattr__(name: str) -> Any:
    """Import PoolExhaustedError when it is asked for: it derives from psycopg's, and this module loads no driver."""
    if name == "PoolExhaustedError":
        from mathison_data.pooling import PoolExhaustedError

        return PoolExhaustedError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class MathisonDataError(Exception):
    """Base of every error of this package; its text is one line: what, where, and what to do."""


class ConfigError(MathisonDataError):
    """What the caller configured cannot be right: no DATABASE_URL, one that does not parse, a wrong flag."""


class ServerError(MathisonDataError):
    """The server cannot be used: it is down, refuses the login, is too old, or lacks pgvector."""


class ServerDownError(ServerError):
    """Nobody answers where the server should be, or it is just starting up: trying again may help."""


class MigrationError(MathisonDataError):
    """A migration cannot be applied or rolled back."""


class MigrationFileError(MigrationError):
    """A migration's file is not fit to run; its text has one line a finding, each with file and line."""


class MigrationEditedError(MigrationError):
    """A file was changed after it was applied."""


class MigrationMissingError(MigrationError):
    """An applied migration has no file any more: it was deleted or renamed."""


class MigrationOutOfOrderError(MigrationError):
    """A migration comes before one that is applied already, or would leave one out."""


class MigrationFailedError(MigrationError):
    """PostgreSQL refused a statement of a migration, of which nothing stays."""


class MigrationLockedError(MigrationError):
    """Another run holds the lock of the migrations."""


class SeedError(MathisonDataError):
    """A seed file is not a valid recipe; its text has one line a finding, each with file and line."""


class NoRowError(MathisonDataError):
    """A query that returns exactly one row found none; the text names the query."""


class TooManyRowsError(MathisonDataError):
    """A query that returns one row at most found several; the text names the query."""


class InvalidVectorError(MathisonDataError, ValueError):
    """What was given as an embedding is none: its length, a component that is no finite number, or zero throughout."""


class GenerateError(MathisonDataError):
    """A query does not fit the schema or the generator's grammar; its text has one line a finding: path:line:col."""
