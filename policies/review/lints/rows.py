"""Lints of tables: which rows are protected, and what finds them fast."""

# ruff: noqa: S608  # every part of a query is a constant of this package
from __future__ import annotations

from collections.abc import Iterator

from policies.review.lints.registry import OWN_ROLE, OWN_SCHEMA, Database, lint


@lint("DB-ROW-SECURITY")
def row_security_is_enabled_and_forced(database: Database) -> Iterator[str]:
    """row-level security is enabled on every table, and forced on its owner"""
    for table, enabled in database.rows(
        f"""
        select c.oid::regclass::text, c.relrowsecurity from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and {OWN_SCHEMA} and not (c.relrowsecurity and c.relforcerowsecurity)"""
    ):
        yield f"table {table}: row-level security is {'not forced' if enabled else 'off'}"


@lint("DB-VIEW")
def views_look_with_the_eyes_of_their_reader(database: Database) -> Iterator[str]:
    """views that act as their owner, materialized views and foreign tables have no row security: nobody gets them"""
    for kind, name, roles in database.rows(
        f"""
        select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'foreign table' end,
          c.oid::regclass::text, pg_catalog.string_agg(r.rolname, ', ' order by r.rolname)
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_roles r on r.oid <> c.relowner and not r.rolsuper
          and pg_catalog.has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
        where {OWN_SCHEMA} and {OWN_ROLE} and (c.relkind in ('m', 'f') or c.relkind = 'v'
          and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on'], false))
        group by 1, 2"""
    ):
        yield f"{kind} {name}: shows rows past their policies to {roles}"


@lint("DB-FOREIGN-KEY-INDEX")
def foreign_keys_are_indexed(database: Database) -> Iterator[str]:
    """the columns of each foreign key lead an index: else deleting what they point to reads the whole table"""
    for table, key, columns in database.rows(
        f"""
        select c.oid::regclass::text, k.conname, (select pg_catalog.string_agg(a.attname, ', ')
            from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum = any(k.conkey))
        from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where k.contype = 'f' and {OWN_SCHEMA} and not exists (
          select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisvalid and i.indpred is null
            and (i.indkey::int2[])[0:pg_catalog.cardinality(k.conkey) - 1] @> k.conkey)"""
    ):
        yield f"table {table}: no index begins with {columns}, of foreign key {key}"
