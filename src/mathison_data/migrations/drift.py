"""Where a database's schema differs from what the migrations make, object by object, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from mathison_data import migrations
from mathison_data.migrations import catalog, files, scratch
from mathison_data.migrations.catalog import Object
from mathison_data.server import connect
from mathison_data.settings import DatabaseUrl


@dataclass(frozen=True)
class Difference:
    """One object that differs; a definition of None means that this side does not have it."""

    object: str
    in_database: str | None
    by_migrations: str | None

    def __str__(self) -> str:
        if self.by_migrations is None:
            return f"{self.object} exists only in the database"
        if self.in_database is None:
            return f"{self.object} is missing in the database"
        return (
            f"{self.object} differs\n"
            f"  in the database:   {_one_line(self.in_database)}\n"
            f"  by the migrations: {_one_line(self.by_migrations)}"
        )


def find(target: DatabaseUrl, applied: list[str], source: Path | None = None) -> tuple[list[Difference], list[str]]:
    """Compare a database with what its applied migrations make on a scratch database; the target is only read.

    Returns the differences, and notes on the place of the comparison.
    """
    by_id = {file.id: file for file in files.read(source or migrations.directory())}
    with (
        connect(target) as live,
        scratch.from_files(target, [by_id[name] for name in applied]) as made,
        connect(made.url) as model,
    ):
        versions = [each.info.server_version // 10000 for each in (live, model)]
        notes = list(made.notes)
        if versions[0] != versions[1]:
            notes.append(
                f"compared on PostgreSQL {versions[1]}, which may spell things unlike the target's {versions[0]}"
            )
        return compare(live, model), notes


def compare(database: psycopg.Connection, model: psycopg.Connection) -> list[Difference]:
    """Return the differences by the objects' names; what is missing as a whole is one difference, not one a part."""
    live, made = catalog.objects(database), catalog.objects(model)
    whole = live.keys() & made.keys()
    differences = [
        Difference(key, _definition(live, key), _definition(made, key))
        for key in sorted(live.keys() | made.keys())
        if (key in whole and live[key].definition != made[key].definition)
        or (key not in whole and not _is_part_of_a_missing(live.get(key) or made[key], whole))
    ]
    return differences + _orders(live, made)


def _definition(side: dict[str, Object], key: str) -> str | None:
    return side[key].definition if key in side else None


def _is_part_of_a_missing(thing: Object, whole: set[str]) -> bool:
    return thing.parent != "" and thing.parent not in whole


def _orders(live: dict[str, Object], made: dict[str, Object]) -> list[Difference]:
    """Compare the order of the columns that both sides have, which SELECT * and COPY depend on."""
    differences = []
    for table in sorted(key for key in live.keys() & made.keys() if key.startswith("table ")):
        orders = [
            ", ".join(
                key.rpartition(".")[2]
                for key, thing in sorted(side.items(), key=lambda item: item[1].position)
                if thing.parent == table and key.startswith("column ") and key in other
            )
            for side, other in ((live, made), (made, live))
        ]
        if orders[0] != orders[1]:
            differences.append(Difference(f"order of the columns of {table}", *orders))
    return differences


def _one_line(definition: str) -> str:
    return " ".join(definition.split())
