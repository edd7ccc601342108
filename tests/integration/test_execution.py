"""What the runtime makes of a query: the directives, the rows, the parameters, and any connection that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from pydantic import JsonValue, ValidationError
from queries_by_hand import COUNT, NUMBER, NUMBERS, READINGS, WRITE, WRITE_RETURNING, Reading

from mathison_data import InvalidVectorError, NoRowError, TooManyRowsError, execution
from mathison_data.aio import db as aio_db
from mathison_data.database import Database
from mathison_data.documents import AiHints, Dependency, Quota
from mathison_data.execution import Query, Record, StringList


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database()
    database.configure(url=database_url, max_size=3)
    yield database
    database.close()


def _select(expression: str, row: Any) -> Query[Any]:
    return Query(name="tests.select", sql=f"SELECT {expression} AS value", row=row, columns=("value",), reads=True)


def test_one_returns_the_row(database: Database) -> None:
    assert execution.one(database, NUMBER, {"number": 7}) == 7


@pytest.mark.parametrize(("number", "error"), [(0, NoRowError), (2, TooManyRowsError)])
def test_one_wants_exactly_one_row_and_names_the_query(database: Database, number: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"tests\.readings"):
        execution.one(database, READINGS, {"number": number})


def test_optional_returns_the_row_or_none_and_refuses_several(database: Database) -> None:
    found = execution.optional(database, READINGS, {"number": 1})
    assert found == Reading(number=1, quota=Quota.model_validate({"cpu": "1", "extra": "kept"}), note=None)
    assert execution.optional(database, READINGS, {"number": 0}) is None
    with pytest.raises(TooManyRowsError, match=r"tests\.readings"):
        execution.optional(database, READINGS, {"number": 2})


@pytest.mark.parametrize("number", [0, 1, 49, 50, 500])
def test_many_returns_all_rows(database: Database, number: int) -> None:
    readings = execution.many(database, READINGS, {"number": number})
    assert [reading.number for reading in readings] == list(range(1, number + 1))
    assert [reading.quota.cpu for reading in readings] == [str(n) for n in range(1, number + 1)]


def test_a_record_of_a_query_is_like_any_other_of_its_class(database: Database) -> None:
    reading = execution.one(database, READINGS, {"number": 1})
    assert type(reading) is Reading
    assert type(reading.quota) is Quota
    assert reading == Reading.model_validate(reading.model_dump())
    assert Reading.model_validate_json(reading.model_dump_json()) == reading
    assert reading.model_copy(update={"note": "n"}).note == "n"
    with pytest.raises(ValidationError, match="frozen"):
        reading.number = 2


def test_exec_and_execrows(database: Database) -> None:
    execution.execute(database, WRITE, {"slug": "a"})
    assert execution.execute_rows(database, WRITE, {"slug": "b"}) == 1
    assert execution.one(database, WRITE_RETURNING, {"slug": "c"}) == "c"
    assert execution.one(database, COUNT, {}) == 3


def test_stored_keys_are_read_and_an_attribute_name_is_an_unknown_key(database: Database) -> None:
    query = _select("""'{"whenToSuggest": "x", "pairs_well_with": 1}'::jsonb""", AiHints)
    hints = execution.one(database, query, {})
    assert hints.when_to_suggest == "x"
    assert hints.pairs_well_with is None
    assert hints.model_extra == {"pairs_well_with": 1}


@pytest.mark.parametrize(
    ("expression", "row", "expected"),
    [
        ("""'{"a": [1, null]}'::jsonb""", JsonValue, {"a": [1, None]}),
        ("'null'::jsonb", JsonValue, None),
        ("NULL::jsonb", JsonValue | None, None),
        ("""'[{"service": "a"}]'::jsonb""", list[Dependency] | None, [Dependency(service="a")]),
        ("NULL::jsonb", list[Dependency] | None, None),
        ("""'"text"'::json""", JsonValue, "text"),
        ("""'{"a": 1}'::text""", str, '{"a": 1}'),
        ("'[0.5,1]'::vector", list[float], [0.5, 1.0]),
        ("NULL::vector", list[float] | None, None),
        ("ARRAY[0.5, 1]::float8[]", list[float], [0.5, 1.0]),
        ("NULL::text[]", StringList, []),
        ("ARRAY['a']", StringList, ["a"]),
    ],
)
def test_a_single_column_gives_the_bare_value(database: Database, expression: str, row: Any, expected: object) -> None:
    assert execution.one(database, _select(expression, row), {}) == expected
    assert execution.many(database, _select(expression, row), {}) == [expected]


def test_the_same_columns_within_a_record(database: Database) -> None:
    class Row(Record):
        tags: StringList
        embedding: list[float] | None
        value: JsonValue
        hints: AiHints | None

    sql = "SELECT NULL::text[] AS tags, '[1,2]'::vector AS embedding, '[1]'::jsonb AS value, NULL::jsonb AS hints"
    query = Query(name="tests.row", sql=sql, row=Row, columns=("tags", "embedding", "value", "hints"), reads=True)
    assert execution.one(database, query, {}) == Row(tags=[], embedding=[1.0, 2.0], value=[1], hints=None)


def test_a_null_where_none_was_promised_is_an_error_that_names_the_query(database: Database) -> None:
    with pytest.raises(ValidationError) as caught:
        execution.one(database, _select("NULL::text", str), {})
    assert any("tests.select" in note for note in caught.value.__notes__)


def test_a_database_error_is_psycopgs_own(database: Database) -> None:
    execution.execute(database, WRITE, {"slug": "a"})
    with pytest.raises(psycopg.errors.UniqueViolation):
        execution.execute(database, WRITE, {"slug": "a"})
    with pytest.raises(psycopg.errors.DivisionByZero):
        execution.one(database, _select("1 / 0", int), {})
    assert execution.one(database, NUMBER, {"number": 1}) == 1


def test_a_query_shows_its_name_to_the_server(database: Database) -> None:
    query = Query(
        name="tests.me",
        sql="/* tests.me */\nSELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()",
        row=str,
        columns=("query",),
    )
    assert execution.one(database, query, {}).startswith("/* tests.me */")


def test_jsonb_parameters_are_checked_and_written_with_stored_keys(database: Database) -> None:
    query = Query(name="tests.json", sql="SELECT %(value)s::jsonb::text", row=str, columns=("text",))
    hints = AiHints(when_to_suggest="x")
    assert execution.one(database, query, {"value": execution.jsonb(hints, AiHints)}) == '{"whenToSuggest": "x"}'
    assert execution.one(database, query, {"value": execution.jsonb([{"service": "a"}], list[Dependency])}) == (
        '[{"service": "a"}]'
    )
    assert execution.one(database, query, {"value": execution.jsonb([1, "ü", None])}) == '[1, "ü", null]'
    assert execution.jsonb(None, Quota) is None
    with pytest.raises(ValidationError):
        execution.jsonb([{}], list[Dependency])


@pytest.mark.parametrize(
    "value", [[1, 0.1, -2.5], (1, 0.1, -2.5), numpy.array([1, 0.1, -2.5]), numpy.array([1, 0.1, -2.5], dtype="f4")]
)
def test_a_vector_arrives_as_it_was_in_single_precision(database: Database, value: Any) -> None:
    query = Query(name="tests.vector", sql="SELECT %(value)s::vector", row=list[float], columns=("vector",))
    assert execution.one(database, query, {"value": execution.vector(value, 3)}) == [1, 0.1, -2.5]


def test_no_vector_is_null(database: Database) -> None:
    query = Query[list[float] | None](
        name="tests.vector", sql="SELECT %(value)s::vector", row=list[float] | None, columns=("vector",)
    )
    assert execution.one(database, query, {"value": execution.vector(None, 3)}) is None


def test_any_connection_will_do_however_it_is_configured(database_url: str) -> None:
    with psycopg.connect(database_url, row_factory=dict_row, cursor_factory=psycopg.ClientCursor) as connection:
        set_json_loads(lambda _: "mine", connection)
        readings = execution.many(connection, READINGS, {"number": 2})
        assert readings[1].quota.cpu == "2"
        cursor = connection.execute("SELECT '1'::jsonb AS value")
        assert cursor.fetchone() == {"value": "mine"}  # nothing of it was changed
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def test_a_query_on_a_connection_is_part_of_its_transaction(database: Database) -> None:
    with database.transaction() as tx:
        execution.execute(tx, WRITE, {"slug": "a"})
        assert execution.one(tx, COUNT, {}) == 1
        assert execution.one(database, COUNT, {}) == 0
        raise psycopg.Rollback
    assert execution.one(database, COUNT, {}) == 0


def test_stream_gives_records_by_the_batch(database: Database) -> None:
    with execution.stream(database, READINGS, {"number": 1000}) as readings:
        assert next(readings).number == 1
        with database.connection() as other:
            other_pid = other.info.backend_pid
            names = other.execute(
                "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s", [other_pid]
            ).fetchall()
        assert any("tests.readings" in name for (name,) in names)
        assert [reading.number for reading in readings] == list(range(2, 1001))
    assert database.stats()["pool_available"] == database.stats()["pool_size"]


def test_a_stream_that_is_left_early_gives_its_connection_back(database: Database) -> None:
    for _ in range(5):
        with execution.stream(database, NUMBERS, {"number": 10_000}) as numbers:
            assert next(numbers) == 1
    assert execution.one(database, NUMBER, {"number": 1}) == 1
    with pytest.raises(KeyError), execution.stream(database, NUMBERS, {"number": 10_000}) as numbers:
        raise KeyError(next(numbers))
    assert database.stats()["pool_available"] == database.stats()["pool_size"]


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_stream_on_an_idle_connection_has_a_transaction_of_its_own(database_url: str, autocommit: bool) -> None:
    idle = psycopg.pq.TransactionStatus.IDLE
    with psycopg.connect(database_url, autocommit=autocommit) as connection:
        with execution.stream(connection, NUMBERS, {"number": 3}) as numbers:
            assert list(numbers) == [1, 2, 3]
        assert connection.info.transaction_status == idle


def test_streams_within_a_transaction_see_it_and_leave_it_open(database: Database) -> None:
    with database.transaction() as tx:
        execution.execute(tx, WRITE, {"slug": "a"})
        with execution.stream(tx, NUMBERS, {"number": 3}) as first, execution.stream(tx, COUNT, {}) as second:
            assert next(first) == 1
            assert list(second) == [1]
            assert list(first) == [2, 3]
        assert tx.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert execution.one(database, COUNT, {}) == 1


def test_an_invalid_vector_is_refused_before_the_server_sees_it(database: Database) -> None:
    with pytest.raises(InvalidVectorError, match="dimensions"):
        execution.vector([1.0], 3)
    assert database.stats() == {}


LABEL = Query(name="tests.label", sql="SELECT label FROM labels", row=str, columns=("label",), reads=True)
RELABEL = Query(
    name="tests.relabel", sql="UPDATE labels SET hits = hits + 1 RETURNING label", row=str, columns=("label",)
)
HITS = Query(name="tests.hits", sql="SELECT hits FROM labels", row=int, columns=("hits",), reads=True)


@pytest.fixture
def label_type(database_url: str) -> Iterator[Callable[[str], None]]:
    """Make the table that LABEL and its like read; what is given alters the column's type, in a session of its own."""
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("CREATE TABLE labels (label varchar(20) NOT NULL, hits integer NOT NULL)")
        other.execute("INSERT INTO labels VALUES ('[1]', 0)")

        def alter(name: str) -> None:
            other.execute(f"ALTER TABLE labels ALTER COLUMN label TYPE {name} USING label::{name}")

        yield alter


def _prepare_everywhere(database: Database, query: Query[Any]) -> None:
    """Run a query on each of three connections until psycopg has prepared it there."""
    connections = [database.borrow() for _ in range(3)]
    for connection in connections:
        for _ in range(6):
            execution.one(connection, query, {})
    for connection in connections:
        database.give_back(connection)


def test_a_query_outlives_a_migration_that_changes_a_type(
    database: Database, label_type: Callable[[str], None]
) -> None:
    _prepare_everywhere(database, LABEL)
    label_type("text")
    assert [execution.one(database, LABEL, {}) for _ in range(4)] == ["[1]"] * 4
    assert [execution.many(database, LABEL, {}) for _ in range(4)] == [["[1]"]] * 4
    connections = [database.borrow() for _ in range(3)]
    assert all(connection.prepare_threshold == 5 for connection in connections)
    for connection in connections:
        database.give_back(connection)


def test_a_write_outlives_it_too_and_writes_once(database: Database, label_type: Callable[[str], None]) -> None:
    _prepare_everywhere(database, RELABEL)
    before = execution.one(database, HITS, {})
    label_type("text")
    assert [execution.one(database, RELABEL, {}) for _ in range(4)] == ["[1]"] * 4
    assert execution.one(database, HITS, {}) == before + 4


def test_a_column_that_has_become_json_is_read_as_json(database: Database, label_type: Callable[[str], None]) -> None:
    query = Query[Any](name="tests.any", sql="SELECT label FROM labels", row=JsonValue, columns=("label",), reads=True)
    _prepare_everywhere(database, query)
    assert execution.one(database, query, {}) == "[1]"
    label_type("jsonb")
    assert execution.one(database, query, {}) == [1]


def test_a_lent_connection_is_not_replaced_behind_its_users_back(
    database: Database, label_type: Callable[[str], None]
) -> None:
    with database.transaction() as tx:
        for _ in range(6):
            execution.one(tx, HITS, {})
    _prepare_everywhere(database, LABEL)
    label_type("text")
    with pytest.raises(psycopg.errors.FeatureNotSupported), database.transaction() as tx:
        execution.one(tx, LABEL, {})


@pytest.mark.parametrize("db", ["postgresql://u@h/d", None, aio_db])
def test_what_a_query_cannot_run_on_is_told(db: Any) -> None:
    for call in (execution.one, execution.optional, execution.many, execution.execute, execution.execute_rows):
        with pytest.raises(TypeError, match=r"runs on mathison_data\.db or a psycopg\.Connection, not on a"):
            call(db, NUMBER, {"number": 1})
    with pytest.raises(TypeError, match=r"psycopg\.Connection, not on a"), execution.stream(db, NUMBERS, {"number": 1}):
        pass
