"""Run an embedded PostgreSQL for a test run: prints its URL, and stops and removes it when stdin ends.

A test run that is killed closes the pipe, so no server is left behind. The line "keep" lets it live for a while
after the run, for someone to look at the databases of failed tests.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from mathison_data.embedded import EmbeddedServer

KEEP_SECONDS = 15 * 60
# The data is thrown away: nothing needs to survive a crash.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "200"}


def main(directory: Path, binaries: Path | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server = EmbeddedServer(directory, binaries=binaries, settings=FAST)
    try:
        print(server.start(), flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # hold no pipe of whoever waits for the test run to end
        if sys.stdin.read().strip() == "keep":
            time.sleep(KEEP_SECONDS)
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
