"""Each case is a directory: query files and what comes of them, the exact modules (`*.expected`) or messages (`error`).

A case may bring a schema.sql of its own; without one it has that of the migrations.
`UPDATE_GOLDEN=1 pytest tests/codegen` writes what comes out, to be read before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from databases import database

from mathison_data.codegen import Project, described_files
from mathison_data.codegen.findings import Source
from mathison_data.codegen.queryfile import read
from mathison_data.documents import JSON_COLUMNS
from mathison_data.errors import GenerateError

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, server_url: str, migrated_template: str) -> None:
    schema = case / "schema.sql"
    with (
        database(server_url, "template0" if schema.exists() else migrated_template) as (url, _),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        if schema.exists():
            connection.execute(schema.read_bytes())
        produced = _produced(case, Project(case, {} if schema.exists() else JSON_COLUMNS, "."), connection)
    expected = {path.name: path.read_text() for path in case.iterdir() if path.suffix in (".expected", "")}
    if os.environ.get("UPDATE_GOLDEN"):
        for name in expected.keys() - produced.keys():
            (case / name).unlink()
        for name, text in produced.items():
            (case / name).write_text(text)
        return
    assert produced == expected


def _produced(case: Path, project: Project, connection: psycopg.Connection) -> dict[str, str]:
    """Return what comes of a case, by the name of the file that holds it."""
    sources = sorted(path for path in case.glob("*.sql") if path.name != "schema.sql")
    files = [(path.name, read(path.stem, Source(path.name, path.read_text()))) for path in sources]
    try:
        described = described_files(project, connection, files)
    except GenerateError as error:
        return {"error": f"{error}\n"}
    wanted = {"./records.py"} if (case / "schema.sql").exists() else set()
    wanted |= {f"./{package}queries/{path.stem}.py" for path in sources for package in ("", "aio/")}
    return {path[2:].replace("/", ".") + ".expected": text for path, text in described.items() if path in wanted}
