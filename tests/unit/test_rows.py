"""How rows become records: the pause of the garbage collector, and what the reader refuses."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import pytest
from pydantic import BeforeValidator, ValidationError

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


class Halting:
    """A number that halts its reader, in the middle of the rows, until it may go on."""

    def __init__(self) -> None:
        self.reached, self.may_go_on = threading.Event(), threading.Event()

    def wait(self) -> int:
        self.reached.set()
        assert self.may_go_on.wait(20)
        return 1


class Halted(Record):
    number: Annotated[int, BeforeValidator(lambda value: value if isinstance(value, int) else value.wait())]


@contextmanager
def halted_in_the_middle() -> Iterator[None]:
    """Have another thread halt while it makes records."""
    halting = Halting()
    reader = RowReader(Halted, ("number",), [INT4], ADAPTERS)
    thread = threading.Thread(target=reader.many, args=([(halting,)] + [(1,)] * 99,))
    thread.start()
    try:
        assert halting.reached.wait(20)
        yield
    finally:
        halting.may_go_on.set()
        thread.join()


def test_one_pauses_it_at_a_time_and_for_no_longer_than_one_list() -> None:
    with halted_in_the_middle():
        assert not gc.isenabled()
        with halted_in_the_middle():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    first, second = halted_in_the_middle(), halted_in_the_middle()
    with first:
        second.__enter__()
    try:
        assert gc.isenabled()  # the second goes on, and had not paused it
    finally:
        second.__exit__(None, None, None)
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_is_forked_meanwhile_collects_and_pauses_as_any_other(reader: RowReader) -> None:
    with halted_in_the_middle():
        assert not gc.isenabled()
        child = os.fork()
        if child == 0:
            right = gc.isenabled()
            with halted_in_the_middle():
                right = right and not gc.isenabled()
            os._exit(0 if right and gc.isenabled() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_keeps_a_collector_that_its_parent_had_switched_off() -> None:
    gc.disable()
    child = os.fork()
    if child == 0:
        os._exit(1 if gc.isenabled() else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_result_with_other_columns_than_the_record_is_refused() -> None:
    with pytest.raises(TypeError, match="Row has 2 columns, the result 1"):
        RowReader(Row, ("number", "values"), [INT4], ADAPTERS)


def test_the_class_itself_reads_no_json_text() -> None:
    """Only rows hold JSON as text; what a service builds or validates by itself is checked as it is declared."""
    with pytest.raises(ValidationError):
        Row.model_validate({"number": 1, "values": "[1]"})
