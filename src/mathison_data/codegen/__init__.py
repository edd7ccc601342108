"""Generates the typed client: every query of sql/queries is described by a migrated database, and becomes a function.

`generate` is what the command line calls; `-- name:` and the rest of the grammar is told in queryfile.py.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from mathison_data.codegen.checks import Checker, Field, Function, migration_finding, row_class
from mathison_data.codegen.describe import Catalog, DescribeError, describe, plan, read_catalog
from mathison_data.codegen.findings import Finding, Source
from mathison_data.codegen.naming import member_name, record_name
from mathison_data.codegen.queryfile import Query, QueryFile, read
from mathison_data.codegen.refusals import finding
from mathison_data.codegen.render import (
    MARK,
    Enum,
    Record,
    aio_module,
    package_module,
    queries_module,
    records_module,
)
from mathison_data.codegen.scratch import scratch_database
from mathison_data.codegen.statement import numbered, runnable
from mathison_data.codegen.types import JsonColumns, JsonParameters
from mathison_data.errors import ConfigError, GenerateError

_DIFF_LINES = 30


@dataclass(frozen=True)
class Project:
    """A checkout: where it is, and the shapes of its JSON columns and parameters."""

    root: Path
    json_columns: JsonColumns
    package: str = "src/mathison_data"
    json_parameters: JsonParameters = field(default_factory=dict)

    @property
    def migrations(self) -> Path:
        """The directory of the migrations."""
        return self.root / "sql" / "migrations"

    def query_files(self) -> list[Path]:
        """Return the query files, in order."""
        return sorted((self.root / "sql" / "queries").glob("*.sql"))


def this_project() -> Project:
    """Return the checkout that this package is in. Raises ConfigError when it is an installed wheel."""
    from mathison_data.documents import JSON_COLUMNS, JSON_PARAMETERS

    root = Path(__file__).parents[3]
    if not (root / "sql" / "queries").is_dir():
        raise ConfigError("generate works in a checkout: there is no sql/queries beside this package")
    return Project(root, JSON_COLUMNS, json_parameters=JSON_PARAMETERS)


def generate(url: str | None, *, check: bool, say: Callable[[str], None]) -> int:
    """Generate records.py, queries/ and aio/queries/, or with `check` compare them with what is there.

    `url` is a server to make the scratch database on; None for an embedded one. Returns the exit code: 0 good,
    1 when a query has a fault (nothing is written then) or when `check` finds a difference. `say` takes the lines.
    """
    started = time.monotonic()
    project = this_project()
    try:
        files = generated_files(project, url, say)
        changed = differences(project, files) if check else write(project, files)
    except GenerateError as error:
        say(str(error))
        return 1
    seconds = time.monotonic() - started
    if check and changed:
        for line in changed:
            say(line)
        say("the generated code is stale: run mathison-data generate, and commit what it writes")
        return 1
    state = "are as generated" if check else f"generated, {len(changed)} changed"
    say(f"{len(files)} files {state} ({seconds:.1f} s)")
    return 0


def generated_files(project: Project, url: str | None, say: Callable[[str], None]) -> Mapping[str, str]:
    """Return the text of each generated file, by its path in the checkout. Raises GenerateError with all findings."""
    found: list[Finding] = []
    query_files = []
    for path in project.query_files():
        shown = path.relative_to(project.root).as_posix()
        try:
            source = Source(shown, path.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            found.append(Finding(shown, 1, 1, f"this is not UTF-8 ({error.reason})", "Save it as UTF-8"))
            continue
        query_files.append((shown, read(path.stem, source)))
    with scratch_database(url, project.migrations, say) as connection:
        say(f"describing {sum(len(file.queries) for _, file in query_files)} queries")
        return described_files(project, connection, query_files, found)


def described_files(
    project: Project,
    connection: psycopg.Connection,
    query_files: Sequence[tuple[str, QueryFile]],
    found: Sequence[Finding] = (),
) -> Mapping[str, str]:
    """Return the text of each generated file, from the queries by their paths. Raises GenerateError with all findings.

    `found` are findings from before, told together with those that are made here.
    """
    found = list(found)
    catalog = read_catalog(connection)
    checker = Checker(catalog, project.json_columns, project.json_parameters)
    files = {f"{project.package}/records.py": _records(checker, found)}
    for directory, summary in (
        ("queries", "The queries, one module for each file of sql/queries."),
        ("aio/queries", "The queries to be awaited, under the same names as in mathison_data.queries."),
    ):
        files[f"{project.package}/{directory}/__init__.py"] = package_module(summary)
    for path, file in query_files:
        found += file.findings
        functions = []
        for query in file.queries:
            result = _function(query, connection, checker)
            if isinstance(result, Function):
                functions.append(result)
            else:
                found += result
        found += _row_class_findings(functions, checker.class_names)
        about = (file.module, path, file.description, functions)
        files[f"{project.package}/queries/{file.module}.py"] = queries_module(*about)
        files[f"{project.package}/aio/queries/{file.module}.py"] = aio_module(*about)
    found += _unknown_parameters(project.json_parameters, [file for _, file in query_files])
    if found:
        raise GenerateError("\n".join(str(one) for one in sorted(set(found))))
    return files


def _row_class_findings(functions: Sequence[Function], taken: Sequence[str]) -> list[Finding]:
    """Find queries of one module whose rows would be of one class, or of one that is a table's or an enum's."""
    found = []
    owners = dict.fromkeys(taken, "a table or an enum")
    for function in (function for function in functions if function.fields):
        query, name = function.query, row_class(function.query)
        if owners.setdefault(name, query.name) != query.name:
            what = f"the rows of {query.name} would be class {name}, which is that of {owners[name]}"
            found.append(query.finding(what, "Rename the query", query.offset))
    return found


def _function(query: Query, connection: psycopg.Connection, checker: Checker) -> Function | list[Finding]:
    """Describe a query twice: as it is written, and with its parameters cast to what that said, as it will run."""
    catalog = checker.catalog
    statement = numbered(query)
    try:
        types = describe(connection, statement.text, catalog).parameters
        pins = {name: found.sql for name, found in zip(query.parameters, types, strict=True)}
        statement = numbered(query, pins)
        description = describe(connection, statement.text, catalog)
    except DescribeError as error:
        return [finding(query, statement, error, catalog)]
    return checker.function(query, runnable(query, pins), description, plan(connection, statement.text))


def _unknown_parameters(json_parameters: JsonParameters, files: Sequence[QueryFile]) -> list[Finding]:
    """Find shapes of parameters that no query has; those of a query with a fault are not looked at."""
    names = {f"{query.full_name}.{name}" for file in files for query in file.queries for name in query.parameters}
    whole = not any(file.findings for file in files)
    return [
        Finding("src/mathison_data/documents.py", 1, 1, f"JSON_PARAMETERS has {name}, which is no parameter")
        for name in json_parameters
        if whole and name not in names
    ]


def _records(checker: Checker, found: list[Finding]) -> str:
    catalog: Catalog = checker.catalog
    for column in checker.json_columns:
        if catalog.column(*column.split(".")) is None:
            found.append(
                Finding("src/mathison_data/documents.py", 1, 1, f"JSON_COLUMNS has {column}, which is no column")
            )
    records = []
    for table in catalog.records:
        fields = checker.record_fields(table)
        found += [problem for problem in fields if isinstance(problem, Finding)]
        good = tuple(field for field in fields if isinstance(field, Field))
        records.append(Record(record_name(table.name), table.comment or f"A row of {table.name}.", good))
    for enum in catalog.enums:
        if len({member_name(label) for label in enum.labels}) < len(enum.labels):
            what = f'enum "{enum.name}" has two values that would be one name in Python'
            found.append(migration_finding(what, "Rename one"))
    names = checker.class_names
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.append(migration_finding(f"two tables or enums would be class {name}", "Rename one"))
    return records_module([Enum(enum.name, enum.labels, enum.comment) for enum in catalog.enums], records)


def differences(project: Project, files: Mapping[str, str]) -> list[str]:
    """Return the lines that tell how the checkout differs from what would be generated; none when it does not."""
    lines = [f"D {path} (no query file makes it)" for path in _leftovers(project, files)]
    for path, text in sorted(files.items()):
        target = project.root / path
        if not target.is_file():
            lines.append(f"A {path} (is missing)")
        elif (committed := target.read_bytes().decode(errors="replace")) != text:
            diff = list(
                difflib.unified_diff(committed.splitlines(), text.splitlines(), path, "generated", n=1, lineterm="")
            )
            lines.append(f"M {path}")
            lines += [f"  {line}" for line in diff[:_DIFF_LINES]]
            lines += [f"  … {len(diff) - _DIFF_LINES} lines more"] if len(diff) > _DIFF_LINES else []
    return lines


def write(project: Project, files: Mapping[str, str]) -> list[str]:
    """Write what has changed, each file as a whole or not at all, and remove what no query file makes any more.

    Returns the paths that changed. Raises GenerateError when a file that was written by hand is in the way.
    """
    leftovers = _leftovers(project, files)
    for path in leftovers:
        if not (project.root / path).read_text().startswith(MARK):
            raise GenerateError(f"{path}:1:1: this was not generated, and no query file makes it. Move it away")
    changed = list(leftovers)
    for path in leftovers:
        (project.root / path).unlink()
    for path, text in files.items():
        target = project.root / path
        if target.is_file() and target.read_bytes() == text.encode():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            part.write_bytes(text.encode())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        changed.append(path)
    return changed


def _leftovers(project: Project, files: Mapping[str, str]) -> list[str]:
    """Return modules among the generated ones that would not be generated."""
    directories = [project.root / project.package / name for name in ("queries", "aio/queries")]
    present = [path.relative_to(project.root).as_posix() for d in directories for path in sorted(d.glob("*.py"))]
    return [path for path in present if path not in files]
