"""Rows to try on: for each table, each state that policies tell apart, of the asking user and of another.

Written as the superuser, without constraints and foreign keys. Whose a row is follows from the foreign keys: a table
that leads to `auth.users` belongs to a user.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from policies.review.actors import OTHER, OWNER
from policies.review.row_states import ANOTHER, FUTURE, NOW, NULL, PAST, SET, State, Told
from policies.review.trial_database import Connection, focus_of

OWN, OTHERS, SHARED = "own", "other's", "shared"
IDENTITIES = "auth.users"
USERS = "public.users"
PERSONS = {OWN: OWNER, OTHERS: OTHER}
_SCHEMAS = "n.nspname !~ '^(pg_|information_schema)' and n.nspname <> 'trial'"

_COLUMNS = f"""
select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '' or a.attgenerated <> ''
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
 where c.relkind in ('r', 'p') and {_SCHEMAS} order by 1, a.attnum
"""  # noqa: S608  # of constants
_REFERENCES = f"""
select n.nspname || '.' || c.relname, a.attname, rn.nspname || '.' || rc.relname, ra.attname
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_class rc on rc.oid = k.confrelid join pg_namespace rn on rn.oid = rc.relnamespace
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
  join pg_attribute ra on ra.attrelid = k.confrelid and ra.attnum = k.confkey[1]
 where k.contype = 'f' and {_SCHEMAS}
"""  # noqa: S608  # constants of this module
_CONSTRAINTS = f"""
select n.nspname, c.relname, k.conname from pg_constraint k
  join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
 where k.contype in ('c', 'u', 'f', 'p') and {_SCHEMAS} order by k.contype in ('p', 'u'), 1, 2, 3
"""  # noqa: S608  # constants of this module
_REQUIRED = f"""
select n.nspname, c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attnotnull and a.attidentity = ''
 where c.relkind in ('r', 'p') and {_SCHEMAS}
"""  # noqa: S608  # constants of this module
_INDEXES = f"""
select n.nspname, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace where i.indisunique and not i.indisprimary and {_SCHEMAS}
"""  # noqa: S608  # constants of this module


@dataclass(frozen=True)
class Column:
    """`made` is a column that Postgres fills by itself."""

    name: str
    type: str
    nullable: bool
    default: str
    made: bool


@dataclass(frozen=True)
class Table:
    """A table: its columns, what its columns refer to, and the column that leads to its user."""

    name: str
    columns: tuple[Column, ...]
    references: Mapping[str, tuple[str, str]]
    owner: str

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Seed:
    """A row that is there: `ctid` names it."""

    table: str
    ctid: str
    whose: str
    state: State = field(hash=False)
    user: State = field(hash=False)


def tables(connection: Connection) -> dict[str, Table]:
    """Every table of the product, from the catalog."""
    columns: dict[str, list[Column]] = {}
    for table, name, type_, nullable, default, made in connection.execute(_COLUMNS):
        columns.setdefault(table, []).append(Column(name, type_, nullable, default or "", made))
    references: dict[str, dict[str, tuple[str, str]]] = {}
    for table, name, other, key in connection.execute(_REFERENCES):
        references.setdefault(table, {})[name] = (other, key)
    return {
        table: Table(table, tuple(found), references.get(table, {}), _owner_column(table, references))
        for table, found in columns.items()
    }


def take_constraints_off(connection: Connection) -> None:
    """So that every row can be written; who may write it is left to privileges and policies."""
    for schema, table, name in connection.execute(_CONSTRAINTS).fetchall():
        statement = sql.SQL("alter table {}.{} drop constraint {} cascade")
        connection.execute(statement.format(*map(sql.Identifier, (schema, table, name))))
    for schema, table, name in connection.execute(_REQUIRED).fetchall():
        statement = sql.SQL("alter table {}.{} alter column {} drop not null")
        connection.execute(statement.format(*map(sql.Identifier, (schema, table, name))))
    for schema, name in connection.execute(_INDEXES).fetchall():
        connection.execute(sql.SQL("drop index {}.{}").format(sql.Identifier(schema), sql.Identifier(name)))


def focus(connection: Connection, known: Mapping[str, Table]) -> None:
    """Let the trial choose the row that a statement meets, by a restrictive policy that holds for all when unset."""
    for table in known:
        one = f"nullif(current_setting('{focus_of(table)}', true), '')::tid"
        for verb in ("select", "update", "delete"):
            more = " with check (true)" if verb == "update" else ""
            statement = (
                f"create policy trial_{verb} on {table} as restrictive for {verb} to public"
                f" using ({one} is null or ctid = {one}){more}"
            )
            connection.execute(statement.encode())
    if USERS in known:
        one = "nullif(current_setting('trial.user', true), '')::tid"
        holds = f"{one} is null or ctid = {one} or auth_user_id is distinct from '{OWNER}'"
        statement = f"create policy trial_user on {USERS} as restrictive for select to public using ({holds})"
        connection.execute(statement.encode())


def seed(connection: Connection, known: Mapping[str, Table], told: Mapping[str, Told]) -> list[Seed]:
    """Write the rows. Of a table that belongs to users, each state comes for both persons, and once for each other
    state of its user, such as blocked."""
    found: list[Seed] = []
    connection.execute("set session_replication_role = replica")
    for table in sorted(known.values(), key=lambda each: _distance(each.name)):
        states = told[table.name].states() if table.name in told else [{}]
        for whose in PERSONS if table.owner else (SHARED,):
            for number, state in enumerate(states):
                found.append(_write(connection, known, table, whose, state, number))
            for user in user_states(told) if table.owner and table.name not in (IDENTITIES, USERS) else ():
                solutions = told[table.name].solutions if table.name in told else ()
                found += [_write(connection, known, table, whose, each, 0, user) for each in (states[0], *solutions)]
    connection.execute("set session_replication_role = origin")
    return found


def user_states(told: Mapping[str, Told]) -> list[State]:
    """States of a user that policies of other tables tell apart, but for the plain one."""
    values = told[USERS].values if USERS in told else {}
    return [{column: SET} for column, options in sorted(values.items()) if SET in options]


def value_of(table: Table, column: Column, whose: str, state: State, user: State, known: Mapping[str, Table]) -> Any:
    """What a row of this state has in this column."""
    if column.name in state:
        return _told_value(column, state[column.name])
    if table.name == IDENTITIES and column.name == "id":
        return PERSONS.get(whose, OWNER)
    reference = table.references.get(column.name)
    if reference:
        other, key = reference
        if other == IDENTITIES:
            return PERSONS.get(whose, OWNER)
        return _key_of(known[other].column(key), other, whose, 0, user if other == USERS else {})
    if column.nullable:
        return None
    return _dummy(column)


def _write(
    connection: Connection,
    known: Mapping[str, Table],
    table: Table,
    whose: str,
    state: State,
    number: int,
    user: State | None = None,
) -> Seed:
    own = user or {}
    values = {
        column.name: value_of(table, column, whose, state, own, known)
        for column in table.columns
        if not column.made and (column.name in state or not column.default or column.name in table.references)
    }
    key = table.columns[0]
    if key.type == "uuid" and not key.made and table.name != IDENTITIES and key.name not in state:
        mark = state if table.name == USERS and set(state.values()) == {SET} else own
        values[key.name] = _key_of(key, table.name, whose, 0 if mark else number, mark)
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    statement = sql.SQL("insert into {} ({}) values ({}) returning ctid::text").format(
        sql.Identifier(*table.name.split(".")), names, places
    )
    if not values:
        statement = sql.SQL("insert into {} default values returning ctid::text").format(
            sql.Identifier(*table.name.split("."))
        )
    row = connection.execute(statement, list(values.values())).fetchone()
    assert row is not None
    return Seed(table.name, row[0], whose, state, own)


def _key_of(column: Column, table: str, whose: str, number: int, user: State) -> Any:
    """The key of a seeded row, which rows that refer to it can know."""
    if column.type != "uuid":
        return _dummy(column)
    mark = "".join(f"{name}={value}" for name, value in sorted(user.items()))
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{table}/{whose}/{number}/{mark}")


def _told_value(column: Column, value: str) -> Any:
    match value:
        case _ if value == NULL:
            return None
        case _ if value == SET:
            return _dummy(column)
        case _ if value == NOW:
            return "now"  # which Postgres takes for the begin of the transaction, as now() is
        case _ if value == PAST:
            return "2001-01-01"
        case _ if value == FUTURE:
            return "2101-01-01"
        case _ if value == ANOTHER and column.type not in ("text", "character varying"):
            return _dummy(column)
    return value


def _dummy(column: Column) -> Any:
    match column.type.partition("(")[0]:
        case "uuid":
            return uuid.uuid5(uuid.NAMESPACE_OID, column.name)
        case "smallint" | "integer" | "bigint" | "numeric":
            return 1
        case "boolean":
            return True
        case "bytea":
            return b"x"
        case "jsonb" | "json":
            return "{}"
        case kind if kind.startswith(("timestamp", "date")):
            return "2026-01-01"
        case "interval":
            return "1 day"
    return "x"


def _owner_column(table: str, references: Mapping[str, Mapping[str, tuple[str, str]]]) -> str:
    """The column by which a table belongs to a user: the shortest way of foreign keys to the identities."""
    if table == IDENTITIES:
        return "id"
    direct = {other: name for name, (other, _) in references.get(table, {}).items()}
    for target in (IDENTITIES, USERS):
        if target in direct:
            return direct[target]
    inherited = [name for other, name in direct.items() if other != table and _owner_column(other, references)]
    return inherited[0] if inherited else ""


def _distance(table: str) -> tuple[int, str]:
    """Identities first, then users, then what refers to them."""
    return (0 if table == IDENTITIES else 1 if table == USERS else 2, table)
