"""What a query costs beside bare psycopg: one command, a table of ratios.

    python benchmarks/client.py [--rounds 40]

Works on a scratch database on the server of DATABASE_URL, else on an embedded server that it starts and removes. Bare
psycopg means: the same SQL, on a psycopg_pool of its own with the same connections, rows as tuples and JSON left as
text. Measured in rounds that take turns, so that a slow moment of the machine meets everyone; the table has medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from mathison_data import migrations
from mathison_data.aio import db as aio_db
from mathison_data.aio.queries import recipes as aio_recipes
from mathison_data.database import db
from mathison_data.embedded import EmbeddedServer
from mathison_data.migrations.backend import Backend
from mathison_data.queries import recipes
from mathison_data.records import RecipeStatus, RecipeTier
from mathison_data.settings import parse_url

SEEDS = Path(__file__).parents[1] / "seeds"
RECIPES = 1000
LOOK_UPS_A_ROUND = 50
LIMITS = {"look-up": 1.3, "list of 1,000": 3.0}
SLUG = "recipe-500"


@contextmanager
def scratch_database(given: str) -> Iterator[str]:
    """Make a migrated database that is dropped at the end."""
    directory = Path(tempfile.mkdtemp(prefix="mathison-bench-"))
    server = None if given else EmbeddedServer(directory, settings={"fsync": "off"}, say=print)
    try:
        base = parse_url(given, "DATABASE_URL").url if server is None else server.start()
        name = f"mathison_bench_{uuid4().hex[:8]}"
        url = urlunsplit(urlsplit(base)._replace(path=f"/{name}"))
        with psycopg.connect(base, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
            try:
                backend = Backend.of(parse_url(url, "benchmark"))
                with backend, backend.lock():
                    backend.apply_migrations(backend.to_apply(migrations.read()))
                yield url
            finally:
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def fill() -> None:
    """Write the catalog's own recipes again and again, each time under another slug."""
    catalog = [tomllib.loads(file.read_text()) for file in sorted(SEEDS.glob("*.toml"))]
    for number in range(RECIPES):
        fields: dict[str, Any] = catalog[number % len(catalog)] | {"slug": f"recipe-{number}"}
        fields["tier"], fields["status"] = RecipeTier(fields["tier"]), RecipeStatus(fields["status"])
        recipes.create(db, **fields)
        if number % 250 == 249:
            print(f"  {number + 1} recipes written", flush=True)
    with db.connection() as connection:
        connection.execute("VACUUM ANALYZE recipes")


def leave_json(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Leave JSON as text, as the bare client reads it."""
    connection.adapters.register_loader("jsonb", TextLoader)


async def leave_json_async(connection: psycopg.AsyncConnection[Any]) -> None:
    """Do the same where it is awaited."""
    leave_json(connection)


LOOK_UP = recipes._GET_BY_SLUG.sql  # the bare client runs the very same text
LIST = recipes._LIST_PUBLISHED.sql
LIST_ALL_OF_THEM = {"limit": RECIPES, "after_display_name": None, "after_id": None, "category": None, "tag": None}
Work = Callable[[int], None]


def sync_cases(pool: ConnectionPool[psycopg.Connection[Any]]) -> dict[str, tuple[Work, Work]]:
    """Return each case as bare psycopg does it and as the client does it."""

    def bare_look_up(repeat: int) -> None:
        for _ in range(repeat):
            with pool.connection() as connection:
                assert connection.execute(LOOK_UP, {"slug": SLUG}).fetchone()

    def look_up(repeat: int) -> None:
        for _ in range(repeat):
            assert recipes.get_by_slug(db, slug=SLUG)

    def bare_list(_: int) -> None:
        with pool.connection() as connection:
            assert len(connection.execute(LIST, LIST_ALL_OF_THEM).fetchall()) == RECIPES

    def list_(_: int) -> None:
        assert len(recipes.list_published(db, limit=RECIPES)) == RECIPES

    return {"look-up": (bare_look_up, look_up), "list of 1,000": (bare_list, list_)}


def async_cases(
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]], runner: asyncio.Runner
) -> dict[str, tuple[Work, Work]]:
    """Return the same cases with asyncio."""

    async def bare_look_up(repeat: int) -> None:
        for _ in range(repeat):
            async with pool.connection() as connection:
                assert await (await connection.execute(LOOK_UP, {"slug": SLUG})).fetchone()

    async def look_up(repeat: int) -> None:
        for _ in range(repeat):
            assert await aio_recipes.get_by_slug(aio_db, slug=SLUG)

    async def bare_list(_: int) -> None:
        async with pool.connection() as connection:
            assert len(await (await connection.execute(LIST, LIST_ALL_OF_THEM)).fetchall()) == RECIPES

    async def list_(_: int) -> None:
        assert len(await aio_recipes.list_published(aio_db, limit=RECIPES)) == RECIPES

    def run(work: Callable[[int], Any]) -> Work:
        return lambda repeat: runner.run(work(repeat))

    return {
        "look-up, async": (run(bare_look_up), run(look_up)),
        "list of 1,000, async": (run(bare_list), run(list_)),
    }


def measure(cases: dict[str, tuple[Work, Work]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return for each case the medians of both ways, in microseconds."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in cases}
    for number in range(-3, rounds):  # the first are for warming up
        for name, ways in cases.items():
            repeat = LOOK_UPS_A_ROUND if name.startswith("look-up") else 1
            for way in (0, 1) if number % 2 else (1, 0):
                start = time.perf_counter()
                ways[way](repeat)
                if number >= 0:
                    times[name][way].append((time.perf_counter() - start) / repeat * 1e6)
        if sys.stderr.isatty():
            print(f"\r  round {max(number + 1, 0)} of {rounds}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return {name: (statistics.median(bare), statistics.median(ours)) for name, (bare, ours) in times.items()}


def run(url: str, rounds: int) -> bool:
    """Measure on a migrated database and print the table; return whether every ratio is within its limit."""
    arguments = {"autocommit": True}
    db.configure(url=url, min_size=1, max_size=2)
    aio_db.configure(url=url, min_size=1, max_size=2)
    print(f"writing {RECIPES} recipes", flush=True)
    fill()
    print(f"measuring, {rounds} rounds", flush=True)
    with (
        asyncio.Runner() as runner,
        ConnectionPool(url, kwargs=arguments, configure=leave_json, min_size=1, max_size=2, open=True) as pool,
    ):
        async_pool = AsyncConnectionPool(
            url, kwargs=arguments, configure=leave_json_async, min_size=1, max_size=2, open=False
        )
        runner.run(async_pool.open())
        results = measure(sync_cases(pool) | async_cases(async_pool, runner), rounds)
        runner.run(async_pool.close())
        runner.run(aio_db.close())
    db.close()
    print(f"\n{'':22}{'bare psycopg':>14}{'mathison_data':>15}{'ratio':>8}{'limit':>8}")
    good = True
    for name, (bare, ours) in results.items():
        limit = LIMITS[name.removesuffix(", async")]
        good = good and ours / bare <= limit
        print(f"{name:22}{bare / 1000:>11.3f} ms{ours / 1000:>12.3f} ms{ours / bare:>8.2f}{limit:>8.1f}")
    return good


def main() -> int:
    """Run from the command line; exit code 1 when a ratio is beyond its limit."""
    parser = argparse.ArgumentParser(description="What a query costs beside bare psycopg.")
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    with scratch_database(os.environ.get("DATABASE_URL", "").strip()) as url:
        return 0 if run(url, rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
