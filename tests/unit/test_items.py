"""Array parameters: any iterable of elements, but no string and no null among them; and arrays that are read."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from mathison_data import execution
from mathison_data.aio import execution as aio_execution


@pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), {"a": 1, "b": 2}.keys(), iter("ab")])
def test_any_iterable_becomes_a_list(value: Any) -> None:
    assert execution.items(value) == ["a", "b"]


def test_null_stays_null_and_an_empty_list_stays_one() -> None:
    assert execution.items(None) is None
    assert execution.items([]) == []


def test_the_callers_list_is_not_the_parameter() -> None:
    tags = ["a"]
    assert execution.items(tags) is not tags


@pytest.mark.parametrize("value", ["database", b"database", bytearray(b"database"), {"a": 1}])
def test_what_is_not_meant_as_its_parts_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=f"a list of elements is wanted, not {type(value).__name__}"):
        execution.items(value)


def test_a_null_element_is_refused() -> None:
    with pytest.raises(TypeError, match="element 1 of the list is None"):
        execution.items(["a", None])


def test_the_asyncio_side_has_the_same() -> None:
    assert aio_execution.items is execution.items


@pytest.mark.parametrize(("stored", "read"), [(None, []), ([], []), (["a", None, "b"], ["a", "b"])])
def test_a_string_list_has_neither_null_nor_null_elements(stored: Any, read: list[str]) -> None:
    assert TypeAdapter(execution.StringList).validate_python(stored) == read
