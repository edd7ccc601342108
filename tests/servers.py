"""A PostgreSQL server that one test module has for itself, to stop, to restart and to read the log of."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from mathison_data.embedded import EmbeddedServer

TENANTS = "CREATE TABLE tenants (slug text PRIMARY KEY, name text NOT NULL, namespace text NOT NULL)"


class OwnServer(EmbeddedServer):
    """An embedded server that logs every statement, with a table that the queries by hand write to."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, settings={"log_statement": "all", "log_line_prefix": "%a|", "fsync": "off"})

    def start(self) -> str:
        url = super().start()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TENANTS.replace("TABLE", "TABLE IF NOT EXISTS"))
        return url

    def restart(self) -> None:
        """Stop the server, which ends every connection, and start it again."""
        self.stop()
        self.start()

    def statements(self, application_name: str) -> list[str]:
        """Return all that the server was asked to run by connections of this name, in order."""
        begin = re.escape(application_name) + r"\|LOG:  (?:statement|execute [^:]*): ?(.*)"
        log = re.sub(r"\n\t", " ", self.log.read_text())
        return [found[1] for line in log.splitlines() if (found := re.fullmatch(begin, line))]


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Run a server for the length of a block.

    Not below pytest's directory, which every run of pytest closes to other accounts than its own.
    """
    with tempfile.TemporaryDirectory(prefix="mathison-own-", ignore_cleanup_errors=True) as directory:
        server = OwnServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()
