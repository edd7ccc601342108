"""The recipes that the catalog starts with: read from seeds/, checked whole, then added where they are missing.

A curator's change is never overwritten unless `update` asks for it, and a seed that is there already writes nothing.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from mathison_data.documents import (
    AiHints,
    ConfigField,
    Dependency,
    HealthCheck,
    IngressConfig,
    Resources,
    SecretField,
)
from mathison_data.errors import SeedError

Location = tuple[str | int, ...]

# What a file may leave out, as the table's own defaults have it. The rest is there in every complete recipe, the last
# key of the file included, so that one which is cut off anywhere is noticed.
_DEFAULTS: dict[str, Any] = {
    "tags": [],
    "icon_url": None,
    "source_type": "helm",
    "chart_version": None,
    "secrets_schema": {},
    "dependencies": [],
    "ingress_config": {},
}


class RecipeSeed(BaseModel):
    """One seed file: the content columns of a row of recipes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str = Field(min_length=1)
    display_name: str = Field(min_length=1)
    description: str = Field(min_length=1)
    category: str = Field(min_length=1)
    tags: list[str]
    icon_url: str | None
    source_type: str
    chart_url: str = Field(min_length=1)
    chart_version: str | None
    config_schema: dict[str, ConfigField]
    secrets_schema: dict[str, SecretField]
    values_template: str = Field(min_length=1)
    dependencies: list[Dependency]
    ingress_config: IngressConfig
    resource_defaults: Resources
    resource_limits: Resources
    health_check: HealthCheck
    ai_hints: AiHints
    tier: Literal["OFFICIAL", "VERIFIED", "COMMUNITY"]
    status: Literal["DRAFT", "PUBLISHED", "DEPRECATED"]

    @field_validator("ai_hints")
    @classmethod
    def _complete(cls, hints: AiHints) -> AiHints:
        if None in (hints.summary, hints.when_to_suggest, hints.pairs_well_with):
            raise PydanticCustomError("incomplete", "summary, whenToSuggest and pairsWellWith are all needed")
        return hints

    @field_validator("resource_defaults", "resource_limits")
    @classmethod
    def _quantities(cls, resources: Resources) -> Resources:
        for name, quantity in (("cpu", resources.cpu), ("memory", resources.memory)):
            if quantity is not None and not re.fullmatch(r"\d+(\.\d+)?(m|[kMGT]i?)?", quantity):
                raise PydanticCustomError("quantity", f"{name} is no Kubernetes quantity such as 250m or 256Mi")
        return resources

    def columns(self) -> dict[str, Any]:
        """Return the columns as plain values; in the JSON ones the keys that the file has, and no others."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


@dataclass
class Outcome:
    """What became of each recipe, by slug; `differing` names the columns in which the row is not the file."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    differing: dict[str, list[str]] = field(default_factory=dict)


def directory() -> Path:
    """Return the directory of the seeds: the wheel's own, or seeds/ of the checkout."""
    package = Path(__file__).parent
    packaged = package / "seeds"
    return packaged if packaged.is_dir() else package.parents[1] / "seeds"


def load(source: Path | None = None) -> list[RecipeSeed]:
    """Read and check every seed file of a directory, by name.

    Raises SeedError with one line for each finding in any of them: file, line and reason.
    """
    source = source or directory()
    files = sorted(file for file in source.glob("*.toml") if file.is_file())
    if not files:
        raise SeedError(f"{source} holds no seed files (*.toml)")
    recipes, findings = [], []
    for file in files:
        try:
            recipes.append(_read(file))
        except SeedError as error:
            findings.append(str(error))
    if findings:
        raise SeedError("\n".join(findings))
    return recipes


def seed(connection: psycopg.Connection, recipes: list[RecipeSeed], *, update: bool = False) -> Outcome:
    """Add the recipes that are missing, in one transaction; with `update`, overwrite those that differ as well.

    A row that is as its file says is not written: its version and updated_at stay.
    """
    outcome = Outcome()
    with connection.transaction():
        for recipe in recipes:
            columns = recipe.columns()
            if _insert(connection, columns):
                outcome.added.append(recipe.slug)
                continue
            differing = _differing(connection, columns, lock=update)
            if not differing:
                outcome.unchanged.append(recipe.slug)
            elif update:
                _update(connection, columns, differing)
                outcome.updated.append(recipe.slug)
            else:
                outcome.differing[recipe.slug] = differing
    return outcome


def _insert(connection: psycopg.Connection, columns: dict[str, Any]) -> bool:
    query = sql.SQL("INSERT INTO recipes ({}) VALUES ({}) ON CONFLICT (slug) DO NOTHING").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(map(sql.Placeholder, columns))
    )
    return connection.execute(query, _parameters(columns)).rowcount == 1


def _differing(connection: psycopg.Connection, columns: dict[str, Any], *, lock: bool) -> list[str]:
    query = sql.SQL("SELECT {} FROM recipes WHERE slug = %s {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL("FOR UPDATE" if lock else "")
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, [columns["slug"]]).fetchone()
    if row is None:
        raise SeedError(f"recipe {columns['slug']} was deleted while it was being seeded: run it again")
    return [name for name, value in columns.items() if row[name] != value]


def _update(connection: psycopg.Connection, columns: dict[str, Any], differing: list[str]) -> None:
    changes = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in differing
    )
    query = sql.SQL("UPDATE recipes SET {}, version = version + 1 WHERE slug = %(slug)s").format(changes)
    connection.execute(query, _parameters(columns))


def _parameters(columns: dict[str, Any]) -> dict[str, Any]:
    """Wrap what goes into a jsonb column: every object, and the one list that is not text[]."""
    return {
        name: Jsonb(value) if isinstance(value, dict) or name == "dependencies" else value
        for name, value in columns.items()
    }


def _read(file: Path) -> RecipeSeed:
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise SeedError(f"{file}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", place)
        where = line.group(1) if line else text.count("\n") + 1
        raise SeedError(f"{file}:{where}: not valid TOML: {reason}") from None
    try:
        recipe = RecipeSeed.model_validate(_DEFAULTS | content)
        findings = [(place, "unknown key") for place in _unknown_keys(recipe)]
    except ValidationError as error:
        findings = [(item["loc"], item["msg"]) for item in error.errors()]
    else:
        if recipe.slug != file.stem:
            findings.append((("slug",), f"must be the file's name, {file.stem}"))
        findings += _unstorable(recipe.columns())
    if findings:
        raise SeedError(
            "\n".join(f"{file}:{_line(text, place)}: {'.'.join(map(str, place))}: {what}" for place, what in findings)
        )
    return recipe


def _unknown_keys(value: Any, place: Location = ()) -> Iterator[Location]:
    """Find the keys that no document knows; readers keep them, but in a seed they are misspelt."""
    if isinstance(value, BaseModel):
        yield from ((*place, name) for name in value.model_extra or ())
        value = {info.alias or name: getattr(value, name) for name, info in type(value).model_fields.items()}
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _unknown_keys(item, (*place, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_keys(item, (*place, index))


def _unstorable(value: Any, place: Location = ()) -> Iterator[tuple[Location, str]]:
    """Find what TOML can say and PostgreSQL cannot store."""
    if isinstance(value, str) and "\0" in value:
        yield place, "holds a NUL character"
    elif isinstance(value, float) and not math.isfinite(value):
        yield place, "is no finite number"
    elif isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _unstorable(item, (*place, name))


def _line(text: str, place: Location) -> int:
    """Return the number of the line that sets what is at `place`, or else of the nearest table around it."""
    best, depth = 1, 0
    table: Location = ()
    repeated: dict[Location, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]", line):
            table = tuple(part.strip(" \"'") for part in header.group(2).split("."))
            if header.group(1) == "[[":
                repeated[table] = repeated.get(table, -1) + 1
                table = (*table, repeated[table])
            path = table
        elif key := re.match(r"\s*([\w\"'-]+)\s*=", line):
            path = (*table, key.group(1).strip("\"'"))
        else:
            continue
        if len(path) > depth and place[: len(path)] == path:
            best, depth = number, len(path)
    return best
