"""The commands `mathison-data migrate …`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mathison_data import migrations
from mathison_data.errors import ConfigError, MigrationError
from mathison_data.migrations import new, plan, status
from mathison_data.migrations.backend import Backend, say
from mathison_data.migrations.options import Options
from mathison_data.migrations.rehearsal import LIVE_LOCK_TIMEOUT_MILLISECONDS
from mathison_data.settings import DatabaseUrl, database_url


def add_to(parser: argparse.ArgumentParser, *, epilog: str) -> None:
    """Add the subcommands to the parser of `mathison-data migrate`."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"example:\n  {example}\n\n{epilog}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        sub.add_argument("--directory", type=Path, help="other migrations than the package's own")
        return sub

    apply_parser = add("apply", apply, "apply what is pending, each migration whole or not at all", "yoyo apply")
    apply_parser.add_argument(
        "--accept-edited",
        action="append",
        default=[],
        metavar="ID",
        help="accept this migration as its file is now: changed, renamed, gone or late; may be given again",
    )
    rollback_parser = add(
        "rollback",
        rollback,
        "roll back the last migration, after saying what is lost",
        "mathison-data migrate rollback 0008_create_conversations",
    )
    rollback_parser.description = (
        "Roll back the last migration, after saying what is lost.\n\n"
        "To see that, the rollback is run and undone before anyone is asked: for a moment it takes its locks,\n"
        f"up to {plan.DEFAULT_BUDGET_SECONDS:g} seconds in all, and waits for each "
        f"{LIVE_LOCK_TIMEOUT_MILLISECONDS} ms at most."
    )
    which = rollback_parser.add_mutually_exclusive_group()
    which.add_argument("id", nargs="?", help="roll back this migration and all after it")
    which.add_argument("--all", action="store_true", help="roll back every migration")
    rollback_parser.add_argument("--yes", action="store_true", help="do not ask")
    status_parser = add(
        "status", status_of, "show what is applied, pending and drifted", "mathison-data migrate status"
    )
    status_parser.add_argument("--schema", action="store_true", help="compare the schema with what the migrations make")
    status_parser.add_argument("--json", action="store_true", help="print JSON for machines")
    plan_parser = add(
        "plan",
        plan_of,
        "rehearse what is pending, and show the locks, rewrites and scans of each statement",
        "mathison-data migrate plan --markdown > review.md",
    )
    plan_parser.add_argument(
        "--live", action="store_true", help="rehearse on the target too, in a transaction that is rolled back"
    )
    plan_parser.add_argument(
        "--budget",
        type=float,
        default=plan.DEFAULT_BUDGET_SECONDS,
        metavar="SECONDS",
        help="how long --live may take and hold its locks in all (%(default)s)",
    )
    form = plan_parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for machines")
    form.add_argument("--markdown", action="store_true", help="print Markdown for a review")
    new_parser = add("new", create, "write the next numbered pair of files", 'mathison-data migrate new "add rating"')
    new_parser.add_argument("title", help='what it does, verb first: "add recipe rating"')
    new_parser.add_argument(
        "--concurrently", action="store_true", help="for CREATE INDEX CONCURRENTLY: a file without a transaction"
    )


def apply(arguments: argparse.Namespace) -> int:
    """Apply what is pending."""
    target = database_url()
    say(f"using {target} ({target.source})")
    count = bring_up(target, arguments.directory, arguments.accept_edited)
    say(f"{count} migrations applied" if count else "nothing is pending")
    return 0


def bring_up(target: DatabaseUrl, source: Path | None = None, accept_edited: Iterable[str] = ()) -> int:
    """Apply what is pending in a database; return how many that were."""
    options = Options.from_environment()
    options = dataclasses.replace(options, accept_edited=options.accept_edited.union(accept_edited))
    backend = Backend.of(target, options)
    with backend, backend.lock():
        pending = backend.to_apply(migrations.read(source))
        backend.apply_migrations(pending)
        return len(pending)


def rollback(arguments: argparse.Namespace) -> int:
    """Roll back, after asking."""
    target = database_url()
    say(f"using {target} ({target.source})")
    backend = Backend.of(target)
    with backend:
        with backend.lock():
            chosen = [migration.id for migration in _to_roll_back(backend, arguments)]
            if not chosen:
                say("no migration is applied: nothing to roll back")
                return 0
            for name in chosen:
                say(f"to roll back: {name}")
            # Before the rehearsal, which takes locks: what nobody can agree to is not worth them.
            if not arguments.yes and not sys.stdin.isatty():
                raise ConfigError("nobody is here to ask: say --yes if this is meant")
            for line in backend.loss(chosen, plan.DEFAULT_BUDGET_SECONDS):
                say(f"  {line}")
        # Asked without the lock: whoever thinks for long holds up nobody.
        if not arguments.yes and not _confirmed():
            say("left as it is")
            return 1
        with backend.lock():
            found = _to_roll_back(backend, arguments)
            if [migration.id for migration in found] != chosen:
                raise MigrationError("another run has changed what is applied: look again")
            backend.rollback_migrations(found)
    return 0


def status_of(arguments: argparse.Namespace) -> int:
    """Show what is applied, pending and drifted."""
    return status.run(database_url(), as_json=arguments.json, schema=arguments.schema, source=arguments.directory)


def plan_of(arguments: argparse.Namespace) -> int:
    """Rehearse what is pending."""
    if not 0 < arguments.budget <= plan.LONGEST_BUDGET_SECONDS:
        raise ConfigError(f"--budget must be more than 0 and at most {plan.LONGEST_BUDGET_SECONDS:g} seconds")
    return plan.run(
        database_url(),
        live=arguments.live,
        budget=arguments.budget,
        as_json=arguments.json,
        markdown=arguments.markdown,
        source=arguments.directory,
    )


def create(arguments: argparse.Namespace) -> int:
    """Write the files of a new migration."""
    directory = arguments.directory or migrations.directory()
    if arguments.directory is None and not (directory.parents[1] / "pyproject.toml").is_file():
        raise ConfigError("this is an installed package, whose files are not yours to add to: give --directory")
    for path in new.write(directory, arguments.title, transactional=not arguments.concurrently):
        print(path)
    return 0


def _to_roll_back(backend: Backend, arguments: argparse.Namespace) -> list[Any]:
    """Return what is to be rolled back, the last one first."""
    found = list(backend.to_rollback(migrations.read(arguments.directory)))
    if arguments.all:
        return found
    if arguments.id is None:
        return found[:1]
    if arguments.id not in [migration.id for migration in found]:
        raise ConfigError(f"{arguments.id} is not applied: give the id of one that is, or none for the last")
    return [migration for migration in found if migration.id >= arguments.id]


def _confirmed() -> bool:
    print("roll back? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
