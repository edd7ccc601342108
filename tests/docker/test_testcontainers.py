"""The tests of the database, run on a server in a container: the third server, and the way of a given URL as well."""

from __future__ import annotations

import os
import subprocess
import sys

from databases import ROOT
from testcontainers.community.postgres import PostgresContainer

# What the database itself does; how a run dies or a plan is made does not depend on where the server is.
TESTS = [
    *(f"tests/migrations/test_{name}.py" for name in ("baseline", "cuid", "up_and_down", "yoyo")),
    *(f"tests/integration/test_{name}.py" for name in ("checks", "seeding")),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/integration/test_queries_*.py")),
]


def test_the_database_tests_pass_on_a_server_in_a_container() -> None:
    container = PostgresContainer(
        "pgvector/pgvector:pg18", username="mathison", password="mathison", dbname="mathison", driver=None
    )
    with container:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "test_server", *TESTS],
            cwd=ROOT,
            env=os.environ | {"MATHISON_TEST_DATABASE_URL": container.get_connection_url(), "CI": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
    print(done.stdout)
    assert done.returncode == 0, done.stdout
