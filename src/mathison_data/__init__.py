"""The data layer of the Mathison platform: its database as plain SQL, and what services import."""

from __future__ import annotations

from mathison_data.errors import (
    ConfigError,
    MathisonDataError,
    MigrationError,
    MigrationFailedError,
    MigrationLockedError,
    SeedError,
    ServerError,
)

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "MathisonDataError",
    "MigrationError",
    "MigrationFailedError",
    "MigrationLockedError",
    "SeedError",
    "ServerError",
    "__version__",
]
