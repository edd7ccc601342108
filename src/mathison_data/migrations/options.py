"""How a run of the migrations behaves; from the environment, so that plain `yoyo` has the same settings."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mathison_data.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """Times are in seconds.

    MATHISON_MIGRATE_LOCK_WAIT: how long to wait for another run to end (600).
    MATHISON_MIGRATE_LOCK_TIMEOUT: how long a statement waits for a lock unless its file sets lock_timeout (2).
    MATHISON_MIGRATE_RETRY_FOR: how long a migration that gets no lock is tried again, after the first time (60);
    also how long CONCURRENTLY waits, in nobody's way, for older transactions.
    MATHISON_ACCEPT_EDITED: ids of migrations, by commas, that are accepted as their files are now.
    """

    lock_wait: float = 600
    lock_timeout: float = 2
    retry_for: float = 60
    accept_edited: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls) -> Options:
        """Read the variables. Raises ConfigError when one is no number."""
        return cls(
            lock_wait=_seconds("MATHISON_MIGRATE_LOCK_WAIT", cls.lock_wait),
            lock_timeout=_seconds("MATHISON_MIGRATE_LOCK_TIMEOUT", cls.lock_timeout, least=0.001),
            retry_for=_seconds("MATHISON_MIGRATE_RETRY_FOR", cls.retry_for),
            accept_edited=frozenset(os.environ.get("MATHISON_ACCEPT_EDITED", "").replace(",", " ").split()),
        )


def _seconds(name: str, default: float, least: float = 0) -> float:
    text = os.environ.get(name, "").strip()
    try:
        seconds = float(text or default)
    except ValueError:
        seconds = -1
    if not least <= seconds <= 1_000_000:  # an infinite one would be no limit, and 0 none to PostgreSQL
        raise ConfigError(f"{name} must be a number of seconds, {'above 0' if least else '0 or more'}")
    return seconds
