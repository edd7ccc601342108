"""Writes the files of a new migration, with the header that the rules want."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from mathison_data.errors import ConfigError
from mathison_data.migrations.files import ROLLBACK_SUFFIX

_TIMEOUTS = """\
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';

"""

_UP = "-- {title}: say here why, for whoever reviews this.\n{depends}" + _TIMEOUTS
_DOWN = "-- Say here what is lost, if anything.\n" + _TIMEOUTS

_UP_ALONE = """\
-- {title}: say here why, for whoever reviews this.
{depends}-- transactional: false
-- squawk-disable-assume-in-transaction
-- To wait with CONCURRENTLY stands in nobody's way, so it may wait for long.
SET lock_timeout = '60s';
SET statement_timeout = '30min';

-- A run that was cut off has left it INVALID; IF NOT EXISTS would pass over that.
DROP INDEX CONCURRENTLY IF EXISTS index_name;

-- squawk-ignore prefer-robust-stmts
CREATE INDEX CONCURRENTLY index_name
  ON table_name (column_name);
"""
_DOWN_ALONE = """\
-- Loses no data.
-- transactional: false
-- squawk-disable-assume-in-transaction
SET lock_timeout = '60s';
SET statement_timeout = '5min';

DROP INDEX CONCURRENTLY IF EXISTS index_name;
"""


def write(directory: Path, title: str, *, transactional: bool) -> tuple[Path, Path]:
    """Write the next numbered pair; return the paths. Raises ConfigError when no name can be made of the title."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:60].rstrip("_")
    if not re.match(r"[a-z]", name):
        raise ConfigError(f"a migration is named after what it does, like 'add recipe rating', not {title!r}")
    if not directory.is_dir():
        raise ConfigError(f"{directory} is no directory")
    ids = sorted(
        path.stem for path in directory.glob("[0-9][0-9][0-9][0-9]_*.sql") if not path.name.endswith(ROLLBACK_SUFFIX)
    )
    number = int(ids[-1][:4]) + 1 if ids else 1
    if number > 9999:
        raise ConfigError(f"{directory} is full: numbers have four digits")
    up = directory / f"{number:04}_{name}.sql"
    down = up.with_suffix(ROLLBACK_SUFFIX)
    depends = f"-- depends: {ids[-1]}\n" if ids else ""
    texts = (_UP, _DOWN) if transactional else (_UP_ALONE, _DOWN_ALONE)
    for path, text in zip((up, down), texts, strict=True):
        with path.open("x", encoding="utf-8", newline="\n") as file:  # never over what someone has written
            file.write(text.format(title=title.strip()[:1].upper() + title.strip()[1:], depends=depends))
    return up, down
