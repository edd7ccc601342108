"""The baseline schema is a contract with clients in another language: every name, type, default and key of it."""

from __future__ import annotations

import psycopg
import pytest

ENUMS = {
    "Role": ["ADMIN", "USER"],
    "TenantStatus": ["ACTIVE", "SUSPENDED", "DELETED"],
    "RecipeTier": ["OFFICIAL", "VERIFIED", "COMMUNITY"],
    "RecipeStatus": ["DRAFT", "PUBLISHED", "DEPRECATED"],
    "DeploymentStatus": ["PENDING", "DEPLOYING", "RUNNING", "FAILED", "STOPPED", "DELETING"],
    "MessageRole": ["USER", "ASSISTANT", "SYSTEM", "TOOL"],
}

# Column: type, "?" where null is allowed, default after "=".
ID = "text = cuid()"
NOW = "timestamptz(3) = now()"
OBJECT = "jsonb = '{}'::jsonb"
TABLES = {
    "tenants": {
        "id": ID,
        "slug": "text",
        "name": "text",
        "namespace": "text",
        "quota": OBJECT,
        "status": '"TenantStatus" = \'ACTIVE\'::"TenantStatus"',
        "created_at": NOW,
        "updated_at": NOW,
    },
    "users": {
        "id": ID,
        "email": "text",
        "password_hash": "text?",
        "name": "text?",
        "role": '"Role" = \'USER\'::"Role"',
        "tenant_id": "text",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "recipes": {
        "id": ID,
        "slug": "text",
        "display_name": "text",
        "description": "text",
        "category": "text",
        "tags": "text[]? = '{}'::text[]",
        "icon_url": "text?",
        "source_type": "text = 'helm'::text",
        "chart_url": "text",
        "chart_version": "text?",
        "config_schema": OBJECT,
        "secrets_schema": OBJECT,
        "values_template": "text = ''::text",
        "dependencies": "jsonb = '[]'::jsonb",
        "ingress_config": OBJECT,
        "resource_defaults": OBJECT,
        "resource_limits": OBJECT,
        "health_check": OBJECT,
        "ai_hints": OBJECT,
        "embedding": "vector(1536)?",
        "tier": '"RecipeTier" = \'COMMUNITY\'::"RecipeTier"',
        "status": '"RecipeStatus" = \'DRAFT\'::"RecipeStatus"',
        "created_by_id": "text?",
        "version": "integer = 1",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "recipe_versions": {
        "id": ID,
        "recipe_id": "text",
        "version": "integer",
        "snapshot": "jsonb",
        "changed_by": "text?",
        "created_at": NOW,
    },
    "stacks": {
        "id": ID,
        "slug": "text",
        "display_name": "text",
        "description": "text",
        "services": "jsonb",
        "ai_hints": OBJECT,
        "embedding": "vector(1536)?",
        "tier": '"RecipeTier" = \'COMMUNITY\'::"RecipeTier"',
        "status": '"RecipeStatus" = \'DRAFT\'::"RecipeStatus"',
        "created_by_id": "text?",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "deployments": {
        "id": ID,
        "tenant_id": "text",
        "recipe_id": "text",
        "recipe_version": "integer",
        "name": "text",
        "namespace": "text",
        "helm_release": "text",
        "config": OBJECT,
        "secrets_ref": "text?",
        "status": '"DeploymentStatus" = \'PENDING\'::"DeploymentStatus"',
        "url": "text?",
        "error_message": "text?",
        "depends_on": "text[]? = '{}'::text[]",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "conversations": {
        "id": ID,
        "tenant_id": "text",
        "user_id": "text",
        "title": "text?",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "messages": {
        "id": ID,
        "conversation_id": "text",
        "role": '"MessageRole"',
        "content": "text",
        "tool_invocations": "jsonb?",
        "created_at": NOW,
    },
}

FOREIGN_KEY = "FOREIGN KEY ({}) REFERENCES {}(id) ON UPDATE CASCADE ON DELETE {}"
KEYS = {f"{table}_pkey": "PRIMARY KEY (id)" for table in TABLES} | {
    "tenants_slug_key": "UNIQUE (slug)",
    "tenants_namespace_key": "UNIQUE (namespace)",
    "users_email_key": "UNIQUE (email)",
    "users_tenant_id_fkey": FOREIGN_KEY.format("tenant_id", "tenants", "RESTRICT"),
    "recipes_slug_key": "UNIQUE (slug)",
    "recipe_versions_recipe_id_version_key": "UNIQUE (recipe_id, version)",
    "recipe_versions_recipe_id_fkey": FOREIGN_KEY.format("recipe_id", "recipes", "CASCADE"),
    "stacks_slug_key": "UNIQUE (slug)",
    "deployments_tenant_id_name_key": "UNIQUE (tenant_id, name)",
    "deployments_tenant_id_fkey": FOREIGN_KEY.format("tenant_id", "tenants", "RESTRICT"),
    "deployments_recipe_id_fkey": FOREIGN_KEY.format("recipe_id", "recipes", "RESTRICT"),
    "conversations_tenant_id_fkey": FOREIGN_KEY.format("tenant_id", "tenants", "RESTRICT"),
    "conversations_user_id_fkey": FOREIGN_KEY.format("user_id", "users", "RESTRICT"),
    "messages_conversation_id_fkey": FOREIGN_KEY.format("conversation_id", "conversations", "CASCADE"),
}


def test_enums_have_their_values_in_order(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT typname, array_agg(enumlabel::text ORDER BY enumsortorder) "
        "FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid WHERE typnamespace = 'public'::regnamespace GROUP BY 1"
    )
    assert dict(rows.fetchall()) == ENUMS


def test_tables_and_columns_are_exactly_the_contract(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        """
        SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p', 'v', 'm')
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
          AND relname !~ '^(_?yoyo|mathison_migration$)'
        ORDER BY relname, attnum
        """
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, type_, not_null, default in rows:
        type_ = type_.replace("timestamp(3) with time zone", "timestamptz(3)")
        text = f"{type_}{'' if not_null else '?'}" + (f" = {default}" if default else "")
        found.setdefault(table, {})[column] = text
    assert found.keys() == TABLES.keys()
    for table, columns in TABLES.items():
        assert list(found[table].items()) == list(columns.items()), table


def test_keys_have_their_names_and_rules(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
        "AND contype IN ('p', 'u', 'f') AND conrelid::regclass::text !~ '^(_?yoyo|mathison_migration$)'"
    )
    assert dict(rows.fetchall()) == KEYS


def test_every_table_column_and_function_is_commented_in_a_sentence(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        """
        SELECT relname || coalesce('.' || attname, ''), coalesce(col_description(c.oid, attnum), '')
        FROM pg_class c
        JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
          AND relname !~ '^(_?yoyo|mathison_migration$)'
        UNION ALL
        SELECT relname, coalesce(obj_description(oid, 'pg_class'), '')
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
          AND relname !~ '^(_?yoyo|mathison_migration$)'
        UNION ALL
        SELECT proname, coalesce(obj_description(oid, 'pg_proc'), '')
        FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
        """
    ).fetchall()
    assert len(rows) > 90
    assert [name for name, comment in rows if not comment.endswith(".") or len(comment) < 20] == []


@pytest.mark.parametrize("table", [name for name, columns in TABLES.items() if "updated_at" in columns])
class TestUpdatedAt:
    """updated_at moves with the server's clock on every UPDATE that changes the row, whatever is sent."""

    @pytest.fixture
    def row(self, connection: psycopg.Connection, table: str) -> str:
        connection.execute(
            """
            INSERT INTO tenants (id, slug, name, namespace) VALUES ('t', 'acme', 'Acme', 'tenant-acme');
            INSERT INTO users (id, email, tenant_id) VALUES ('u', 'ada@example.com', 't');
            INSERT INTO recipes (id, slug, display_name, description, category, chart_url)
              VALUES ('r', 'redis', 'Redis', 'd', 'database', 'bitnami/redis');
            INSERT INTO stacks (id, slug, display_name, description, services) VALUES ('s', 'lamp', 'LAMP', 'd', '[]');
            INSERT INTO deployments (id, tenant_id, recipe_id, recipe_version, name, namespace, helm_release)
              VALUES ('d', 't', 'r', 1, 'cache', 'tenant-acme', 'cache');
            INSERT INTO conversations (id, tenant_id, user_id) VALUES ('c', 't', 'u');
            """
        )
        connection.execute("ALTER TABLE tenants DISABLE TRIGGER USER")  # the trigger would move it
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute(f"UPDATE {table} SET updated_at = '2001-01-01 00:00Z'")
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return table[0]

    def after(self, connection: psycopg.Connection, table: str, assignment: str) -> tuple[bool, bool]:
        """Run an UPDATE in a transaction that began a while before; tell if updated_at moved, and to the clock."""
        with connection.transaction():
            connection.execute("SELECT pg_sleep(0.02)")
            row = connection.execute(
                f"UPDATE {table} SET {assignment} RETURNING updated_at > '2001-01-01 00:00Z', "
                "updated_at BETWEEN now() + interval '10 ms' AND clock_timestamp() + interval '1 ms'"
            ).fetchone()
        assert row
        return row

    def test_moves_when_a_column_changes(self, connection: psycopg.Connection, table: str, row: str) -> None:
        assert self.after(connection, table, f"id = '{row}2'") == (True, True)

    def test_moves_when_only_updated_at_is_sent(self, connection: psycopg.Connection, table: str, row: str) -> None:
        assert self.after(connection, table, "updated_at = '1999-01-01'") == (True, True)

    def test_ignores_what_was_sent(self, connection: psycopg.Connection, table: str, row: str) -> None:
        assert self.after(connection, table, f"id = '{row}2', updated_at = '2999-01-01'") == (True, True)

    def test_stays_when_nothing_changes(self, connection: psycopg.Connection, table: str, row: str) -> None:
        assert self.after(connection, table, "id = id, created_at = created_at") == (False, False)
