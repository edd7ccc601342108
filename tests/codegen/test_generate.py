"""Generating as a whole: what is committed is current, linted and typed; files are written all or none."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from databases import ROOT

from mathison_data import codegen
from mathison_data.codegen import Project, differences, generate, generated_files, write
from mathison_data.codegen.scratch import scratch_database
from mathison_data.documents import Quota
from mathison_data.errors import GenerateError, MathisonDataError

CASES = Path(__file__).parent / "cases"
QUERY = "-- name: get_name :optional\n-- The name of a tenant.\nSELECT name FROM tenants WHERE id = :id;\n"


def _quiet(_line: str) -> None:
    pass


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Make a checkout of its own with one query."""
    shutil.copytree(ROOT / "sql" / "migrations", tmp_path / "sql" / "migrations")
    (tmp_path / "sql" / "queries").mkdir()
    (tmp_path / "sql" / "queries" / "tenants.sql").write_text(QUERY)
    project = Project(tmp_path, {})
    monkeypatch.setattr(codegen, "this_project", lambda: project)
    return project


def test_what_is_committed_is_current(server_url: str) -> None:
    project = codegen.this_project()
    assert differences(project, generated_files(project, server_url, _quiet)) == []


def test_generating_twice_gives_the_same_bytes(server_url: str) -> None:
    project = codegen.this_project()
    assert generated_files(project, server_url, _quiet) == generated_files(project, server_url, _quiet)


def _laid_out(case: str, package: Path) -> list[Path]:
    """Write a golden case's modules as the modules of a package."""
    written = []
    for expected in (CASES / case).glob("*.expected"):
        *folders, name, _, _ = expected.name.split(".")
        target = package.joinpath(*folders, f"{name}.py")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(expected.read_text())
        written.append(target)
    return written


@pytest.mark.parametrize("case", ["library", "shapes"])
def test_ruff_changes_nothing_and_finds_nothing(tmp_path: Path, case: str) -> None:
    package = tmp_path / "src" / "mathison_data"
    shutil.copytree(ROOT / "src" / "mathison_data", package, ignore=shutil.ignore_patterns("queries"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    files = _laid_out(case, package)
    for command in (["format", "--check", "--diff"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", *map(str, files)]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_finds_nothing(tmp_path: Path) -> None:
    package = tmp_path / "src" / "mathison_data"
    shutil.copytree(ROOT / "src" / "mathison_data", package, ignore=shutil.ignore_patterns("queries"))
    files = _laid_out("library", package)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--explicit-package-bases"]
    done = subprocess.run(
        [*mypy, "--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent", *map(str, files)],
        cwd=tmp_path / "src",
        env={"PATH": "", "MYPYPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_generate_writes_once_and_check_finds_what_is_stale(small: Project, server_url: str) -> None:
    said: list[str] = []
    package = small.root / small.package
    assert generate(server_url, check=True, say=said.append) == 1
    assert f"A {small.package}/queries/tenants.py (is missing)" in said
    assert not package.exists(), "checking writes nothing"
    assert generate(server_url, check=False, say=said.append) == 0
    written = {path: path.stat().st_mtime_ns for path in package.rglob("*.py")}
    assert {path.relative_to(package).as_posix() for path in written} == {
        *("records.py", "queries/__init__.py", "queries/tenants.py"),
        *("aio/queries/__init__.py", "aio/queries/tenants.py"),
    }
    assert generate(server_url, check=False, say=said.append) == 0
    assert {path: path.stat().st_mtime_ns for path in package.rglob("*.py")} == written, (
        "nothing changed, nothing written"
    )
    assert generate(server_url, check=True, say=said.append) == 0

    (small.root / "sql" / "queries" / "tenants.sql").rename(small.root / "sql" / "queries" / "people.sql")
    (package / "records.py").write_text((package / "records.py").read_text().replace("ACTIVE", "ACTIVATED"))
    said.clear()
    assert generate(server_url, check=True, say=said.append) == 1
    listed = [line for line in said if line[:2] in ("A ", "D ", "M ")]
    assert listed == [
        f"D {small.package}/queries/tenants.py (no query file makes it)",
        f"D {small.package}/aio/queries/tenants.py (no query file makes it)",
        f"A {small.package}/aio/queries/people.py (is missing)",
        f"A {small.package}/queries/people.py (is missing)",
        f"M {small.package}/records.py",
    ]
    assert '  -    ACTIVATED = "ACTIVATED"' in said
    assert '  +    ACTIVE = "ACTIVE"' in said
    assert said[-1] == "the generated code is stale: run mathison-data generate, and commit what it writes"
    assert generate(server_url, check=False, say=said.append) == 0
    assert not (package / "queries" / "tenants.py").exists()
    assert generate(server_url, check=True, say=said.append) == 0


def test_nothing_is_written_when_anything_is_wrong(small: Project, server_url: str) -> None:
    (small.root / "sql" / "queries" / "users.sql").write_text("-- name: get :many\nSELECT idd FROM users;\n")
    (small.root / "sql" / "queries" / "latin.sql").write_bytes(b"-- name: get :many\n-- \xe4\nSELECT 1 AS one;\n")
    said: list[str] = []
    assert generate(server_url, check=False, say=said.append) == 1
    assert said[-1].splitlines() == [
        "sql/queries/latin.sql:1:1: this is not UTF-8 (invalid continuation byte). Save it as UTF-8",
        'sql/queries/users.sql:2:8: column "idd" does not exist. Did you mean users.id?',
    ]
    assert not (small.root / small.package).exists()


def test_a_parameter_has_the_shape_that_it_is_given(small: Project, server_url: str) -> None:
    query = "-- name: count_all :one\nSELECT jsonb_array_length(:quotas) AS n;\n"
    (small.root / "sql" / "queries" / "quotas.sql").write_text(query)
    shapes = {"quotas.count_all.quotas": list[Quota]}
    shaped = replace(small, json_columns={"tenants.quota": Quota}, json_parameters=shapes)
    made = generated_files(shaped, server_url, _quiet)[f"{small.package}/queries/quotas.py"]
    assert "def count_all(db: Connectable, *, quotas: Sequence[Quota | Mapping[str, Any]])" in made
    assert '"quotas": execution.jsonb(quotas, list[Quota])' in made
    assert "pydantic.ValidationError when" in made

    (small.root / "sql" / "queries" / "quotas.sql").write_text(
        query.replace("\n", "\n-- @param quotas: tenants.quota\n", 1)
    )
    unknown = replace(shaped, json_parameters={**shapes, "quotas.count_all.quota": Quota})
    with pytest.raises(
        GenerateError, match=r"quotas\.sql:3:27: parameter :quotas: JSON_PARAMETERS tells its shape already"
    ):
        generated_files(shaped, server_url, _quiet)
    with pytest.raises(GenerateError, match=r"JSON_PARAMETERS has quotas\.count_all\.quota, which is no parameter"):
        generated_files(unknown, server_url, _quiet)


def test_a_file_written_by_hand_is_not_removed(small: Project) -> None:
    by_hand = small.root / small.package / "queries" / "mine.py"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("x = 1\n")
    with pytest.raises(GenerateError, match=r"mine\.py:1:1: this was not generated"):
        write(small, {f"{small.package}/queries/a.py": "y = 1\n"})
    assert [path.name for path in by_hand.parent.iterdir()] == ["mine.py"]


def test_a_write_that_fails_leaves_the_old_file(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    target = small.root / small.package / "records.py"
    target.parent.mkdir(parents=True)
    target.write_text("old\n")

    def full(_path: Path, _data: bytes) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        write(small, {f"{small.package}/records.py": "new\n"})
    assert target.read_text() == "old\n"
    assert [path.name for path in target.parent.iterdir()] == ["records.py"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, None])
def test_the_scratch_server_is_gone_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | None
) -> None:
    # Not in tmp_path: each run of pytest bars other accounts from there, and as root the server has another one.
    directory = Path(tempfile.mkdtemp(prefix="mathison-test-"))
    monkeypatch.setattr(tempfile, "tempdir", str(directory))

    def use() -> None:
        with scratch_database(None, ROOT / "sql" / "migrations", _quiet) as connection:
            used.append(connection)
            assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (0,)
            if error:
                raise error

    used: list[psycopg.Connection] = []
    if error:
        with pytest.raises(error):
            use()
    else:
        use()
    assert used[0].closed
    directory.rmdir()  # which fails if anything is left in it


def test_the_scratch_database_on_a_server_is_dropped(server_url: str) -> None:
    with scratch_database(server_url, ROOT / "sql" / "migrations", _quiet) as connection:
        name = connection.info.dbname
    assert name.startswith("mathison_generate_")
    with psycopg.connect(server_url) as connection:
        assert connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchall() == []


def test_a_broken_migration_is_told(small: Project, server_url: str) -> None:
    (small.root / "sql" / "migrations" / "9999_break_it.sql").write_text("SELECT nothing;\n")
    with pytest.raises(MathisonDataError, match=r"9999_break_it\.sql"):
        generate(server_url, check=False, say=_quiet)
