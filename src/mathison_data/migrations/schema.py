"""sql/schema.sql, the schema after all migrations, for reading; `python -m mathison_data.migrations.schema` writes it.

Nothing is ever applied from it. A test compares it with what the migrations make, so that it stays true.
"""

from __future__ import annotations

import re
from pathlib import Path

from mathison_data import migrations
from mathison_data.embedded import programs
from mathison_data.migrations import files, scratch
from mathison_data.settings import DatabaseUrl

_HEAD = """\
-- The schema after all migrations, for reading: what pg_dump says of it, without settings and owners.
-- Made by `python -m mathison_data.migrations.schema`; the migrations are what is applied.
"""
# What pg_dump writes for the restoring session, and what changes with its version.
_LEFT_OUT = re.compile(r"SET |SELECT pg_catalog\.set_config|-- (PostgreSQL database dump|Dumped (from|by) )|--$")


def path() -> Path:
    """Return where the file is in a checkout."""
    return migrations.directory().parent / "schema.sql"


def text(target: DatabaseUrl) -> str:
    """Return the schema of a database in the file's form."""
    lines = scratch.dump(target, programs() / "pg_dump").splitlines()
    kept = "\n".join(line for line in lines if not _LEFT_OUT.match(line))
    body = re.sub(r"\n{3,}", "\n\n", kept).strip()
    return f"{_HEAD}\n{body}\n"


def main() -> None:
    """Write the file anew, from a scratch database on an embedded server."""
    with scratch.from_files(None, files.read(migrations.directory())) as made:
        path().write_text(text(made.url))


if __name__ == "__main__":
    main()
