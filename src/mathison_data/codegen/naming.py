"""Names: what a class is called after a table, and which names generated Python cannot have."""

from __future__ import annotations

import builtins
import keyword

from pydantic import BaseModel

# Names that the generated modules use themselves.
_TAKEN_BY_MODULE = frozenset({"annotations", "date", "datetime", "db", "execution", "records", "time", "timedelta"})
_TYPES = frozenset({"bool", "bytes", "date", "datetime", "dict", "float", "int", "list", "str", "time", "timedelta"})


def is_snake_case(name: str) -> bool:
    """Tell whether a name is lower case letters, digits and underscores, a letter first."""
    return name.isascii() and name.isidentifier() and name == name.lower() and not name.startswith("_")


def camel_case(name: str) -> str:
    """Return `recipe_versions` as `RecipeVersions`; a name that is in camel case stays."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def record_name(table: str) -> str:
    """Return the class of a table's rows: `recipe_versions` holds each a `RecipeVersion`."""
    if table.endswith("ies"):
        return camel_case(table[:-3] + "y")
    if table.endswith(("sses", "xes", "ches", "shes")):
        return camel_case(table[:-2])
    return camel_case(table.removesuffix("s"))


def member_name(value: str) -> str:
    """Return what an enum's value is called in Python: itself, in upper case, with _ for what a name can't hold."""
    name = "".join(character if character.isalnum() else "_" for character in value).upper()
    return name if name.isidentifier() else f"VALUE_{name}"


def query_name_problem(name: str) -> str:
    """Return why a function cannot be called so; nothing when it can."""
    if not is_snake_case(name):
        return f"{name} is no name for a query: small letters, digits and _"
    return _reserved(name, keyword.iskeyword(name) or hasattr(builtins, name) or name in _TAKEN_BY_MODULE)


def parameter_name_problem(name: str) -> str:
    """Return why a parameter cannot be called so; nothing when it can."""
    if not is_snake_case(name):
        return f":{name} is no name for a parameter: small letters, digits and _"
    return _reserved(name, keyword.iskeyword(name) or name in ("db", "execution", "list"))


def field_name_problem(name: str) -> str:
    """Return why a record's field cannot be called so; nothing when it can."""
    if not is_snake_case(name):
        return f'"{name}" is no name for a field: small letters, digits and _'
    if hasattr(BaseModel, name) or name.startswith("model_"):
        return f"{name} is what Pydantic calls something of its own"
    return _reserved(name, keyword.iskeyword(name) or name in _TYPES)


def _reserved(name: str, taken: bool) -> str:
    if keyword.iskeyword(name):
        return f"{name} is a key word of Python"
    return f"{name} has a meaning of its own in Python" if taken else ""
