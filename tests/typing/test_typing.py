"""What a type checker tells the author of a service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SERVICE = Path(__file__).with_name("service.py")
BEGIN = """
from mathison_data import db
from mathison_data.aio import db as aio_db
from mathison_data.aio.queries import recipes as aio_recipes
from mathison_data.documents import Quota
from mathison_data.queries import messages, recipes, tenants, users
from mathison_data.records import RecipeStatus, Role
"""
# What is wrong, the line, and what mypy says of it.
MISTAKES = {
    "a wrong argument": ('recipes.get_by_slug(db, slag="x")', "call-arg"),
    "an argument left out": ('tenants.create(db, slug="x", name="x", namespace="x")', "call-arg"),
    "a positional argument": ('recipes.get_by_slug(db, "x")', "call-arg"),
    "the connection left out": ('recipes.get_by_slug(slug="x")', "call-arg"),
    "a wrong type": ("recipes.get(db, id=1)", "arg-type"),
    "text for an enum": ('recipes.set_status(db, slug="x", status="PUBLISHED")', "arg-type"),
    "another enum": ('recipes.set_status(db, slug="x", status=Role.ADMIN)', "arg-type"),
    "None where none is taken": ("recipes.get_by_slug(db, slug=None)", "arg-type"),
    "text for a list": ("recipes.get_many(db, ids=1)", "arg-type"),
    "a document of another column": ('tenants.set_quota(db, id="x", quota=[1])', "arg-type"),
    "None forgotten": ('print(recipes.get_by_slug(db, slug="x").slug)', "union-attr"),
    "None forgotten within a record": ("print(recipes.list_all(db, limit=1)[0].icon_url.upper())", "union-attr"),
    "None forgotten within a document": ("print(Quota().cpu.upper())", "union-attr"),
    "a column that is not there": ("print(recipes.list_all(db, limit=1)[0].name)", "attr-defined"),
    "the embedding, which a record leaves out": ("print(recipes.list_all(db, limit=1)[0].embedding)", "attr-defined"),
    "a key of a document that is not there": ('Quota(cpus="4")', "call-arg"),
    "the async pool for a sync query": ('recipes.get_by_slug(aio_db, slug="x")', "arg-type"),
    "the sync pool for an async query": ('r = aio_recipes.get_by_slug(db, slug="x")', "arg-type"),
    "await forgotten": (
        'async def f() -> None:\n    r = aio_recipes.get_by_slug(aio_db, slug="x")\n    print(r.slug)',
        "attr-defined",
    ),
    "a stream that is not entered": (
        'for m in messages.stream(db, tenant_id="x", conversation_id="x"): pass',
        "attr-defined",
    ),
    "a result that has another type": ('count: str = users.delete(db, tenant_id="x", id="x")', "assignment"),
}


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Check the service and all mistakes in one run; give what was said of each file."""
    directory = tmp_path_factory.mktemp("typing")
    (directory / "service.py").write_text(SERVICE.read_text())
    for number, (line, _) in enumerate(MISTAKES.values()):
        (directory / f"mistake_{number}.py").write_text(f"{BEGIN}\n{line}\n")
    (directory / "mypy.ini").write_text("[mypy]\nstrict = true\n")  # a user's, not that of this repository
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", "cache", "."],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr

    def said_of(name: str) -> str:
        return "\n".join(line for line in done.stdout.splitlines() if line.startswith(f"{name}.py:"))

    return said_of


def test_a_service_passes_as_it_is_written(mypy: Callable[[str], str]) -> None:
    assert mypy("service") == ""


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_found(mypy: Callable[[str], str], what: str) -> None:
    said = mypy(f"mistake_{list(MISTAKES).index(what)}")
    assert f"[{MISTAKES[what][1]}]" in said
    assert said.count("error:") == 1


def test_the_package_says_that_it_is_typed() -> None:
    import mathison_data

    assert (Path(mathison_data.__file__).parent / "py.typed").is_file()
