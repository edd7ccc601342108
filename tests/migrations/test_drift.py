"""Drift: each kind of object that differs between a database and what the migrations make is named, both ways."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from databases import database

from mathison_data.migrations import drift, schema
from mathison_data.settings import parse_url

# What is done to the database by hand, and what must be found of it.
CHANGES = {
    "CREATE TABLE extra (id bigint PRIMARY KEY, note text)": ["table extra exists only in the database"],
    "DROP TABLE messages": ["table messages is missing in the database"],
    "CREATE INDEX recipes_foo_idx ON recipes (tier)": ["index recipes_foo_idx exists only in the database"],
    "CREATE UNIQUE INDEX u ON recipes (lower(slug)) WHERE tier = 'OFFICIAL'": ["index u exists only in the database"],
    "ALTER TABLE users ADD COLUMN phone text": ["column users.phone exists only in the database"],
    "ALTER TABLE users DROP COLUMN name": ["column users.name is missing in the database"],
    "ALTER TABLE users ALTER COLUMN name SET NOT NULL": ["column users.name differs"],
    "ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x'": ["column users.name differs"],
    "ALTER TABLE users ALTER COLUMN email TYPE varchar(99)": ["column users.email differs"],
    'ALTER TABLE users ALTER COLUMN email TYPE text COLLATE "C"': ["column users.email differs"],
    "ALTER TABLE users ALTER COLUMN email SET STATISTICS 7": ["column users.email differs"],
    "ALTER TABLE users ALTER COLUMN email SET STORAGE EXTERNAL": ["column users.email differs"],
    "ALTER TABLE users ALTER COLUMN email SET (n_distinct = -1)": ["column users.email differs"],
    "ALTER TABLE recipes ALTER COLUMN embedding TYPE vector(3)": ["column recipes.embedding differs"],
    "ALTER TABLE users ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY": [
        "column users.n exists only in the database",
        "sequence users_n_seq exists only in the database",
    ],
    "ALTER TABLE users DROP COLUMN email; ALTER TABLE users ADD COLUMN email text NOT NULL UNIQUE; "
    "COMMENT ON COLUMN users.email IS 'Sign-in name, unique over all tenants.'": [
        "order of the columns of table users differs"
    ],
    "ALTER TABLE users ADD CONSTRAINT users_name_check CHECK (name <> '')": [
        "constraint users.users_name_check exists only in the database"
    ],
    "ALTER TABLE users DROP CONSTRAINT users_email_key": [
        "constraint users.users_email_key is missing in the database"
    ],
    "ALTER TABLE users DROP CONSTRAINT users_tenant_id_fkey; ALTER TABLE users ADD CONSTRAINT users_tenant_id_fkey "
    "FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON UPDATE CASCADE ON DELETE CASCADE NOT VALID": [
        "constraint users.users_tenant_id_fkey differs"
    ],
    "ALTER TABLE users DISABLE TRIGGER users_set_updated_at": ["trigger users.users_set_updated_at differs"],
    "DROP TRIGGER users_set_updated_at ON users": ["trigger users.users_set_updated_at is missing in the database"],
    "CREATE RULE quiet AS ON DELETE TO users DO INSTEAD NOTHING": ["rule users.quiet exists only in the database"],
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY": ["table users differs"],
    "CREATE POLICY mine ON users FOR SELECT TO CURRENT_USER USING (true)": [
        "policy users.mine exists only in the database"
    ],
    "ALTER TABLE users SET (fillfactor = 70)": ["table users differs"],
    "ALTER TABLE users SET (toast.autovacuum_enabled = false)": ["table users differs"],
    "ALTER TABLE messages SET UNLOGGED": ["table messages differs"],
    "ALTER TABLE users REPLICA IDENTITY FULL": ["table users differs"],
    "ALTER TABLE users CLUSTER ON users_pkey": ["constraint users.users_pkey differs"],
    "ALTER TYPE \"Role\" ADD VALUE 'GUEST'": ['enum "Role" differs'],
    "CREATE TYPE mood AS ENUM ('good')": ["enum mood exists only in the database"],
    "CREATE DOMAIN slug AS text NOT NULL CONSTRAINT short CHECK (length(VALUE) < 9)": [
        "domain slug exists only in the database"
    ],
    "CREATE TYPE pair AS (a integer, b text)": ["type pair exists only in the database"],
    "CREATE TYPE span AS RANGE (subtype = time)": ["type span exists only in the database"],
    "CREATE VIEW names AS SELECT name FROM users": ["view names exists only in the database"],
    "CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM users": [
        "materialized view counts exists only in the database"
    ],
    "CREATE SEQUENCE numbers CACHE 5": ["sequence numbers exists only in the database"],
    "CREATE STATISTICS both_names ON email, name FROM users": ["statistics both_names exists only in the database"],
    "CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'": [
        "function set_updated_at() differs"
    ],
    "ALTER FUNCTION set_updated_at() SET work_mem = '1MB'": ["function set_updated_at() differs"],
    "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'": ["function one() exists only in the database"],
    "CREATE PROCEDURE go() LANGUAGE sql AS 'SELECT 1'": ["procedure go() exists only in the database"],
    "CREATE AGGREGATE total (integer) (sfunc = int4pl, stype = integer)": [
        "aggregate total(integer) exists only in the database"
    ],
    "CREATE OPERATOR === (leftarg = text, rightarg = text, function = texteq)": [
        "operator public.===(pg_catalog.text,pg_catalog.text) exists only in the database"
    ],
    'CREATE COLLATION plain FROM "C"': ["collation public.plain exists only in the database"],
    "CREATE SCHEMA other CREATE TABLE things (id integer)": [
        "schema other exists only in the database",
        "table other.things exists only in the database",
    ],
    "CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION cry()": [
        "event trigger watch exists only in the database"
    ],
    "COMMENT ON TABLE users IS 'Other words.'": ["comment on table users differs"],
    "COMMENT ON COLUMN users.name IS NULL": ["comment on column users.name is missing in the database"],
}


@pytest.fixture(scope="module")
def model(server_url: str, migrated_template: str) -> Iterator[psycopg.Connection]:
    """A second database with all migrations, that nothing changes."""
    with (
        database(server_url, migrated_template) as (url, _keep),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield connection


@pytest.fixture(scope="module")
def changed(server_url: str, migrated_template: str) -> Iterator[psycopg.Connection]:
    """A database with all migrations, that each test changes within a transaction."""
    with database(server_url, migrated_template) as (url, _keep), psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_two_databases_of_the_same_migrations_do_not_differ(
    changed: psycopg.Connection, model: psycopg.Connection
) -> None:
    assert drift.compare(changed, model) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_found(change: str, changed: psycopg.Connection, model: psycopg.Connection) -> None:
    with changed.transaction(force_rollback=True):
        if "cry()" in change:
            changed.execute("CREATE FUNCTION model_cry() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
            change = change.replace("cry()", "model_cry()")
        changed.execute(change.encode())
        found = [str(difference).splitlines()[0] for difference in drift.compare(changed, model)]
        turned = [str(difference).splitlines()[0] for difference in drift.compare(model, changed)]
    expected = CHANGES[change.replace("model_cry()", "cry()")]
    found = [line for line in found if "model_cry" not in line]
    assert found == expected
    swap = {"exists only in the database": "is missing in the database"}
    swap |= {value: key for key, value in swap.items()}
    expected_turned = [next((line.replace(a, b) for a, b in swap.items() if a in line), line) for line in expected]
    assert [line for line in turned if "model_cry" not in line] == expected_turned


def test_an_invalid_index_is_found(database_url: str, model: psycopg.Connection) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE INDEX recipes_tier_idx ON recipes (tier)")
        with psycopg.connect(model.info.dsn, autocommit=True) as other, other.transaction(force_rollback=True):
            other.execute("CREATE INDEX recipes_tier_idx ON recipes (tier)")
            assert drift.compare(connection, other) == []
            connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'recipes_tier_idx'::regclass")
            [difference] = drift.compare(connection, other)
    assert difference.in_database
    assert difference.in_database.endswith("INVALID")


def test_both_definitions_are_shown(changed: psycopg.Connection, model: psycopg.Connection) -> None:
    with changed.transaction(force_rollback=True):
        changed.execute("ALTER TABLE users ALTER COLUMN name TYPE varchar(9)")
        [difference] = drift.compare(changed, model)
    assert str(difference) == (
        "column users.name differs\n  in the database:   character varying(9)\n  by the migrations: text"
    )


def test_storage_is_spelt_as_in_sql(changed: psycopg.Connection, model: psycopg.Connection) -> None:
    with changed.transaction(force_rollback=True):
        changed.execute("ALTER TABLE users ALTER COLUMN name SET STORAGE EXTERNAL, ALTER name SET COMPRESSION pglz")
        [difference] = drift.compare(changed, model)
    assert difference.in_database == "text STORAGE EXTERNAL COMPRESSION pglz"


def test_the_schema_file_is_what_the_migrations_make(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        if connection.info.server_version < 180000:
            pytest.skip("the file is written by PostgreSQL 18, and older ones spell it otherwise")
    made = schema.text(parse_url(database_url, "test"))
    assert made == schema.path().read_text(), "write it anew: python -m mathison_data.migrations.schema"
