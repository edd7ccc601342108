"""The seed recipes render to values that their charts document."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chevron
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SEEDS = {path.stem: path for path in sorted((ROOT / "seeds").glob("*.toml"))}
CHARTS = Path(__file__).parent / "chart_values"

Recipe = dict[str, Any]

# Alphanumeric, as the platform generates them, and each of them no string to YAML unless it is quoted.
HARD_SECRETS = ["00123456789012345678901234567890", "1234567890123456789012345678e123", "0xCAFE0123", "null", "no"]
CHOSEN_PASSWORD = ' p&ss: "w\'rd" #<1>\\ {x} %'
TAG = re.compile(r"\{\{\{?\s*[#^/&]?\s*([A-Za-z_][\w.-]*)\s*\}?\}\}")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGT]i?|k)?")
TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "list": list, "object": dict, "quantity": str}
FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "select": (str,),
    "number": (int, float),
    "boolean": (bool,),
}


def load(slug: str) -> Recipe:
    """Read one recipe file."""
    return tomllib.loads(SEEDS[slug].read_text(encoding="utf-8"))


def facts(slug: str) -> dict[str, Any]:
    """Read what is recorded of the recipe's chart."""
    return tomllib.loads((CHARTS / f"{slug}.toml").read_text(encoding="utf-8"))


def defaults(recipe: Recipe) -> dict[str, Any]:
    """Give every config field its default."""
    return {name: field["default"] for name, field in recipe["config_schema"].items()}


def used(recipe: Recipe, root: str) -> set[str]:
    """List the names below one root (config, secrets, deps) that the template uses."""
    names = {match.group(1) for match in TAG.finditer(recipe["values_template"])}
    assert {name.partition(".")[0] for name in names} <= {"config", "secrets", "deps"}, names
    return {name.partition(".")[2] for name in names if name.startswith(f"{root}.")}


def render(slug: str, secret: str = HARD_SECRETS[0], **config: Any) -> dict[str, Any]:
    """Render a recipe's values with its defaults, the given config and made-up secrets and dependencies."""
    recipe = load(slug)
    context = {
        "config": defaults(recipe) | config,
        "secrets": dict.fromkeys(recipe["secrets_schema"], secret),
        "deps": {
            dep["alias"]: {"host": "db.tenant-acme.svc"} | dict.fromkeys(load(dep["service"])["secrets_schema"], secret)
            for dep in recipe["dependencies"]
        },
    }
    values = yaml.safe_load(chevron.render(recipe["values_template"], context))
    assert isinstance(values, dict), f"{SEEDS[slug].name}: the values are no mapping"
    return values


def dig(values: dict[str, Any], path: str) -> Any:
    """Follow a dotted path into the values."""
    node: Any = values
    for key in path.split("."):
        node = node[key]
    return node


def leaves(node: Any, documented: dict[str, str], path: str = "") -> Iterator[tuple[str, Any]]:
    """Walk the values down to scalars, lists and free-form objects."""
    if isinstance(node, dict) and path not in documented:
        for key, child in node.items():
            yield from leaves(child, documented, f"{path}.{key}" if path else str(key))
    else:
        yield path, node


def assert_documented(slug: str, values: dict[str, Any]) -> None:
    """Check every rendered path and its type against the chart's documented values."""
    chart = facts(slug)
    documented: dict[str, str] = chart["values"]
    where = f"{SEEDS[slug].name}, chart {chart['chart']} {chart['version']}"
    read = {key: node for key, node in values.items() if key not in chart["unread"]}
    for path, value in leaves(read, documented):
        assert path in documented, f"{where}: {path} is not documented"
        kind = documented[path]
        right = isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        if kind == "quantity":
            right = right and QUANTITY.fullmatch(value) is not None
        assert right, f"{where}: {path} is {value!r}, not {kind}"


@pytest.mark.parametrize("slug", SEEDS)
@pytest.mark.parametrize("secret", HARD_SECRETS)
def test_values_are_documented(slug: str, secret: str) -> None:
    """The defaults and every choice render to documented paths of the right types."""
    assert_documented(slug, render(slug, secret))
    for name, field in load(slug)["config_schema"].items():
        for option in field.get("options", []):
            assert_documented(slug, render(slug, secret, **{name: option}))


@pytest.mark.parametrize("slug", SEEDS)
def test_config_schema_matches_template(slug: str) -> None:
    """Every config field is used in the template, and every one used is declared."""
    recipe = load(slug)
    assert used(recipe, "config") == set(recipe["config_schema"]), SEEDS[slug].name


@pytest.mark.parametrize("slug", SEEDS)
def test_secrets_schema_matches_template(slug: str) -> None:
    """Every secret is generated and used in the template, and every one used is declared."""
    recipe = load(slug)
    assert used(recipe, "secrets") == set(recipe["secrets_schema"]), SEEDS[slug].name
    for name, secret in recipe["secrets_schema"].items():
        assert secret["generate"] is True, name
        assert secret["length"] >= 16, name
        assert secret["description"], name


@pytest.mark.parametrize("slug", SEEDS)
def test_dependencies_match_template(slug: str) -> None:
    """The template takes a host, or a secret that the dependency declares, from every declared alias and no other."""
    recipe = load(slug)
    aliases = {dep["alias"]: load(dep["service"]) for dep in recipe["dependencies"] if dep["service"] in SEEDS}
    assert len(aliases) == len(recipe["dependencies"]), f"{SEEDS[slug].name}: an unknown dependency"
    names = [name.partition(".")[::2] for name in used(recipe, "deps")]
    assert {alias for alias, _ in names} == set(aliases), SEEDS[slug].name
    for alias, field in names:
        assert field in {"host", *aliases[alias]["secrets_schema"]}, f"{SEEDS[slug].name}: deps.{alias}.{field}"


@pytest.mark.parametrize("slug", SEEDS)
def test_defaults_obey_their_schema(slug: str) -> None:
    """Every field is complete, and its default fits its own type, bounds and options."""
    for name, field in load(slug)["config_schema"].items():
        where = f"{SEEDS[slug].name}: {name}"
        assert field["description"], where
        assert ("options" in field) == (field["type"] == "select"), where
        default = field["default"]
        assert isinstance(default, FIELD_TYPES[field["type"]]), where
        assert isinstance(default, bool) == (field["type"] == "boolean"), where
        if field["type"] == "select":
            assert default in field["options"], where
            assert all(isinstance(option, str) for option in field["options"]), where
        if field["type"] == "number":
            assert field.get("min", default) <= default <= field.get("max", default), where


@pytest.mark.parametrize("slug", SEEDS)
def test_pairs_are_other_seeds(slug: str) -> None:
    """Recipes pair well only with other recipes that are seeded too."""
    pairs = load(slug)["ai_hints"]["pairsWellWith"]
    assert pairs, SEEDS[slug].name
    assert set(pairs) <= set(SEEDS) - {slug}, SEEDS[slug].name


@pytest.mark.parametrize("slug", SEEDS)
def test_resources_match_columns(slug: str) -> None:
    """The main container's requests and limits are the recipe's resource columns."""
    recipe = load(slug)
    resources = dig(render(slug), facts(slug)["resources"])
    assert resources == {"requests": recipe["resource_defaults"], "limits": recipe["resource_limits"]}, SEEDS[slug].name


@pytest.mark.parametrize(("mode", "queued"), [("regular", False), ("queue", True)])
def test_n8n_queue_mode_brings_worker_and_queue(mode: str, queued: bool) -> None:
    """The worker and its queue run in queue mode only."""
    values = render("n8n", execution_mode=mode)
    assert dig(values, "main.config.executions_mode") == mode
    assert (dig(values, "worker.enabled"), dig(values, "valkey.enabled")) == (queued, queued)


def test_n8n_connects_to_what_postgresql_creates() -> None:
    """User, database and password in n8n's values are those in PostgreSQL's."""
    auth = render("postgresql")["auth"]
    client = dig(render("n8n"), "main.config.db.postgresdb")
    password = dig(render("n8n"), "main.secret.db.postgresdb.password")
    assert (client["user"], client["database"], password) == (auth["username"], auth["database"], auth["password"])


@pytest.mark.parametrize("chosen", ["", CHOSEN_PASSWORD])
def test_minio_takes_the_chosen_password_or_the_secret(chosen: str) -> None:
    """A chosen password arrives unchanged, and an empty one gives way to the generated secret."""
    values = render("minio", root_password=chosen)
    assert_documented("minio", values)
    assert dig(values, "auth.rootPassword") == (chosen or HARD_SECRETS[0])
