from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
from psycopg import sql

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def test_form_and_parts(connection: psycopg.Connection) -> None:
    before = datetime.now(UTC).timestamp()
    row = connection.execute("SELECT cuid(), pg_backend_pid(), last_value FROM cuid_counter").fetchone()
    assert row
    made, pid, _ = row
    assert re.fullmatch(r"c[a-z0-9]{24}", made)
    assert abs(int(made[1:9], 36) / 1000 - before) < 10
    assert int(made[9:13], 36) == connection.execute("SELECT last_value FROM cuid_counter").fetchone()[0]  # type: ignore[index]
    assert int(made[13:17], 36) == pid % 36**4


def test_ids_of_one_session_sort_by_the_time_they_were_made(connection: psycopg.Connection) -> None:
    made = [row[0] for row in connection.execute("SELECT cuid() FROM generate_series(1, 5000)")]
    # Text sorts by the database's own collation; so does ORDER BY id.
    rows = connection.execute("SELECT array_agg(id ORDER BY id) FROM unnest(%s::text[]) AS id", [made]).fetchone()
    assert rows
    assert rows[0] == made


def test_the_counter_starts_again_after_its_last_value(connection: psycopg.Connection) -> None:
    connection.execute("SELECT setval('cuid_counter', 1679615)")
    rows = connection.execute("SELECT cuid() FROM generate_series(1, 2)").fetchall()
    assert rows[0][0][9:13] == "0000"
    assert rows[1][0][9:13] == "0001"


def test_base36_is_base_36(connection: psycopg.Connection) -> None:
    for value in (0, 1, 35, 36, 1295, 1296, 36**8 - 1, 36**8, 2**62):
        expected = "".join(DIGITS[value // 36**place % 36] for place in reversed(range(8)))
        assert connection.execute("SELECT base36(%s, 8)", [value]).fetchone() == (expected,)


def test_200_000_ids_from_four_sessions_at_once_all_differ(database_url: str) -> None:
    def make(_session: int) -> list[str]:
        with psycopg.connect(database_url) as connection:
            return [row[0] for row in connection.execute("SELECT cuid() FROM generate_series(1, 50000)")]

    with ThreadPoolExecutor(4) as sessions:
        made = [name for names in sessions.map(make, range(4)) for name in names]
    assert len(set(made)) == 200_000
    assert all(re.fullmatch(r"c[a-z0-9]{24}", name) for name in made)


def test_a_role_with_insert_on_the_table_alone_gets_a_default_id(connection: psycopg.Connection) -> None:
    role = sql.Identifier(f"client_{connection.info.backend_pid}")
    connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    try:
        connection.execute(sql.SQL("GRANT INSERT, SELECT ON tenants TO {}").format(role))
        connection.execute(sql.SQL("SET ROLE {}").format(role))
        row = connection.execute(
            "INSERT INTO tenants (slug, name, namespace) VALUES ('a', 'A', 'tenant-a') RETURNING id"
        ).fetchone()
    finally:
        connection.execute("RESET ROLE")
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
    assert row
    assert re.fullmatch(r"c[a-z0-9]{24}", row[0])
