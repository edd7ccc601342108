"""The shapes inside the jsonb columns: one model each, and which column holds which.

Reading is lenient, for the older services write these columns too: unknown keys are kept and written back, and a
number where text is meant is read as text. Writing is strict: `to_json` checks a value as it will be stored.

Attributes are snake_case; the stored key is camelCase. Both name a field when a model is built in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

__all__ = [
    "JSON_COLUMNS",
    "JSON_PARAMETERS",
    "AiHints",
    "ConfigField",
    "Dependency",
    "Document",
    "HealthCheck",
    "IngressConfig",
    "NewMessage",
    "Quota",
    "RecipeSnapshot",
    "Resources",
    "SecretField",
    "StackService",
    "ToolInvocation",
    "to_json",
]


class Document(BaseModel):
    """What every shape has in common: frozen, and unknown keys stay where they are.

    A key that was not given stays out of what is written, so a document that was read is written back as it was.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        extra="allow",
        frozen=True,
        protected_namespaces=(),
        serialize_by_alias=True,
        validate_by_alias=True,
        validate_by_name=True,
    )


class Quota(Document):
    """What a tenant may use, as Kubernetes quantities: cpu "4", memory "8Gi", storage "50Gi"."""

    cpu: str | None = None
    memory: str | None = None
    storage: str | None = None


class ConfigField(Document):
    """One field of the form that a recipe shows; `options` belong to a select, `min` and `max` to a number."""

    type: Literal["string", "number", "boolean", "select"]
    default: JsonValue = None
    options: list[str] | None = None
    min: int | float | None = None
    max: int | float | None = None
    label: str | None = None
    description: str | None = None
    required: bool | None = None


class SecretField(Document):
    """One secret that a recipe needs; `generate` asks for a random one of `length` characters."""

    description: str | None = None
    generate: bool | None = None
    length: int | None = None


class Dependency(Document):
    """Another recipe, by its slug, that is deployed first, and the alias under which templates see it."""

    service: str
    alias: str | None = None
    config: dict[str, JsonValue] | None = None


class IngressConfig(Document):
    """How a service is reached from outside: host name such as "n8n-{tenant}.{domain}", port and path.

    `IngressConfig()` is the empty object, a service without ingress; with any other key `enabled` has to be given.
    """

    enabled: bool = False
    hostname_template: str | None = None
    port: int | None = None
    path: str | None = None

    @model_validator(mode="after")
    def _says_whether_enabled(self) -> Self:
        given = self.model_fields_set
        if given and "enabled" not in given:
            raise PydanticCustomError("missing", "enabled is required, unless the whole object is empty")
        return self


class Resources(Document):
    """What a container asks for or is held to, as Kubernetes quantities: cpu "250m", memory "256Mi"."""

    cpu: str | None = None
    memory: str | None = None


class HealthCheck(Document):
    """How to see that a service is up; `path` belongs to http, the interval is in seconds."""

    type: Literal["tcp", "http", "exec"] | None = None
    port: int | None = None
    path: str | None = None
    interval_seconds: int | None = None


class AiHints(Document):
    """What an assistant is told of a recipe or a stack; `pairs_well_with` lists slugs."""

    summary: str | None = None
    when_to_suggest: str | None = None
    pairs_well_with: list[str] | None = None


class StackService(Document):
    """One recipe of a stack, by its slug, and how it is wired to the others."""

    recipe_slug: str
    alias: str | None = None
    config: dict[str, JsonValue] | None = None
    wiring: JsonValue = None


class ToolInvocation(Document):
    """One call of a tool by the assistant, with what came of it."""

    tool_name: str
    args: JsonValue = None
    result: JsonValue = None


class NewMessage(Document):
    """A message that is to be appended, its keys those of the columns; `role` is one of MessageRole.

    It is written only, so a key that is none of these is refused: what it holds would be lost.
    """

    model_config = ConfigDict(alias_generator=None, extra="forbid")

    role: str
    content: str
    tool_invocations: list[ToolInvocation] | None = None


def _instant(value: object) -> object:
    """Read an instant from its text also where the check is strict: in JSON it can be nothing else."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class RecipeSnapshot(Document):
    """A recipe as it stood at one version: the row as an object, so its keys are the column names."""

    model_config = ConfigDict(alias_generator=None)

    id: str | None = None
    slug: str | None = None
    display_name: str | None = None
    description: str | None = None
    category: str | None = None
    tags: list[str] | None = None
    icon_url: str | None = None
    source_type: str | None = None
    chart_url: str | None = None
    chart_version: str | None = None
    config_schema: dict[str, ConfigField] | None = None
    secrets_schema: dict[str, SecretField] | None = None
    values_template: str | None = None
    dependencies: list[Dependency] | None = None
    ingress_config: IngressConfig | None = None
    resource_defaults: Resources | None = None
    resource_limits: Resources | None = None
    health_check: HealthCheck | None = None
    ai_hints: AiHints | None = None
    tier: str | None = None
    status: str | None = None
    created_by_id: str | None = None
    version: int | None = None
    created_at: Annotated[datetime, BeforeValidator(_instant)] | None = None
    updated_at: Annotated[datetime, BeforeValidator(_instant)] | None = None


JSON_COLUMNS: Mapping[str, Any] = MappingProxyType(
    {
        "tenants.quota": Quota,
        "recipes.config_schema": dict[str, ConfigField],
        "recipes.secrets_schema": dict[str, SecretField],
        "recipes.dependencies": list[Dependency],
        "recipes.ingress_config": IngressConfig,
        "recipes.resource_defaults": Resources,
        "recipes.resource_limits": Resources,
        "recipes.health_check": HealthCheck,
        "recipes.ai_hints": AiHints,
        "recipe_versions.snapshot": RecipeSnapshot,
        "stacks.services": list[StackService],
        "stacks.ai_hints": AiHints,
        "deployments.config": dict[str, JsonValue],
        "messages.tool_invocations": list[ToolInvocation],
    }
)
"""The type of every jsonb column that has a shape, by "table.column"."""

JSON_PARAMETERS: Mapping[str, Any] = MappingProxyType({"messages.append_many.messages": list[NewMessage]})
"""The type of the jsonb parameters that have a shape, but no column's, by "module.query.parameter"."""


def to_json(value: object, shape: Any = JsonValue) -> bytes:
    """Return a value as the JSON to store: stored keys, and only the keys that were given.

    `value` is a model, a mapping or a sequence, mixed at will; `shape` is the type expression of the column. Keys of a
    plain mapping are the stored ones (`whenToSuggest`); the attribute's name is understood as well.
    Raises pydantic.ValidationError when a required key is missing or a value has another type than the shape says.
    """
    adapter = _adapter(shape)
    checked = adapter.validate_python(_plain(value), strict=True)
    return adapter.dump_json(checked, by_alias=True, exclude_unset=True)


@lru_cache(maxsize=256)
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _plain(value: object, *path: str | int) -> object:
    """Return models as dicts of their given keys, so that one that was built without validation is checked too."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(by_alias=True, exclude_unset=True, warnings=False), *path)
    if isinstance(value, Mapping):
        return {key: _plain(inner, *path, str(key)) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [_plain(inner, *path, index) for index, inner in enumerate(value)]
    if isinstance(value, float) and not isfinite(value):  # JSON has no such number; it would become null
        raise ValidationError.from_exception_data("json", [{"type": "finite_number", "loc": path, "input": value}])
    return value
