"""The sync and the async side have the same public names with the same signatures."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

from mathison_data import database, execution
from mathison_data.aio import database as aio_database
from mathison_data.aio import execution as aio_execution


def _public(owner: Any) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(owner, inspect.isroutine) if not name.startswith("_")}


def _text(signature: inspect.Signature) -> str:
    text = str(signature)
    for word in ("AsyncIterator", "AsyncConnection", "AsyncDatabase"):
        text = text.replace(word, word.removeprefix("Async"))
    return text


def _assert_alike(sync: dict[str, Any], asynchronous: dict[str, Any]) -> None:
    assert sync.keys() == asynchronous.keys()
    for name in sync:
        assert _text(inspect.signature(sync[name])) == _text(inspect.signature(asynchronous[name])), name
        assert inspect.getdoc(sync[name]) == inspect.getdoc(asynchronous[name]), name


def test_the_databases_are_twins() -> None:
    sync, asynchronous = _public(database.Database), _public(aio_database.AsyncDatabase)
    assert {"open", "close", "connection", "transaction", "configure", "stats"} <= sync.keys()
    _assert_alike(sync, asynchronous)


def test_the_executions_are_twins() -> None:
    def functions(module: ModuleType) -> dict[str, Any]:
        return {name: getattr(module, name) for name in module.__all__ if inspect.isfunction(getattr(module, name))}

    assert {"one", "optional", "many", "execute", "execute_rows", "stream"} <= functions(execution).keys()
    _assert_alike(functions(execution), functions(aio_execution))
    assert execution.__all__ == aio_execution.__all__


@pytest.mark.parametrize("name", ["one", "optional", "many", "execute", "execute_rows"])
def test_the_async_functions_are_coroutines(name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(aio_execution, name))
    assert not inspect.iscoroutinefunction(getattr(execution, name))
