"""Rules for the whole database that are tried, not read; test_lints.py has those that the catalog tells."""

from __future__ import annotations

import pytest

from policies.model.postgres import render_postgres_model
from tests.database.scene import MASTER, STACK, Database

OURS = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"


def test_public_reaches_nothing(database: Database) -> None:
    """Tried as a role that holds nothing but what everybody holds."""
    query = f"""
        select 'schema ' || n.nspname as name from pg_namespace n
          where {OURS} and has_schema_privilege('nobody_at_all', n.oid, 'usage, create')
        union all select 'table ' || c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where {OURS} and c.relkind in ('r', 'p', 'v', 'm')
          and (has_table_privilege('nobody_at_all', c.oid, 'select, insert, update, delete, truncate, trigger')
            or has_any_column_privilege('nobody_at_all', c.oid, 'select, insert, update, references'))
        union all select 'sequence ' || c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where {OURS} and case c.relkind when 'S'
            then has_sequence_privilege('nobody_at_all', c.oid, 'usage, select, update') else false end
        union all select 'function ' || p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
          where {OURS} and has_function_privilege('nobody_at_all', p.oid, 'execute')
        union all select 'database' where has_database_privilege('nobody_at_all', current_database(),
          'connect, create, temporary')"""
    with database.superuser() as connection, connection.transaction(force_rollback=True):
        connection.execute("create role nobody_at_all")
        assert connection.execute(query.encode()).fetchall() == []
        connection.execute("grant usage on schema auth to public")
        connection.execute("grant execute on function auth.uid() to public")
        planted = {row["name"] for row in connection.execute(query.encode())}
        assert planted == {"schema auth", "function auth.uid()"}


def test_what_the_master_creates_next_is_not_publics_either(database: Database) -> None:
    with database.connect("database_admin") as connection, connection.transaction(force_rollback=True):
        connection.execute("create function public.helper() returns int language sql return 1")
        row = connection.execute(
            "select exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)"
            " as open from pg_proc where oid = 'public.helper()'::regprocedure"
        ).fetchone()
    assert row == {"open": False}


def test_no_role_of_the_stack_owns_creates_or_escapes(database: Database) -> None:
    query = """select rolname from pg_roles where rolname = any(%s) and (rolsuper or rolbypassrls or rolcreaterole
        or rolcreatedb or rolreplication or exists (select from pg_class where relowner = pg_roles.oid)
        or exists (select from pg_proc where proowner = pg_roles.oid))"""
    roles = [*render_postgres_model(STACK)["roles"]]
    with database.superuser() as connection:
        assert connection.execute(query, (roles,)).fetchall() == []
        assert [row["rolname"] for row in connection.execute(query, ([MASTER],))] == [MASTER]


def test_the_master_is_no_superuser(database: Database) -> None:
    with database.connect("database_admin") as connection:
        row = connection.execute(
            "select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone()
    assert row == {"rolsuper": False, "rolbypassrls": False, "rolcreaterole": True}


@pytest.mark.plan("M2")
def test_auth_user_id_is_a_unique_foreign_key_to_the_identity(database: Database) -> None:
    with database.superuser() as connection:
        found = connection.execute(
            "select contype, pg_get_constraintdef(oid) as says from pg_constraint"
            " where conrelid = 'public.users'::regclass and contype in ('f', 'u')"
        ).fetchall()
    says = {row["says"] for row in found}
    assert says == {"UNIQUE (auth_user_id)", "FOREIGN KEY (auth_user_id) REFERENCES auth.users(id)"}
