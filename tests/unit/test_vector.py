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
    ],
)
def test_what_is_no_embedding_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(InvalidVectorError, match=reason):
        vector(value, 3)


def test_the_error_is_a_value_error_of_this_package() -> None:
    assert issubclass(InvalidVectorError, ValueError)
    assert issubclass(InvalidVectorError, MathisonDataError)


def test_none_stays_none() -> None:
    assert vector(None, 3) is None
