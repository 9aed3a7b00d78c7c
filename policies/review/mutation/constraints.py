"""Constraints, on which the access rules lean: which rows each of them keeps out, found by writing wrong ones.

Tried on rows that keep every constraint (scene.sql), with one value changed at a time, and on copies that repeat what
must be unique. A constraint binds every role, so these attempts are the superuser's.
"""

# ruff: noqa: S608  # every part of a statement is a name that Postgres quoted, or a literal it made
from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from policies.review.mutation.mutants import ConstraintMutant, operator

Connection = psycopg.Connection[Any]
Outcomes = Mapping[str, str]

SCENE = Path(__file__).with_name("scene.sql")
DROP_CHECK = operator("drop-check", "drop a check constraint")
DROP_UNIQUE = operator("drop-unique", "drop a primary key, a unique constraint or a unique index")
DROP_FOREIGN_KEY = operator("drop-foreign-key", "drop a foreign key")
DROP_NOT_NULL = operator("drop-not-null", "let a column be null")
_OPERATORS = {"c": DROP_CHECK, "u": DROP_UNIQUE, "p": DROP_UNIQUE, "f": DROP_FOREIGN_KEY, "n": DROP_NOT_NULL}

_OURS = "n.nspname !~ '^(pg_|information_schema)'"
_CONSTRAINTS = f"""
select c.oid::regclass::text, k.conname, k.contype::text, pg_get_constraintdef(k.oid)
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
 where {_OURS} and not (k.contype = 'n' and exists (
   select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.conkey[1]
   where i.indrelid = k.conrelid and (i.indisprimary and k.conkey[1] = any(i.indkey) or a.attidentity <> '')))
union all
select c.oid::regclass::text, x.relname, 'i', pg_get_indexdef(i.indexrelid)
  from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
 where i.indisunique and {_OURS} and not exists (select from pg_constraint k where k.conindid = i.indexrelid
   and k.contype in ('p', 'u')) order by 1, 2"""
_COLUMNS = f"""
select c.oid::regclass::text, quote_ident(a.attname), format_type(a.atttypid, null),
  (select f.confrelid::regclass::text from pg_constraint f
   where f.conrelid = c.oid and f.contype = 'f' and f.conkey = array[a.attnum] limit 1)
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and {_OURS}
 order by 1, a.attnum"""
_UNIQUE = f"""
select i.indrelid::regclass::text, x.relname, array(select quote_ident(a.attname) from pg_attribute a
    where a.attrelid = i.indrelid and a.attnum = any(i.indkey))
  from pg_index i join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
 where i.indisunique and {_OURS} order by 1, 2"""
# Each attempt is undone; the answer names the constraint that was in its way.
_ATTEMPTS = """
do $do$
declare
  attempt text; named text; met bigint; answers jsonb := '{}';
begin
  for attempt in select jsonb_array_elements_text(current_setting('mutation.attempts')::jsonb) loop
    begin
      execute attempt;
      get diagnostics met = row_count;
      raise exception using errcode = 'TR000', message = met::text;
    exception when others then
      get stacked diagnostics named = constraint_name;
      answers := answers || jsonb_build_object(attempt,
        case when sqlstate = 'TR000' then sqlerrm || ' rows' else sqlstate || ' ' || coalesce(named, '') end);
    end;
  end loop;
  perform set_config('mutation.answers', answers::text, true);
end
$do$"""


@dataclass(frozen=True)
class Column:
    """`refers` is the table a foreign key of this column alone points to."""

    name: str
    type: str
    refers: str | None


def constraint_mutants(connection: Connection) -> Iterator[ConstraintMutant]:
    """A mutant for each constraint and unique index that the schema versions make."""
    connection.execute("set search_path = ''")
    for table, name, kind, _ in connection.execute(_CONSTRAINTS.encode()).fetchall():
        if kind == "i":
            change = f'drop index {table.partition(".")[0]}."{name}"'
        else:
            change = f'alter table {table} drop constraint "{name}" cascade'
        yield ConstraintMutant(_OPERATORS.get(kind, DROP_UNIQUE), f"{table} {name}", "", table, change)


class ConstraintJudge:
    """What may be written into each table of a database, with a constraint and without it."""

    def __init__(self, connection: Connection) -> None:
        """Write the scene into the database of `connection`, which must have the schema versions and no rows."""
        self._connection = connection
        connection.execute("set search_path = ''")
        connection.execute(SCENE.read_bytes())
        self._attempts = {table: list(found) for table, found in _attempts(connection).items()}
        self._whole = {table: self._outcomes(table) for table in self._attempts}

    def catches(self, mutant: ConstraintMutant) -> str:
        """The first attempt that ends otherwise without the constraint; "" when none does."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(mutant.change.encode())
            changed = self._outcomes(mutant.table)
        whole = self._whole[mutant.table]
        return next((attempt for attempt, outcome in whole.items() if changed[attempt] != outcome), "")

    def _outcomes(self, table: str) -> Outcomes:
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(
                "select set_config('mutation.attempts', %s, true)", (json.dumps(self._attempts[table]),)
            )
            self._connection.execute(_ATTEMPTS)
            row = self._connection.execute("select current_setting('mutation.answers')").fetchone()
        assert row is not None
        answers: dict[str, str] = json.loads(row[0])
        return answers


def _attempts(connection: Connection) -> dict[str, Iterator[str]]:
    columns: dict[str, list[Column]] = defaultdict(list)
    for table, *column in connection.execute(_COLUMNS.encode()).fetchall():
        columns[table].append(Column(*column))
    texts: dict[str, str] = defaultdict(str)
    for table, _, _, text in connection.execute(_CONSTRAINTS.encode()).fetchall():
        texts[table] += f" {text}"
    unique: dict[str, list[list[str]]] = defaultdict(list)
    for table, _, names in connection.execute(_UNIQUE.encode()).fetchall():
        unique[table].append(names)
    found = {}
    for table, known in columns.items():
        rows = [row for (row,) in connection.execute(f"select ctid::text from {table}".encode()).fetchall()]
        if not rows:
            raise ValueError(f"scene.sql has no row of {table}: its constraints cannot be tried")
        found[table] = iter([*_changed(table, known, rows, texts[table]), *_copied(table, known, rows, unique[table])])
    return found


def _changed(table: str, columns: list[Column], rows: list[str], constraints: str) -> Iterator[str]:
    """Each row with one value changed: to null, to what the constraints speak of, and to the unheard of."""
    literals = re.findall(r"'([^']*)'", constraints)
    numbers = {int(number) + step for number in re.findall(r"(?<![\w'])-?\d+", constraints) for step in (-1, 0, 1)}
    for column in columns:
        match column.type:
            case "text":
                values = [f"'{literal}'" for literal in {*literals, "unheard of"}]
            case "smallint" | "integer" | "bigint" | "numeric":
                values = [str(number) for number in {*numbers, -1, 0, 1, 5} if -32768 <= number < 32768]
            case "uuid":
                values = ["gen_random_uuid()"]
            case "boolean":
                values = ["true", "false"]
            case kind if kind.startswith("timestamp"):
                values = ["now()"]
            case "bytea":
                values = [r"'\x01'"]
            case _:
                values = ["'{}'"]
        for value in ["null", *sorted(values)]:
            for row in rows:
                yield f"update {table} set {column.name} = {value} where ctid = '{row}'"


def _copied(table: str, columns: list[Column], rows: list[str], unique: list[list[str]]) -> Iterator[str]:
    """Each row once more, with new values in every unique column but those of one index."""
    for same in unique:
        fresh = {name for names in unique for name in names} - set(same)
        if any(len(names) < len(same) and set(names) < set(same) for names in unique):
            continue
        values = [_fresh(table, column) if column.name in fresh else column.name for column in columns]
        names = ", ".join(column.name for column in columns)
        for row in rows:
            yield (
                f"insert into {table} ({names}) overriding system value"
                f" select {', '.join(values)} from {table} where ctid = '{row}'"
            )


def _fresh(table: str, column: Column) -> str:
    """A value that no row has; null stays null, since that is unique already."""
    return f"case when {column.name} is not null then {_new_value(table, column)} end"


def _new_value(table: str, column: Column) -> str:
    if column.refers:
        unused = f"not exists (select from {table} used where used.{column.name} = other.id)"
        return f"(select other.id from {column.refers} other where {unused} limit 1)"
    match column.type:
        case "uuid":
            return "gen_random_uuid()"
        case "text":
            return "gen_random_uuid()::text"
        case "bytea":
            return "gen_random_uuid()::text::bytea"
        case "boolean":
            return f"not {column.name}"
    return "1000000"
