"""The data layer of the Mathison platform: its database as plain SQL, and what services import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathison_data.errors import (
    ConfigError,
    InvalidVectorError,
    MathisonDataError,
    MigrationError,
    MigrationFailedError,
    MigrationLockedError,
    NoRowError,
    SeedError,
    ServerError,
    TooManyRowsError,
)

if TYPE_CHECKING:
    from mathison_data.database import db
    from mathison_data.errors import PoolExhaustedError

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "InvalidVectorError",
    "MathisonDataError",
    "MigrationError",
    "MigrationFailedError",
    "MigrationLockedError",
    "NoRowError",
    "PoolExhaustedError",
    "SeedError",
    "ServerError",
    "TooManyRowsError",
    "__version__",
    "db",
]


def __getattr__(name: str) -> Any:
    """Import the pool when it is asked for: the tools that only read files go without driver and pool."""
    if name == "db":
        from mathison_data.database import db

        return db
    if name == "PoolExhaustedError":
        from mathison_data.pooling import PoolExhaustedError

        return PoolExhaustedError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
