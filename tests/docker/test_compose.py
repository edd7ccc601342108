"""docker-compose.yml itself, started for real."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import ROOT

URL = "postgresql://mathison:mathison@localhost:5432/mathison"


class Compose:
    """One project of the compose file, under a name of its own."""

    def __init__(self) -> None:
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        program = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]
        if not shutil.which(program[0]):
            pytest.skip("neither docker compose nor docker-compose is installed")
        self.name = f"mathison-test-{uuid.uuid4().hex[:8]}"
        self.command = [*program, "-f", str(ROOT / "docker-compose.yml"), "-p", self.name]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def inspect(self) -> dict[str, object]:
        container = self("ps", "-q", "postgres")
        output = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True).stdout
        found: dict[str, object] = json.loads(output)[0]
        return found

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + 90
        while (status := self.inspect()["State"]["Health"]["Status"]) != "healthy":  # type: ignore[index]
            assert time.monotonic() < deadline, status
            time.sleep(0.1)


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 5432)) == 0:
            reason = "port 5432, which the compose file publishes, is in use"
            if os.environ.get("MATHISON_TEST_DOCKER") == "required":
                pytest.fail(reason)
            pytest.skip(reason)
    project = Compose()
    try:
        project("up", "-d")
        yield project
    finally:
        project("down", "-v", "--timeout", "20")


def up(directory: Path) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("mathison-data"))
    return subprocess.run(
        [program, "up"],
        cwd=directory,
        env=os.environ | {"DATABASE_URL": URL},
        capture_output=True,
        text=True,
        check=False,
    )


def test_healthy_means_that_it_takes_connections_and_up_works(compose: Compose, tmp_path: Path) -> None:
    compose.wait_until_healthy()
    psycopg.connect(URL, connect_timeout=2).close()  # at once, with no second try
    done = up(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mathison:mathison" not in done.stdout + done.stderr


def test_it_is_published_to_this_machine_alone(compose: Compose) -> None:
    ports = compose.inspect()["NetworkSettings"]["Ports"]  # type: ignore[index]
    assert ports == {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5432"}]}


def test_shared_memory_is_enough_for_parallel_index_builds(compose: Compose) -> None:
    assert compose.inspect()["HostConfig"]["ShmSize"] >= 1 << 30  # type: ignore[index]


def test_data_survives_down_and_up(compose: Compose, tmp_path: Path) -> None:
    compose.wait_until_healthy()
    assert up(tmp_path).returncode == 0
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute("INSERT INTO tenants (slug, name, namespace) VALUES ('kept', 'Kept', 'tenant-kept')")
    compose("down", "--timeout", "20")
    compose("up", "-d")
    compose.wait_until_healthy()
    with psycopg.connect(URL) as connection:
        assert connection.execute("SELECT name FROM tenants WHERE slug = 'kept'").fetchone() == ("Kept",)
