"""What the linter squawk says of migration files, where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mathison_data.migrations.files import File


def findings(pending: Sequence[File], server_version: int) -> dict[str, list[dict[str, Any]]] | None:
    """Return squawk's findings by the migration's id: line, rule, message, help. None where squawk is not installed."""
    beside = Path(sys.executable).with_name("squawk")
    program = str(beside) if beside.exists() else shutil.which("squawk")
    if program is None:
        return None
    found: dict[str, list[dict[str, Any]]] = {file.id: [] for file in pending}
    for transactional in (True, False):
        group = {str(file.path): file.id for file in pending if file.transactional is transactional}
        if not group:
            continue
        mode = "--assume-in-transaction" if transactional else "--no-assume-in-transaction"
        command = [program, "--reporter", "json", mode, f"--pg-version={server_version // 10000}.0", *group]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for item in json.loads(done.stdout or "[]"):
            found[group[item["file"]]].append(
                {
                    "line": item["line"] + 1,  # squawk counts from 0
                    "rule": item["rule_name"],
                    "message": " ".join(item["message"].split()),
                    "help": " ".join((item["help"] or "").split()),
                }
            )
    return found
