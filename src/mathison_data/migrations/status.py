"""`migrate status`: which migrations a database has, since when, by whom, and what has drifted. Reads only."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from mathison_data import migrations
from mathison_data.migrations import drift, ledger
from mathison_data.migrations.backend import say
from mathison_data.migrations.drift import Difference
from mathison_data.server import connect
from mathison_data.settings import DatabaseUrl

# What a state asks for; "applied" alone asks for nothing.
_WHAT_TO_DO = {
    "pending": "mathison-data migrate plan shows what it will do, mathison-data migrate apply does it",
    "out of order": "pending, but before one that is applied: give it the next number, or apply --accept-edited its id",
    "edited": "its file was changed after it was applied: put it back, or apply --accept-edited its id",
    "no file": "applied, but its file is gone or renamed: put it back, or use the release that has it",
}


@dataclass(frozen=True)
class Row:
    """One migration in a database; what is not known, or not yet so, is None."""

    id: str
    state: str
    applied_at: datetime | None = None
    applied_by: str | None = None
    duration_ms: int | None = None
    note: str | None = None


def run(target: DatabaseUrl, *, as_json: bool = False, schema: bool = False, source: Path | None = None) -> int:
    """Print the status; return 1 when something is pending or has drifted, else 0."""
    with connect(target) as connection:
        found = rows(connection, source)
    differences: list[Difference] | None = None
    if schema:
        applied = [row.id for row in found if row.state in ("applied", "edited")]
        differences, notes = drift.find(target, applied, source)
        for note in notes:
            say(f"note: {note}")
    if as_json:
        print(json.dumps(_data(target, found, differences), indent=2))
    else:
        print("\n".join(_lines(target, found, differences)))
    return 1 if differences or any(row.state != "applied" for row in found) else 0


def rows(connection: psycopg.Connection, source: Path | None = None) -> list[Row]:
    """Return a row for each migration, in order."""
    state = migrations.state(connection, source)
    applied = _applied(connection)
    states = dict.fromkeys(state.applied, "applied") | dict.fromkeys(state.pending, "pending")
    states |= dict.fromkeys(state.out_of_order, "out of order")
    states |= dict.fromkeys(state.edited, "edited") | dict.fromkeys(state.unknown, "no file")
    return [dataclasses.replace(applied.get(name, Row(name, "")), state=states[name]) for name in sorted(states)]


def _applied(connection: psycopg.Connection) -> dict[str, Row]:
    """Read what is recorded: in our own table, and where yoyo alone has worked so far, in yoyo's."""
    found: dict[str, Row] = {}
    for table, columns in (
        (migrations.MIGRATION_TABLE, "applied_at_utc AT TIME ZONE 'UTC', NULL, NULL, NULL"),
        (ledger.TABLE, "applied_at, applied_by, duration_ms, note"),
    ):
        name = sql.Identifier("public", table)
        exists = connection.execute("SELECT to_regclass(%s)", [name.as_string()]).fetchone()
        if exists and exists[0]:
            query = sql.SQL("SELECT migration_id, {} FROM {}").format(sql.SQL(columns), name)
            found |= {row[0]: Row(row[0], "", *row[1:]) for row in connection.execute(query).fetchall()}
    return found


def _data(target: DatabaseUrl, found: list[Row], differences: list[Difference] | None) -> dict[str, object]:
    plain = [dataclasses.asdict(row) for row in found]
    for row in plain:
        row["applied_at"] = row["applied_at"].astimezone(UTC).isoformat() if row["applied_at"] else None
    schema = None if differences is None else [dataclasses.asdict(difference) for difference in differences]
    return {"server": str(target), "migrations": plain, "schema": schema}


def _lines(target: DatabaseUrl, found: list[Row], differences: list[Difference] | None) -> list[str]:
    table = [("migration", "state", "applied at (UTC)", "took", "by", "note")]
    for row in found:
        at = f"{row.applied_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if row.applied_at else ""
        took = f"{row.duration_ms:,} ms" if row.duration_ms is not None else ""
        table.append((row.id, row.state, at, took, row.applied_by or "", row.note or ""))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [str(target)]
    for cells in table:
        padded = (c.rjust(w) if n == 3 else c.ljust(w) for n, (c, w) in enumerate(zip(cells, widths, strict=True)))
        lines.append("  ".join(padded).rstrip())
    counts = {state: sum(row.state == state for row in found) for state in ("applied", *_WHAT_TO_DO)}
    lines += ["", ", ".join(f"{n} {state}" for state, n in counts.items() if n or state in ("applied", "pending"))]
    lines += [f"{state}: {text}" for state, text in _WHAT_TO_DO.items() if counts[state]]
    if differences is not None:
        lines += ["", *(str(difference) for difference in differences)]
        lines.append(
            f"schema: {len(differences)} difference{'s' * (len(differences) != 1)} from what the migrations make"
            if differences
            else "schema: as the applied migrations make it"
        )
    return lines
