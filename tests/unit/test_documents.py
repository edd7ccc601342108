"""What the models of the jsonb columns accept, keep and write."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from mathison_data import documents
from mathison_data.documents import (
    JSON_COLUMNS,
    AiHints,
    ConfigField,
    Dependency,
    HealthCheck,
    IngressConfig,
    NewMessage,
    Quota,
    RecipeSnapshot,
    Resources,
    SecretField,
    StackService,
    ToolInvocation,
    to_json,
)

# One full value a column, as the older services store it.
STORED: dict[str, Any] = {
    "tenants.quota": {"cpu": "4", "memory": "8Gi", "storage": "50Gi"},
    "recipes.config_schema": {
        "size": {
            "type": "select",
            "default": "s",
            "options": ["s", "m"],
            "label": "Size",
            "description": "How large",
            "required": True,
        },
        "replicas": {"type": "number", "default": 1, "min": 1, "max": 2.5},
    },
    "recipes.secrets_schema": {"password": {"description": "For root", "generate": True, "length": 32}},
    "recipes.dependencies": [{"service": "postgresql", "alias": "db", "config": {"database": "n8n"}}],
    "recipes.ingress_config": {
        "enabled": True,
        "hostnameTemplate": "n8n-{tenant}.{domain}",
        "port": 5678,
        "path": "/",
    },
    "recipes.resource_defaults": {"cpu": "250m", "memory": "256Mi"},
    "recipes.resource_limits": {"cpu": "1", "memory": "1Gi"},
    "recipes.health_check": {"type": "http", "port": 5678, "path": "/healthz", "intervalSeconds": 30},
    "recipes.ai_hints": {"summary": "s", "whenToSuggest": "w", "pairsWellWith": ["redis"]},
    "recipe_versions.snapshot": {
        "slug": "n8n",
        "display_name": "n8n",
        "version": 3,
        "ingress_config": {"enabled": False, "hostnameTemplate": "x"},
        "dependencies": [{"service": "postgresql"}],
        "config_schema": {"size": {"type": "string"}},
    },
    "stacks.services": [{"recipeSlug": "n8n", "alias": "a", "config": {"x": 1}, "wiring": {"y": [None]}}],
    "stacks.ai_hints": {"summary": "s"},
    "deployments.config": {"replicas": 2, "nested": {"a": [1, 2.5, None, "x"]}},
    "messages.tool_invocations": [{"toolName": "deploy", "args": {"slug": "n8n"}, "result": None}],
}


@pytest.mark.parametrize("column", JSON_COLUMNS)
def test_a_stored_value_is_written_back_as_it_was(column: str) -> None:
    stored = STORED[column]
    read = TypeAdapter(JSON_COLUMNS[column]).validate_json(json.dumps(stored))
    assert json.loads(to_json(read, JSON_COLUMNS[column])) == stored


@pytest.mark.parametrize("column", JSON_COLUMNS)
def test_a_plain_value_is_taken_for_writing(column: str) -> None:
    assert json.loads(to_json(STORED[column], JSON_COLUMNS[column])) == STORED[column]


def test_every_full_value_uses_every_attribute() -> None:
    """Keep STORED honest: a misspelt alias would pass the round trip as an unknown key."""
    for column, stored in STORED.items():
        read = TypeAdapter(JSON_COLUMNS[column]).validate_python(stored)
        values = read.values() if isinstance(read, dict) else read if isinstance(read, list) else [read]
        assert not any(value.model_extra for value in values if isinstance(value, BaseModel)), column


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (Quota, {"cpu", "memory", "storage"}),
        (ConfigField, {"type", "default", "options", "min", "max", "label", "description", "required"}),
        (SecretField, {"description", "generate", "length"}),
        (Dependency, {"service", "alias", "config"}),
        (IngressConfig, {"enabled", "hostnameTemplate", "port", "path"}),
        (Resources, {"cpu", "memory"}),
        (HealthCheck, {"type", "port", "path", "intervalSeconds"}),
        (AiHints, {"summary", "whenToSuggest", "pairsWellWith"}),
        (StackService, {"recipeSlug", "alias", "config", "wiring"}),
        (ToolInvocation, {"toolName", "args", "result"}),
    ],
)
def test_keys_are_stored_as_the_older_services_write_them(model: type[BaseModel], keys: set[str]) -> None:
    assert set(model.model_json_schema(by_alias=True)["properties"]) == keys


def test_unknown_keys_are_kept_also_inside_lists_and_mappings() -> None:
    stored = [{"service": "a", "pinned": {"to": [1]}}]
    read = TypeAdapter(list[Dependency]).validate_json(json.dumps(stored))
    assert read[0].model_extra == {"pinned": {"to": [1]}}
    assert json.loads(to_json(read, list[Dependency])) == stored


def test_numbers_are_read_as_text_and_written_back_as_text() -> None:
    quota = Quota.model_validate_json('{"cpu": 4, "memory": 0.5}')
    assert (quota.cpu, quota.memory) == ("4", "0.5")
    assert to_json(quota, Quota) == b'{"cpu":"4","memory":"0.5"}'
    assert ConfigField.model_validate_json('{"type": "select", "options": [1, "b"]}').options == ["1", "b"]


def test_a_boolean_is_no_text() -> None:
    with pytest.raises(ValidationError):
        Quota.model_validate_json('{"cpu": true}')


def test_numbers_keep_their_kind() -> None:
    field = ConfigField.model_validate_json('{"type": "number", "min": 1, "max": 1.5, "default": 2}')
    assert [type(value) for value in (field.min, field.max, field.default)] == [int, float, int]


def test_a_null_that_was_stored_is_written_back() -> None:
    assert to_json(Quota.model_validate_json('{"cpu": null}'), Quota) == b'{"cpu":null}'


def test_only_the_keys_that_were_given_are_written() -> None:
    assert to_json(AiHints(when_to_suggest="always"), AiHints) == b'{"whenToSuggest":"always"}'
    assert to_json(IngressConfig(), IngressConfig) == b"{}"
    assert to_json(Quota(cpu="4").model_copy(update={"memory": "8Gi"}), Quota) == b'{"cpu":"4","memory":"8Gi"}'


def test_models_and_plain_values_mix() -> None:
    value = (Dependency(service="a"), {"service": "b", "alias": None})
    assert to_json(value, list[Dependency]) == b'[{"service":"a"},{"service":"b","alias":null}]'
    assert to_json({"x": SecretField(length=3)}, dict[str, SecretField]) == b'{"x":{"length":3}}'


def test_an_attribute_name_is_understood_in_a_plain_value() -> None:
    assert to_json({"pairs_well_with": ["redis"]}, AiHints) == b'{"pairsWellWith":["redis"]}'


@pytest.mark.parametrize(
    ("value", "shape", "where"),
    [
        ({"cpu": 4}, Quota, "cpu"),
        (Quota.model_construct(cpu=4), Quota, "cpu"),
        ([{"alias": "db"}], list[Dependency], "0.service"),
        ([{"alias": "db"}], list[StackService], "0.recipeSlug"),
        ([{}], list[ToolInvocation], "0.toolName"),
        ({"size": {}}, dict[str, ConfigField], "size.type"),
        ({"size": {"type": "password"}}, dict[str, ConfigField], "size.type"),
        ({"port": 80}, IngressConfig, "enabled is required"),
        ({"port": "80", "enabled": True}, IngressConfig, "port"),
        ({"enabled": "yes"}, IngressConfig, "enabled"),
        ({"type": "http", "intervalSeconds": 1.5}, HealthCheck, "intervalSeconds"),
        ({"when": object()}, JsonValue, "when"),
        ({"when": {"a": [float("nan")]}}, JsonValue, "when.a.0"),
        ({"type": "number", "default": float("inf")}, ConfigField, "default"),
        ([], Quota, "Quota"),
        ({}, list[Dependency], "list"),
    ],
)
def test_what_does_not_fit_is_not_written(value: object, shape: Any, where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        to_json(value, shape)


def test_a_snapshot_reads_instants_and_writes_them_as_text() -> None:
    snapshot = RecipeSnapshot.model_validate_json('{"created_at": "2026-01-02T03:04:05.678+02:00"}')
    assert snapshot.created_at is not None
    assert snapshot.created_at.utcoffset() is not None
    assert to_json(snapshot, RecipeSnapshot) == b'{"created_at":"2026-01-02T03:04:05.678000+02:00"}'


def test_a_document_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Quota(cpu="4").cpu = "5"


def test_the_module_imports_no_driver() -> None:
    network = "{'psycopg', 'psycopg_pool', 'mathison_data.settings'}"
    script = f"import sys, mathison_data.documents; print(sorted({network} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_shape_is_exported() -> None:
    models = {
        name
        for name, value in vars(documents).items()
        if isinstance(value, type) and issubclass(value, documents.Document)
    }
    assert models <= set(documents.__all__)


def test_a_new_message_has_the_columns_as_its_keys() -> None:
    call = {"toolName": "search", "args": {"n": 3}, "ms": 12}
    given = {"role": "USER", "content": "x", "tool_invocations": [call]}
    assert json.loads(to_json(given, NewMessage)) == given
    modelled = NewMessage(role="USER", content="x", tool_invocations=[ToolInvocation(tool_name="search")])
    assert json.loads(to_json([modelled], list[NewMessage]))[0]["tool_invocations"] == [{"toolName": "search"}]
    assert json.loads(to_json({"role": "USER", "content": "x"}, NewMessage)) == {"role": "USER", "content": "x"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": "x"},
        {"role": "USER"},
        {"role": "USER", "content": 5},
        {"role": "USER", "content": "x", "toolInvocations": []},
        {"role": "USER", "content": "x", "tool_invocations": [{"name": "search"}]},
    ],
)
def test_a_new_message_is_refused_when_anything_of_it_would_be_lost(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        to_json(wrong, NewMessage)
