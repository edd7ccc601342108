"""What is no embedding, and how it is told."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest

from mathison_data import InvalidVectorError, MathisonDataError
from mathison_data.execution import vector


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1.0, 2.0], "has 2 dimensions, the column 3"),
        ([1.0, 2.0, 3.0, 4.0], "has 4 dimensions"),
        ([], "has 0 dimensions"),
        ([1.0, math.nan, 0.0], "component 1 .*nan"),
        ([1.0, 2.0, math.inf], "component 2 .*inf"),
        ([1.0, 2.0, 1e39], "component 2 .*1e\\+39"),
        ([0.0, 0, -0.0], "all components of the vector are zero"),
        ([1e-60, 0.0, 0.0], "all components of the vector are zero"),
        ([1.0, "2", 3.0], "no number"),
        ([1.0, None, 3.0], "no number"),
        ("123", "not str"),
        (b"123", "not bytes"),
        (1.0, "not float"),
        (iter([1.0, 2.0, 3.0]), "not list_iterator"),
        (numpy.ones((3, 1)), "one axis, not 2"),
        (numpy.array([1.0, numpy.nan, 1.0]), "component 1"),
        (numpy.zeros(3), "zero"),
        (numpy.array([1.0, 1j, 1.0]), "complex"),
        (numpy.array([1.0, 1j, 1.0], dtype=object), "complex"),
        ([1.0, 1j, 1.0], "complex"),
        ([1.0, numpy.complex64(1j), 1.0], "complex"),
        ({1.0, 2.0, 3.0}, "not set"),
        (frozenset({1.0, 2.0, math.inf}), "not frozenset"),
        ({1: 1.0, 2: 2.0, 3: 3.0}, "not dict"),
        ({1: 1.0, 2: 2.0, 3: 3.0}.keys(), "not dict_keys"),
        ({1: 1.0, 2: 2.0, 3: math.nan}.values(), "component 2 .*nan"),
        ([3e38, 3e38, 3e38], "length .* is too large"),
        ([1.2e19, 1.2e19, 1.2e19], "length .* is too large"),
        ([1e-30, 1e-30, -1e-30], "length .* is too small"),
    ],
)
def test_what_is_no_embedding_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(InvalidVectorError, match=reason):
        vector(value, 3)


@pytest.mark.parametrize(
    "value",
    [[1e19, 1e19, 1e19], [1e-22, 0, 0], (1, 2, 3), numpy.ones(3, dtype=object), {1: 1.0, 2: 2.0, 3: 0.0}.values()],
)
def test_whatever_has_a_direction_is_accepted(value: Any) -> None:
    assert vector(value, 3) is not None


def test_the_error_is_a_value_error_of_this_package() -> None:
    assert issubclass(InvalidVectorError, ValueError)
    assert issubclass(InvalidVectorError, MathisonDataError)


def test_none_stays_none() -> None:
    assert vector(None, 3) is None
