"""Fixtures that all tests share; databases.py does the work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from databases import Server, database, server_directory, template

# A shell starts what it puts into the background with Ctrl-C ignored, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SERVER = pytest.StashKey[Server]()
_FAILED = pytest.StashKey[bool]()


def _server(config: pytest.Config) -> Server:
    if _SERVER not in config.stash:
        config.stash[_SERVER] = Server()
    return config.stash[_SERVER]


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on the test server, so that a run on another server can leave out the rest."""
    for item in items:
        if "server_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.test_server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed:
        item.stash[_FAILED] = True
    return report  # type: ignore[return-value]


@pytest.fixture(scope="session")
def server_url(pytestconfig: pytest.Config) -> str:
    """URL of a superuser on the test server, in a database that no test changes."""
    server = _server(pytestconfig)
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        reporter.write_line(f"\ntest server: {server.description}")
    return server.url


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> str:
    return template(server_url)


def _one_database(request: pytest.FixtureRequest, server_url: str, template_name: str) -> Iterator[str]:
    with database(server_url, template_name) as (url, keep):
        yield url
        if request.node.stash.get(_FAILED, False) and not os.environ.get("CI"):
            keep.append(url)
            _server(request.config).keep = True
            print(f"\nkept for a look: psql '{url}'{_server(request.config).how_long}")


@pytest.fixture
def database_url(request: pytest.FixtureRequest, server_url: str, migrated_template: str) -> Iterator[str]:
    """A database of this test alone with all migrations applied; kept, with its URL printed, if the test fails."""
    yield from _one_database(request, server_url, migrated_template)


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, server_url: str) -> Iterator[str]:
    """A database of this test alone with nothing in it; kept, with its URL printed, if the test fails."""
    yield from _one_database(request, server_url, "template0")


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to a migrated database of this test alone."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory as the current one, with no DATABASE_URL from outside."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_directory() -> Iterator[Path]:
    """A directory, with a blank in its name, for a test that starts a server of its own."""
    with server_directory() as directory:
        yield directory
