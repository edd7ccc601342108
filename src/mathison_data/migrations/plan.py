"""`migrate plan`: rehearse what is pending, and report what PostgreSQL did for each statement.

On a scratch database with the target's schema, and with `live` on the target itself as well, in one transaction that
is always rolled back, under a short lock_timeout and a budget of time for the whole.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import psycopg

from mathison_data import migrations
from mathison_data.migrations import catalog, drift, files, plan_report, rehearsal, scratch, squawk
from mathison_data.migrations.backend import say
from mathison_data.migrations.files import File
from mathison_data.migrations.observe import relations, strongest
from mathison_data.migrations.plan_report import Plan
from mathison_data.server import connect
from mathison_data.settings import DatabaseUrl

DEFAULT_BUDGET_SECONDS = 2.0
LONGEST_BUDGET_SECONDS = 3600.0


def run(
    target: DatabaseUrl,
    *,
    live: bool = False,
    budget: float = DEFAULT_BUDGET_SECONDS,
    as_json: bool = False,
    markdown: bool = False,
    source: Path | None = None,
) -> int:
    """Print the plan; return 0 when all went through, 1 when a statement was refused or did not get its lock."""
    plan = make(target, live=live, budget=budget, source=source)
    if as_json:
        print(json.dumps(plan_report.data(plan), indent=2))
    else:
        print(plan_report.markdown(plan) if markdown else plan_report.text(plan))
    return 0 if plan.good else 1


def make(
    target: DatabaseUrl,
    *,
    live: bool = False,
    budget: float = DEFAULT_BUDGET_SECONDS,
    source: Path | None = None,
) -> Plan:
    """Rehearse the pending migrations; without `live` the target is only read.

    With it, the target is touched only when all went through on the scratch database, so that it can be said before
    what will be held.
    """
    by_id = {file.id: file for file in files.read(source or migrations.directory())}
    with connect(target) as connection:
        version = connection.info.server_version
        state = migrations.state(connection, source)
        pending, applied = ([by_id[name] for name in names] for names in (state.pending, state.applied))
        plan = Plan(str(target), {r.name: r for r in relations(connection).values() if r.kind != "index"})
        plan.notes += [
            f"{name} {what}: mathison-data migrate status tells what to do"
            for names, what in (
                (state.edited, "was changed after it was applied"),
                (state.unknown, "is applied, but its file is gone or renamed"),
                (state.out_of_order, "comes before one that is applied"),
            )
            for name in names
        ]
        if not pending:
            return plan
        with scratch.from_target(target, applied) as made:
            with connect(made.url) as model:
                plan.place = made.place
                plan.notes += [*made.notes, *_unlike(connection, model)]
            plan.rehearsals = rehearsal.on_scratch(pending, made.url)
    if live and plan.good:
        _rehearse_live(plan, pending, target, budget)
    elif live:
        plan.notes.append("nothing was rehearsed on the target, for it failed on the scratch database already")
    _add_squawk(plan, pending, version)
    return plan


def _rehearse_live(plan: Plan, pending: list[File], target: DatabaseUrl, budget: float) -> None:
    holds = plan_report.held(itertools.takewhile(lambda each: each.transactional, plan.rehearsals))
    say(f"live on {target}: in one transaction that is rolled back, {budget:g} s at most in all")
    for table, hold in holds.items():
        say(f"  will hold {hold.mode} on {table}: {plan_report.waits(hold.blocks)}")
    if not holds:
        say("  will hold no lock on an existing table")
    # On the target all files share a transaction, which takes no lock twice; on the scratch database each had its own.
    on_target = rehearsal.on_target(pending, target, budget)
    for there, here in zip(plan.rehearsals, on_target, strict=True):
        if here.not_rehearsed:
            there.not_rehearsed = here.not_rehearsed
        for of_its_own, at_once in zip(there.statements, here.statements, strict=False):
            if of_its_own.observation and at_once.observation:
                at_once.observation.locks = strongest(at_once.observation.locks + of_its_own.observation.locks)
    plan.rehearsals = [
        there if here.not_rehearsed else here for there, here in zip(plan.rehearsals, on_target, strict=True)
    ]
    plan.live = any(each.on == "target" for each in plan.rehearsals)


def _unlike(target: psycopg.Connection, model: psycopg.Connection) -> list[str]:
    """Say in what the scratch database is not like the target, after all."""
    versions = [connection.info.parameter_status("server_version") for connection in (target, model)]
    notes = (
        [f"rehearsed on PostgreSQL {versions[1]}; the target is {versions[0]}"] if versions[0] != versions[1] else []
    )
    here, there = catalog.extensions(target), catalog.extensions(model)
    notes += [
        f"extension {name} is {there.get(name, 'missing')} on the scratch database, {version} on the target"
        for name, version in here.items()
        if there.get(name) != version
    ]
    return notes + [f"not as in the rehearsal: {difference}" for difference in drift.compare(target, model)]


def _add_squawk(plan: Plan, pending: list[File], server_version: int) -> None:
    found = squawk.findings(pending, server_version)
    if found is None:
        plan.notes.append("squawk is not installed, so its findings are missing: pip install squawk-cli")
        return
    for each in plan.rehearsals:
        each.squawk = found[each.id]
