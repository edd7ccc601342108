"""How rows become records: the pause of the garbage collector, and what the reader refuses."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from mathison_data.execution import ADAPTERS, Record
from mathison_data.rows import RowReader

INT4, JSONB = 23, 3802


class Row(Record):
    number: int
    values: list[int]


@pytest.fixture
def reader() -> RowReader:
    return RowReader(Row, ("number", "values"), [INT4, JSONB], ADAPTERS)


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.enable()


def test_no_collection_runs_while_many_records_are_made(reader: RowReader) -> None:
    def collections() -> int:
        return sum(generation["collections"] for generation in gc.get_stats())

    rows = [(number, "[1, 2]") for number in range(5000)]
    before = collections()
    records = reader.many(rows)
    assert collections() - before <= 1
    assert len(records) == 5000
    assert gc.isenabled()


def test_the_collector_goes_on_after_an_error(reader: RowReader) -> None:
    with pytest.raises(ValidationError):
        reader.many([(1, "[1]")] * 99 + [(1, "{}")])
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off(reader: RowReader) -> None:
    gc.disable()
    reader.many([(1, "[1]")] * 100)
    assert not gc.isenabled()


def test_threads_that_pause_it_at_the_same_time_leave_it_on(reader: RowReader) -> None:
    rows = [(number, "[1, 2]") for number in range(200)]
    threads = [threading.Thread(target=lambda: [reader.many(rows) for _ in range(30)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.isenabled()


def test_a_result_with_other_columns_than_the_record_is_refused() -> None:
    with pytest.raises(TypeError, match="Row has 2 columns, the result 1"):
        RowReader(Row, ("number", "values"), [INT4], ADAPTERS)


def test_the_class_itself_reads_no_json_text() -> None:
    """Only rows hold JSON as text; what a service builds or validates by itself is checked as it is declared."""
    with pytest.raises(ValidationError):
        Row.model_validate({"number": 1, "values": "[1]"})
