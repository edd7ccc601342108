"""Queries as the generator would emit them, for tests of the runtime alone: they need no table."""

from __future__ import annotations

from mathison_data.documents import Quota
from mathison_data.execution import Query, Record


class Reading(Record):
    """A row with a little of everything."""

    number: int
    quota: Quota
    note: str | None


NUMBER = Query(
    name="tests.number", sql="/* tests.number */\nSELECT %(number)s::integer", row=int, columns=("number",), reads=True
)
NUMBERS = Query(
    name="tests.numbers",
    sql="/* tests.numbers */\nSELECT n FROM generate_series(1, %(number)s::integer) AS n",
    row=int,
    columns=("n",),
    reads=True,
)
READINGS = Query(
    name="tests.readings",
    sql="/* tests.readings */\n"
    """SELECT n AS number, jsonb_build_object('cpu', n, 'extra', 'kept') AS quota, NULL::text AS note
    FROM generate_series(1, %(number)s::integer) AS n""",
    row=Reading,
    columns=("number", "quota", "note"),
    reads=True,
)
SLEEP = Query(
    name="tests.sleep",
    sql="/* tests.sleep */\nSELECT pg_sleep(%(seconds)s::double precision)::text",
    row=str,
    columns=("pg_sleep",),
    reads=True,
)
WRITE = Query(
    name="tests.write",
    sql="/* tests.write */\nINSERT INTO tenants (slug, name, namespace) VALUES (%(slug)s, %(slug)s, %(slug)s)",
    row=None,
)
WRITE_RETURNING = Query(
    name="tests.write_returning", sql=WRITE.sql + " RETURNING slug", row=str, columns=("slug",), reads=False
)
COUNT = Query(
    name="tests.count",
    sql="/* tests.count */\nSELECT count(*) FROM tenants",
    row=int,
    columns=("count",),
    reads=True,
)
