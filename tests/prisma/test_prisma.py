"""Prisma Client 7 itself against the database, as the platform's TypeScript services use it.

The checks are in compatibility.mjs. This file gets the client from the npm registry, once for each version of the
files that say what to get, and runs them.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.prisma

SOURCES = Path(__file__).resolve().parent
CACHE = SOURCES.parents[1] / ".mathison"
SCHEMAS = ("schema.prisma", "database-defaults.prisma")
SCRIPT = "compatibility.mjs"

# What Prisma 7 asks of Node: ^20.19, ^22.12 or from 24.0 on.
OLDEST_MINOR = {20: 19, 22: 12}
OLDEST_OTHER_MAJOR = 24

# What npm says when there is no network, as opposed to something wrong with what was asked for.
NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED"
)


def run(
    command: Sequence[str], directory: Path, timeout: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"{' '.join(command)}: not done after {timeout:.0f} seconds")


def output(done: subprocess.CompletedProcess[str]) -> str:
    return f"{done.stdout}\n{done.stderr}".strip()


def find(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed: Prisma Client needs Node.js and npm")
    return path


def node_can_run_prisma(version: str) -> bool:
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return minor >= OLDEST_MINOR[major] if major in OLDEST_MINOR else major >= OLDEST_OTHER_MAJOR


def install(directory: Path, node: str, npm: str) -> None:
    """Get Prisma from the npm registry and generate the clients, into a directory that is not there yet."""
    directory.mkdir(parents=True)
    for name in ("package.json", *SCHEMAS):
        shutil.copyfile(SOURCES / name, directory / name)

    # Scripts of packages are left out, because those of Prisma download programs that the client does not need.
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--no-update-notifier")
    # Without a network npm would go on trying for minutes.
    patience = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
    done = run((npm, "install", *quiet, *patience), directory, timeout=600)
    if done.returncode != 0:
        if NO_NETWORK.search(output(done)):
            pytest.skip("npm cannot reach its registry, so there is no Prisma Client to test with")
        pytest.fail(f"npm install failed:\n{output(done)}")

    for schema in SCHEMAS:
        # The command wants its schema engine there at every start and would download it, though "generate" has no
        # use for it: it is content with the path of any file.
        done = run(
            (node, "node_modules/prisma/build/index.js", "generate", "--schema", schema),
            directory,
            timeout=120,
            environment={"PRISMA_SCHEMA_ENGINE_BINARY": node, "CHECKPOINT_DISABLE": "1"},
        )
        if done.returncode != 0:
            pytest.fail(f"prisma generate --schema {schema} failed:\n{output(done)}")


@pytest.fixture(scope="session")
def prisma_directory() -> Path:
    """A directory with Prisma Client, generated for our schema, and the script of checks."""
    node, npm = find("node"), find("npm")
    version = run((node, "--version"), SOURCES, timeout=30).stdout.strip()
    if not node_can_run_prisma(version):
        pytest.skip(f"Node.js {version} is too old for Prisma 7")

    digest = hashlib.sha256()
    for name in ("package.json", *SCHEMAS):
        digest.update((SOURCES / name).read_bytes())
    directory = CACHE / f"prisma-{digest.hexdigest()[:16]}"
    CACHE.mkdir(exist_ok=True)

    # Two runs of the tests may get here at once: the second waits, and finds it done. A directory that a killed run
    # left behind half made has no mark of being complete.
    with (CACHE / f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = directory / "complete"
        if not complete.exists():
            shutil.rmtree(directory, ignore_errors=True)
            install(directory, node, npm)
            complete.touch()
        # The script may have changed since; another run may be reading it, so it is replaced at one stroke.
        copy = directory / f"{SCRIPT}.new"
        shutil.copyfile(SOURCES / SCRIPT, copy)
        copy.replace(directory / SCRIPT)
    return directory


# The directory is named first, so that no database is made for a test that is going to be skipped.
def test_prisma_client(prisma_directory: Path, database_url: str) -> None:
    done = run((find("node"), SCRIPT), prisma_directory, timeout=300, environment={"DATABASE_URL": database_url})
    lines = done.stdout.splitlines()
    print(done.stdout)
    failures = [line for line in lines if line.startswith("FAIL ")]
    passes = [line for line in lines if line.startswith("ok ")]
    if failures:
        checks = len(passes) + len(failures)
        pytest.fail("\n".join([f"{len(failures)} of {checks} checks failed:", *failures]), pytrace=False)
    assert done.returncode == 0, f"the checks ended with {done.returncode}:\n{output(done)}"
    # The last line tells that the script came to its end, and did not merely stop.
    assert passes
    assert lines[-1] == f"{len(passes)} checks, 0 failed"
