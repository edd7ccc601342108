"""Docker tests run where an engine has the image; MATHISON_TEST_DOCKER=required turns a skip into a failure."""

from __future__ import annotations

import os

import pytest

IMAGE = "pgvector/pgvector:pg18"

# The image that cleans up after a killed run cannot be had everywhere; these tests clean up themselves.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/docker" in item.path.as_posix():
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Skip unless an engine answers and has the image."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.images.get(IMAGE)
        client.close()
    except DockerException as error:
        reason = f"no Docker engine with the image {IMAGE}: {error}"
        if os.environ.get("MATHISON_TEST_DOCKER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
