"""Lints of what policies and functions say, read as syntax trees; whether it is always true, the planner judges."""

# ruff: noqa: S608  # every part of a query is a constant of this package, or a name or expression that Postgres wrote
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlglot
from sqlglot import exp

from policies.review.lints.registry import OWN_SCHEMA, Database, lint

USERS = ("authenticated", "anon", "anonymous")
"""Roles of users by Supabase's names; a role without a login of its own is one as well, and so is PUBLIC."""
SIGNED_CLAIMS = frozenset({"sub", "role", "is_anonymous", "iss", "aud", "exp", "iat", "jti"})
"""What the issuer says itself. Anything else in a token may be the user's own words."""
_CLAIMS = "request.jwt.claims"
_SETTING = re.compile(r"current_setting\(\s*'([^']*)'", re.IGNORECASE)
_MEMBER = re.compile(r"(?:->>?|#>>?)\s*'([^']*)'")
_USERS_WORDS = re.compile(r"\w*user_?meta_?data\w*", re.IGNORECASE)
_ROW_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "TID Cond")
_VERBS = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}


@dataclass(frozen=True)
class Clause:
    """The `using` or `with check` of a policy, in Postgres's words."""

    policy: str
    table: str
    verb: str
    roles: tuple[str, ...]
    is_of_users: bool
    permissive: bool
    word: str
    text: str

    def tree(self) -> exp.Expr:
        return sqlglot.parse_one(self.text, dialect="postgres")


def clauses(database: Database) -> list[Clause]:
    """Every clause of every policy."""
    found = database.rows(
        f"""
        select pg_catalog.format('%%s.%%I', c.oid::regclass, p.polname), c.oid::regclass::text, p.polcmd::text,
          array(select coalesce(r.rolname, 'PUBLIC') from pg_catalog.unnest(p.polroles) held
                left join pg_catalog.pg_roles r on r.oid = held order by 1),
          exists (select from pg_catalog.unnest(p.polroles) held left join pg_catalog.pg_roles r on r.oid = held
                  where r.oid is null or not r.rolcanlogin or r.rolname = any(%s)),
          p.polpermissive, clause.word, clause.text
        from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        cross join lateral (values ('using', pg_catalog.pg_get_expr(p.polqual, p.polrelid)),
          ('with check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))) clause(word, text)
        where clause.text is not null and {OWN_SCHEMA}""",
        list(USERS),
    )
    return [
        Clause(policy, table, _VERBS[verb], tuple(roles), users, permissive, word, text)
        for policy, table, verb, roles, users, permissive, word, text in found
    ]


@lint("DB-OPEN-POLICY")
def policies_of_users_look_at_the_row(database: Database) -> Iterator[str]:
    """no policy of authenticated, anonymous or PUBLIC holds for every row; a worker's does with a reason beside it"""
    for clause in clauses(database):
        who = ", ".join(clause.roles)
        try:
            with database.connection.transaction():
                if not clause.permissive or not _holds_for_every_row(database, clause):
                    continue
        except psycopg.Error as error:
            yield f"policy {clause.policy}: {clause.word} cannot be judged: {error.diag.message_primary}"
            continue
        if clause.is_of_users:
            yield f"policy {clause.policy}: {clause.word} holds for every row, for {who}"
        elif clause.policy not in database.reasons:
            what = f"{clause.word} holds for every row, for {who} ({clause.verb}), with no reason"
            yield f"policy {clause.policy}: {what}"


@lint("DB-POLICY-ROLE")
def policies_name_their_roles(database: Database) -> Iterator[str]:
    """a policy is for roles that it names, not for PUBLIC"""
    for clause in clauses(database):
        if "PUBLIC" in clause.roles and clause.permissive:
            yield f"policy {clause.policy}: is for PUBLIC"


@lint("DB-WRAPPED-HELPER")
def helpers_run_once_a_statement(database: Database) -> Iterator[str]:
    """a policy calls its helpers as `(select helper())`: bare, they run once a row"""
    for clause in clauses(database):
        for call in clause.tree().find_all(exp.Func):
            if _is_helper(call) and not _is_wrapped(call):
                yield f"policy {clause.policy}: {clause.word} calls {_name(call)}() bare"


@lint("DB-POLICY-SCAN")
def rows_are_found_by_one_value(database: Database) -> Iterator[str]:
    """a user's policy finds rows by `= (select …)`: under row-level security `in (select …)` reads the whole table"""
    for clause in clauses(database):
        if clause.is_of_users and clause.word == "using":
            for condition in clause.tree().find_all(exp.In, exp.Any):
                if condition.find(exp.Select) is not None and condition.parent_select is None:
                    yield f"policy {clause.policy}: compares {condition.this.name} with the rows of a query"


@lint("DB-POLICY-INDEX")
def compared_columns_are_indexed(database: Database) -> Iterator[str]:
    """a column by which a user's policy finds rows leads an index, on both sides of the comparison"""
    indexed = {
        (table, column)
        for table, column in database.rows(
            "select i.indrelid::regclass::text, a.attname from pg_catalog.pg_index i join pg_catalog.pg_attribute a "
            "on a.attrelid = i.indrelid and a.attnum = i.indkey[0] where i.indisvalid and i.indpred is null"
        )
    }
    for clause in clauses(database):
        if clause.is_of_users:
            for table, column in _compared(clause):
                if (table, column) not in indexed:
                    yield f"policy {clause.policy}: no index begins with {table}.{column}"


@lint("DB-USER-CLAIM")
def nothing_trusts_what_users_write(database: Database) -> Iterator[str]:
    """policies and functions read the signed claims alone, of the setting that holds verified ones"""
    texts = [(f"policy {clause.policy}", clause.text) for clause in clauses(database)]
    texts += database.rows(
        f"""
        select 'function ' || p.oid::regprocedure, pg_catalog.pg_get_functiondef(p.oid) from pg_catalog.pg_proc p
        join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.prokind in ('f', 'p') and {OWN_SCHEMA}"""
    )
    for what, text in texts:
        for setting in _SETTING.findall(text):
            if setting != _CLAIMS:
                yield f"{what}: reads the setting {setting}, which a request may set"
        for member in _MEMBER.findall(text):
            if member.strip("{}") not in SIGNED_CLAIMS:
                yield f"{what}: trusts the claim {member}"
        for words in _USERS_WORDS.findall(text):
            yield f"{what}: trusts {words}, which users write"


def _holds_for_every_row(database: Database, clause: Clause) -> bool:
    """Whether the planner, told to filter the table by the clause, finds nothing in a row to look at.

    It folds constants and tautologies, and knows which columns are never null; what depends on the session alone
    becomes a condition of the whole query, which lets every row through or none.
    """
    # A partial index would imply its own condition, and the plan would not say it.
    for way in ("indexscan", "indexonlyscan", "bitmapscan"):
        database.connection.execute(f"set local enable_{way} = off".encode())
    plan = database.rows(f"explain (format json) select from {clause.table} where {clause.text}")[0][0]
    return not _looks_at_rows(plan[0]["Plan"])


def _looks_at_rows(node: dict[str, Any]) -> bool:
    if node.get("Node Type") == "Result" and "Plans" not in node:
        return True  # the planner found the condition to be false
    if any(name in node for name in _ROW_CONDITIONS):
        return True
    inner = [plan for plan in node.get("Plans", ()) if plan["Parent Relationship"] not in ("InitPlan", "SubPlan")]
    return any(_looks_at_rows(plan) for plan in inner)


def _is_helper(call: exp.Func) -> bool:
    """A function of our schemas (with an empty search path Postgres names the schema), or a look at the session."""
    if _name(call).lower() in ("current_setting", "current_user", "session_user"):
        return True
    return isinstance(call.parent, exp.Dot) and call.arg_key == "expression"


def _is_wrapped(call: exp.Func) -> bool:
    query = call.find_ancestor(exp.Select)
    return query is not None and query.args.get("from_") is None and query.args.get("from") is None


def _name(call: exp.Func) -> str:
    name = call.name if isinstance(call, exp.Anonymous) else call.sql_name()
    parent = call.parent
    return f"{parent.this.name}.{name}" if isinstance(parent, exp.Dot) else name


def _compared(clause: Clause) -> Iterator[tuple[str, str]]:
    """Table and column of each comparison with an identity or with the rows of a sub-query."""
    for condition in clause.tree().find_all(exp.EQ, exp.In, exp.Any):
        if clause.word == "with check" and condition.parent_select is None:
            continue  # a row that comes is in hand: only what it is looked up in needs an index
        sides = [side for name in ("this", "expression", "query") if (side := condition.args.get(name)) is not None]
        columns = [side for side in sides if isinstance(side, exp.Column)]
        if len(columns) > 1 or any(_comes_from_elsewhere(side) for side in sides if side not in columns):
            yield from (_resolved(column, clause) for column in columns)
    for condition in clause.tree().find_all(exp.In, exp.Any):
        query = condition.find(exp.Select)
        if query is not None and _source(query) is not None:
            yield from (_resolved(column, clause) for column in query.expressions if isinstance(column, exp.Column))


def _comes_from_elsewhere(side: exp.Expr) -> bool:
    """Not a constant: an identity, a query's rows, or a column."""
    return side.find(exp.Select, exp.Column) is not None or any(_is_helper(call) for call in side.find_all(exp.Func))


def _resolved(column: exp.Column, clause: Clause) -> tuple[str, str]:
    query = column.parent_select
    while query is not None:
        for table in query.find_all(exp.Table):
            if column.table in (table.alias_or_name, ""):
                return f"{table.db}.{table.name}" if table.db else table.name, column.name
        query = query.parent_select
    return clause.table, column.name


def _source(query: exp.Select) -> Any:
    return query.args.get("from_") or query.args.get("from")
