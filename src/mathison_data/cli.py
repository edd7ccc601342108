"""The command `mathison-data`: a server up and down, its state, its checks, and the seeded catalog."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mathison_data import __version__, checks, migrations, seeding
from mathison_data.embedded import EmbeddedServer, programs
from mathison_data.errors import ConfigError, MathisonDataError, ServerDownError
from mathison_data.migrations import commands as migrate_commands
from mathison_data.migrations.backend import say
from mathison_data.server import connect, one_line
from mathison_data.settings import (
    EMBEDDED,
    DatabaseUrl,
    configured_url,
    database_url,
    embedded_directory,
    is_embedded_down,
    parse_url,
)

START_SECONDS = 15

EPILOG = """\
The database is the one of DATABASE_URL, in the environment or else in .env.local;
without one, the embedded server that `mathison-data up` keeps under .mathison/.

exit codes: 0 good, 1 a finding or a failure, 2 wrong use
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except ConfigError as error:
        say(f"mathison-data: {error}")
        return 2
    except MathisonDataError as error:
        say(f"mathison-data: {error}")
    except psycopg.Error as error:
        say(f"mathison-data: {one_line(error)}")
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has enough
    except OSError as error:
        say(f"mathison-data: {error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        say("mathison-data: interrupted; what was begun is undone, so run it again when you like")
        return 130
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mathison-data",
        description="The database of the Mathison platform: bring it up, look after it, seed its catalog.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mathison-data {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"example:\n  {example}\n\n{EPILOG}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    add("up", up, "start, migrate, seed and verify the database", "mathison-data up")
    add("down", down, "stop the embedded server; its data stays", "mathison-data down")
    status_parser = add("status", status, "show what runs and which migrations it has", "mathison-data status --json")
    check_parser = add("check", check, "verify the database, one line a check", "mathison-data check && deploy")
    for sub in (status_parser, check_parser):
        sub.add_argument("--json", action="store_true", help="print JSON for machines")
    migrate = commands.add_parser(
        "migrate", help="apply, plan and roll back migrations", description="Look after the migrations."
    )
    migrate_commands.add_to(migrate, epilog=EPILOG)
    seed_parser = add("seed", seed, "add the catalog's recipes that are missing", "mathison-data seed --update")
    seed_parser.add_argument("--update", action="store_true", help="also overwrite recipes that differ from their file")
    seed_parser.add_argument("--directory", type=Path, help="read other seed files than the package's own")
    generate_parser = add(
        "generate", generate, "write the typed client from sql/queries, in a checkout", "mathison-data generate --check"
    )
    generate_parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and tell what is stale")
    generate_parser.add_argument(
        "--server", metavar="URL", help="make the scratch database on this server instead of an embedded one"
    )
    return parser


def up(_arguments: argparse.Namespace) -> int:
    """Bring the whole database up, whatever is there already, and say what it holds."""
    target = configured_url()
    if target is None:
        say(f"starting the embedded PostgreSQL in {embedded_directory()}")
        server = EmbeddedServer(embedded_directory(), say=say)
        target = parse_url(server.start(), EMBEDDED)
    say(f"using {target} ({target.source})")
    with _connect_patiently(target) as connection:
        migrate_commands.bring_up(target)
        _report(seeding.seed(connection, seeding.load()))
    findings = list(checks.run(target))
    for finding in findings:
        if not finding.good:
            print(_line(finding))
    if not all(finding.good for finding in findings):
        return 1
    with connect(target) as connection:
        _summarise(connection, target, len(findings))
    return 0


def down(_arguments: argparse.Namespace) -> int:
    """Stop the embedded server."""
    directory = embedded_directory()
    if EmbeddedServer(directory, say=say).stop():
        say(f"stopped the server in {directory}; the data stays there")
    else:
        say(f"no server is running in {directory}")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Show the server and the migrations; reads only."""
    if is_embedded_down():
        say(f"nothing is running: the embedded server in {embedded_directory()} is down. Start it: mathison-data up")
        return 1
    target = database_url()
    with connect(target) as connection:
        version = connection.info.parameter_status("server_version")
        found = migrations.state(connection)
    if arguments.json:
        print(
            json.dumps({"server": str(target), "version": version, "migrations": dataclasses.asdict(found)}, indent=2)
        )
        return 0
    print(f"PostgreSQL {version} is running at {target} ({target.source})")
    for label, names in dataclasses.asdict(found).items():
        print(f"{label} migrations: {len(names)}")
        for name in names:
            print(f"  {name}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Verify the database."""
    findings = []
    for finding in checks.run(database_url()):
        findings.append(finding)
        if not arguments.json:
            print(_line(finding), flush=True)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    return 0 if all(finding.good for finding in findings) else 1


def seed(arguments: argparse.Namespace) -> int:
    """Seed the catalog."""
    recipes = seeding.load(arguments.directory)
    with connect(database_url()) as connection:
        _report(seeding.seed(connection, recipes, update=arguments.update))
    return 0


def generate(arguments: argparse.Namespace) -> int:
    """Generate the typed client, or see whether it is up to date."""
    from mathison_data import codegen  # the other commands do without it

    url = parse_url(arguments.server, "--server").url if arguments.server else None
    return codegen.generate(url, check=arguments.check, say=say)


def _connect_patiently(target: DatabaseUrl) -> psycopg.Connection:
    """Connect to a server that may have been started a moment ago, as by docker compose."""
    deadline = time.monotonic() + START_SECONDS
    told = False
    while True:
        try:
            return connect(target)
        except ServerDownError:
            if time.monotonic() > deadline:
                raise
        if not told:
            say(f"nobody answers yet; trying for {START_SECONDS} s")
            told = True
        time.sleep(0.5)


def _report(outcome: seeding.Outcome) -> None:
    for slug in outcome.added:
        say(f"added recipe {slug}")
    for slug in outcome.updated:
        say(f"updated recipe {slug}")
    for slug, columns in outcome.differing.items():
        say(f"recipe {slug} differs from its file in {', '.join(columns)}; left as it is (mathison-data seed --update)")
    added, updated, unchanged = len(outcome.added), len(outcome.updated), len(outcome.unchanged)
    say(f"catalog: {added} recipes added, {updated} updated, {unchanged} unchanged")


def _summarise(connection: psycopg.Connection, target: DatabaseUrl, number_of_checks: int) -> None:
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    assert row
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL (%s) ORDER BY 1",
        [sorted(migrations.BOOKKEEPING_TABLES)],
    ).fetchall()
    print(f"\nPostgreSQL {connection.info.parameter_status('server_version')} with pgvector {row[0]}: {target}")
    print(f"all {number_of_checks} checks passed; {len(tables)} tables, rows:")
    for (table,) in tables:
        count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert count
        print(f"  {table:<16} {count[0]:>8}")
    print("connect:")
    if target.source == EMBEDDED:
        psql = "psql" if shutil.which("psql") else _quoted(str(programs() / "psql"))
        print(f"  {psql} {_quoted(target.url)}\n  export DATABASE_URL={_quoted(target.url)}")
    else:
        open_parts = {name: value for name, value in conninfo_to_dict(target.url).items() if "password" not in name}
        print(f"  psql {_quoted(make_conninfo(**open_parts))}\n  DATABASE_URL as in {_place(target)}")  # type: ignore[arg-type]


def _place(target: DatabaseUrl) -> str:
    return "the environment" if target.source == "DATABASE_URL" else target.source


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _line(finding: checks.Finding) -> str:
    return f"{'✓' if finding.good else '✗'} {finding.check}: {finding.detail}"
