"""Golden cases: what PostgreSQL's documentation says a statement locks and does is what the plan reports.

Each file of plan_cases/ is a migration; its first comment quotes the documentation, `-- locks:` and the others say what
must be seen, statement by statement with `|` between them. Each case is rehearsed on an empty scratch database and
again on a target with rows: both must see the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import database
from plan_directory import fill, write

from mathison_data.migrations import catalog, files, rehearsal, scratch
from mathison_data.migrations.observe import Observation
from mathison_data.migrations.plan_report import worth_telling
from mathison_data.migrations.rehearsal import Rehearsal
from mathison_data.settings import DatabaseUrl

CASES = Path(__file__).parent / "plan_cases"
KINDS = ("rewrites", "rebuilds", "builds", "reads", "empties", "drops", "rows")


@pytest.fixture(scope="module")
def target(server_url: str) -> Iterator[DatabaseUrl]:
    """One target for all cases, for none of them changes it; that is seen to in the end."""
    with database(server_url, "template0") as (url, _keep):
        target = fill(url)
        with psycopg.connect(url, autocommit=True) as connection:
            before = catalog.objects(connection)
            yield target
            assert catalog.objects(connection) == before
            for table in ("authors", "books"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1000,)


def expected(case: str, kind: str, statements: int) -> list[set[str]]:
    """What the case's comment of that kind wants of each statement."""
    found = re.search(rf"^-- {kind}:(.*)$", case, re.MULTILINE)
    parts = found[1].split("|") if found else []
    parts += [""] * (statements - len(parts))
    return [{item.strip() for item in part.split(",") if item.strip()} for part in parts]


def seen(kind: str, observation: Observation) -> set[str]:
    if kind == "locks":
        return {f"{lock.relation} {lock.mode}" for lock in worth_telling(observation)}
    if kind == "rows":
        return {f"{name} {what} {n}" for name, changes in observation.rows.items() for what, n in changes.items()}
    if kind == "builds":
        return {index for index, _table in observation.built}
    lists = {
        "rewrites": "rewritten",
        "rebuilds": "rebuilt",
        "reads": "scanned",
        "empties": "emptied",
        "drops": "dropped",
    }
    return set(getattr(observation, lists[kind]))


def check(case: str, rehearsal: Rehearsal) -> None:
    assert rehearsal.statements
    for kind in ("locks", *KINDS):
        wanted = expected(case, kind, len(rehearsal.statements))
        for statement, want in zip(rehearsal.statements, wanted, strict=True):
            assert statement.error is None
            assert statement.observation
            if kind == "rows" and not want:
                continue
            assert (kind, seen(kind, statement.observation)) == (kind, want), statement.sql


@pytest.mark.parametrize("path", sorted(CASES.glob("*.sql")), ids=lambda path: path.stem)
def test_the_plan_sees_what_the_documentation_says(path: Path, target: DatabaseUrl, tmp_path: Path) -> None:
    case = path.read_text()
    [_, pending] = files.read(write(tmp_path, case))
    with scratch.from_target(target, []) as made:
        assert made.notes == []
        [on_scratch] = rehearsal.on_scratch([pending], made.url)
    check(case, on_scratch)
    if pending.transactional:
        [on_target] = rehearsal.on_target([pending], target, 60)
        # A foreign key's check looks into the referenced table only for rows that refer to it.
        if "-- reads with rows:" in case:
            case = case.replace("-- reads:", "--").replace("-- reads with rows:", "-- reads:")
        check(case, on_target)
