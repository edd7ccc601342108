"""How long migrations take, beside `psql -1` on the same files, in the same run on the same server.

    python benchmarks/migrate.py [--rounds 5]

Prints a table: the median, the ratio to psql, and the spread. The server is an embedded one of its own with the
settings that a deployment has (fsync on).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from mathison_data import migrations
from mathison_data.embedded import EmbeddedServer, programs
from mathison_data.migrations.backend import Backend
from mathison_data.migrations.options import Options
from mathison_data.settings import parse_url


def thirty_files(directory: Path) -> Path:
    """Write 30 migrations of the usual kind: a table with a foreign key, a trigger, an index and comments each."""
    directory.mkdir()
    for number in range(1, 31):
        before = f"thing_{number - 1}" if number > 1 else "thing_1"
        (directory / f"{number:04}_create_thing.sql").write_text(
            "SET LOCAL lock_timeout = '2s';\nSET LOCAL statement_timeout = '30s';\n"
            f"CREATE TABLE thing_{number} (\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
            f"  other_id bigint REFERENCES {before} (id),\n  name text NOT NULL,\n"
            "  created_at timestamptz NOT NULL DEFAULT now()\n);\n"
            f"CREATE INDEX thing_{number}_name_idx ON thing_{number} (name);\n"
            f"CREATE FUNCTION touch_{number}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n"
            f"CREATE TRIGGER touch BEFORE UPDATE ON thing_{number} FOR EACH ROW EXECUTE FUNCTION touch_{number}();\n"
            f"COMMENT ON TABLE thing_{number} IS 'One of thirty.';\n"
            f"COMMENT ON COLUMN thing_{number}.name IS 'What it is called; not unique.';\n"
        )
        (directory / f"{number:04}_create_thing.rollback.sql").write_text(
            f"DROP TABLE thing_{number};\nDROP FUNCTION touch_{number}();\n"
        )
    return directory


def ten_thousand_statements(directory: Path) -> Path:
    """Write one migration of 10,000 statements."""
    directory.mkdir()
    (directory / "0001_fill_many.sql").write_text(
        "CREATE TABLE many (id int, name text, body jsonb);\n"
        + "".join(f"INSERT INTO many VALUES ({n}, 'the {n}th; of many', '{{\"n\": {n}}}');\n" for n in range(9_999))
    )
    (directory / "0001_fill_many.rollback.sql").write_text("DROP TABLE many;\n")
    return directory


def in_process(url: str, directory: Path) -> None:
    """Apply by the backend."""
    backend = Backend.of(parse_url(url, "benchmark"), Options())
    with backend, backend.lock():
        backend.apply_migrations(backend.to_apply(migrations.read(directory)))


def by_yoyo(url: str, directory: Path) -> None:
    """Apply by the command, with the start of Python in the figure."""
    yoyo = str(Path(sys.executable).with_name("yoyo"))
    command = [yoyo, "apply", "--no-config-file", "--database", "mathison://", str(directory)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"DATABASE_URL": url})


def by_psql(url: str, directory: Path, *, one_transaction: bool) -> None:
    """Apply by psql -1: all files in one transaction, or each in its own, as a migration is."""
    psql = [str(programs() / "psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", url]
    files = sorted(str(path) for path in directory.glob("*.sql") if ".rollback" not in path.name)
    for group in [files] if one_transaction else [[file] for file in files]:
        subprocess.run([*psql, *(word for file in group for word in ("-f", file))], check=True, capture_output=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    rounds = parser.parse_args().rounds
    scratch = Path(tempfile.mkdtemp(prefix="mathison-benchmark-"))
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  the lines of progress
    server = EmbeddedServer(scratch / "server")
    server.start()
    ways: dict[str, Callable[[str, Path], None]] = {
        "psql -1, all files": lambda url, files: by_psql(url, files, one_transaction=True),
        "psql -1, each file": lambda url, files: by_psql(url, files, one_transaction=False),
        "backend, in process": in_process,
        "yoyo apply": by_yoyo,
    }
    workloads = {
        "our own migrations": migrations.directory(),
        "30 files": thirty_files(scratch / "thirty"),
        "10,000 statements": ten_thousand_statements(scratch / "many"),
    }
    try:
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            for workload, directory in workloads.items():
                times: dict[str, list[float]] = {way: [] for way in ways}
                for _ in range(rounds):
                    for way, apply in ways.items():  # in turn, so that a busy machine slows all alike
                        admin.execute("DROP DATABASE IF EXISTS measured WITH (FORCE)")
                        admin.execute("CREATE DATABASE measured TEMPLATE template0")
                        started = time.perf_counter()
                        apply(server.url("measured"), directory)
                        times[way].append(time.perf_counter() - started)
                base = statistics.median(times["psql -1, all files"])
                print(f"\n{workload}")
                for way, taken in times.items():
                    middle = statistics.median(taken)
                    print(
                        f"  {way:<20} {middle * 1000:8.0f} ms   {middle / base:5.2f} times"
                        f"   ({min(taken) * 1000:.0f} to {max(taken) * 1000:.0f})"
                    )
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
