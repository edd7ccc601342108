"""Reads a directory of migrations, and refuses what must not run before anything runs.

A migration is NNNN_verb_object.sql with NNNN_verb_object.rollback.sql beside it, plain SQL in UTF-8. Two directives may
stand in the `--` lines at the top: `-- depends: <id>` and `-- transactional: false`; a rollback file has its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mathison_data.errors import MigrationError, MigrationFileError
from mathison_data.migrations import rules
from mathison_data.migrations.statements import Scan, SplitError, scan

ROLLBACK_SUFFIX = ".rollback.sql"
_NAME = re.compile(r"[0-9]{4}(_[a-z0-9]+)+")
_DIRECTIVE = re.compile(r"--\s*(transactional|depends)\s*:(.*)", re.IGNORECASE | re.DOTALL)


class Statement(NamedTuple):
    """A statement as it is sent to the server, and the line of the file on which it begins."""

    line: int
    sql: str


@dataclass(frozen=True)
class Script:
    """One file, ready to run. `checksum` is the SHA-256 of its bytes, with line ends made newlines, in hex."""

    path: Path
    checksum: str
    transactional: bool
    statements: list[Statement]
    depends: frozenset[str]


@dataclass(frozen=True)
class File:
    """A migration: the script that applies it, and the one that rolls it back."""

    id: str
    up: Script
    down: Script

    @property
    def path(self) -> Path:
        """The file that applies it."""
        return self.up.path

    @property
    def rollback_path(self) -> Path:
        """The file that rolls it back."""
        return self.down.path

    @property
    def checksum(self) -> str:
        """The checksum of the file that applies it."""
        return self.up.checksum

    @property
    def transactional(self) -> bool:
        """Whether it is applied in a transaction."""
        return self.up.transactional

    @property
    def statements(self) -> list[Statement]:
        """What applies it."""
        return self.up.statements


def read(source: Path) -> list[File]:
    """Read all migrations of a directory, in order.

    Raises MigrationError when there are none, MigrationFileError with every finding when one must not run.
    """
    if not source.is_dir():
        raise MigrationError(f"{source} is no directory: where are the migrations?")
    names = sorted(path.name for path in source.iterdir() if path.suffix in (".sql", ".py") and path.is_file())
    if not names:
        raise MigrationError(f"{source} holds no migrations: is it the right directory?")
    findings = list(_names(source, names))
    files = []
    for name in names:
        if name.endswith(ROLLBACK_SUFFIX) or not name.endswith(".sql"):
            continue
        up = source / name
        down = up.with_suffix(ROLLBACK_SUFFIX)
        scripts = [_script(path, findings) for path in (up, down) if path.is_file()]
        if len(scripts) == 2 and scripts[0] and scripts[1]:
            files.append(File(up.stem, scripts[0], scripts[1]))
    if not findings:
        findings.extend(_depends(files))
    if findings:
        raise MigrationFileError("\n".join(findings))
    return files


def _names(source: Path, names: list[str]) -> Iterator[str]:
    """Find files that would be run in an order, or left out in a way, that nobody means."""
    numbers: dict[str, str] = {}
    for name in names:
        path = source / name
        stem = name.removesuffix(ROLLBACK_SUFFIX).removesuffix(path.suffix)
        if path.suffix == ".py":
            yield f"{path}: migrations are plain SQL, so that they can be reviewed and checked: write it as .sql"
        elif not _NAME.fullmatch(stem):
            yield f"{path}: the name must be like 0042_add_recipe_rating.sql, four digits and then small letters"
        elif name.endswith(ROLLBACK_SUFFIX):
            if f"{stem}.sql" not in names:
                yield f"{path}: there is no {stem}.sql that it would roll back"
        else:
            if (other := numbers.setdefault(stem[:4], name)) != name:
                yield f"{path}: {other} has the same number: give this one the next that is free"
            if f"{stem}{ROLLBACK_SUFFIX}" not in names:
                yield f"{path}: there is no {stem}{ROLLBACK_SUFFIX}: write one, if only to raise an exception"


def _script(path: Path, findings: list[str]) -> Script | None:
    """Read one file; adds to the findings what is wrong with it."""
    data = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        text = data.decode("utf-8")
        if problem := rules.not_plain_text(text):
            raise SplitError(*problem)
        found = scan(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.append(f"{path}:{line}: not UTF-8: save it as UTF-8")
        return None
    except SplitError as error:
        end = "" if ":" in error.what else " never ends"
        findings.append(f"{path}:{error.line}: {error.what}{end}")
        return None
    problems: list[tuple[int, str]] = []
    directives = _directives(found, problems)
    transactional = directives.get("transactional", "true") == "true"
    problems.extend(rules.check(found, transactional))
    findings.extend(f"{path}:{line}: {problem}" for line, problem in sorted(problems))
    return Script(
        path=path,
        checksum=hashlib.sha256(data).hexdigest(),
        transactional=transactional,
        statements=[Statement(statement.line, statement.sql) for statement in found.statements],
        depends=frozenset(directives.get("depends", "").split()),
    )


def _directives(found: Scan, problems: list[tuple[int, str]]) -> dict[str, str]:
    """Return the directives; one in the wrong place would be ignored in silence, so it is a finding."""
    directives: dict[str, str] = {}
    for number, (line, comment) in enumerate(found.line_comments):
        match = _DIRECTIVE.fullmatch(comment)
        if not match:
            continue
        name, value = match.groups()
        if number >= found.leading:
            problems.append((line, f"`-- {name}:` counts only in the comment lines at the top of the file: move it"))
        elif name != name.lower():
            problems.append((line, f"write `-- {name.lower()}:` in small letters"))
        elif name == "transactional" and value not in (" true", " false"):
            problems.append((line, "write `-- transactional: false`, with nothing after it, or leave the line away"))
        elif name == "transactional" and name in directives:
            problems.append((line, "there is a `-- transactional:` line already"))
        else:
            directives[name] = f"{directives.get(name, '')} {value}".strip()
    return directives


def _depends(files: Iterable[File]) -> Iterator[str]:
    """Find dependencies that the order of the files does not keep."""
    before: set[str] = set()
    for file in files:
        for name in sorted(file.up.depends - before):
            yield f"{file.path}: depends on {name}, which does not come before it"
        before.add(file.id)
