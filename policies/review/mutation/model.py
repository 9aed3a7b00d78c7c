"""Mutants of the Postgres model: each role, membership, grant, function and policy, and each table's row security."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from policies.review.mutation.mutants import ModelMutant, operator
from policies.review.stacks import Stack

DROP_GRANT = operator("drop-grant", "revoke one grant")
DROP_COLUMN = operator("drop-column", "take one of several columns out of a grant")
GRANT_COLUMNS = operator("grant-all-columns", "let a grant on columns be on the whole table")
GRANT_VERBS = operator("grant-all-verbs", "let who has one right on a table or schema have every right on it")
GRANT_PUBLIC = operator("grant-to-public", "let a grant be to everybody")
DROP_POLICY = operator("drop-policy", "drop one policy")
POLICY_TERM = operator("policy-drop-term", "take one of the terms joined by `and` out of a policy")
POLICY_USING = operator("policy-using-true", "let a policy show every row")
POLICY_CHECK = operator("policy-check-true", "let a policy take every row")
POLICY_VERBS = operator("policy-to-all-verbs", "let a policy be for all verbs")
POLICY_PUBLIC = operator("policy-to-public", "let a policy be for everybody")
DROP_MEMBERSHIP = operator("drop-membership", "revoke one membership")
MEMBERSHIP_INHERIT = operator("membership-inherit", "let a member have the role's rights without SET ROLE")
MEMBERSHIP_ADMIN = operator("membership-admin", "let a member give the role away")
NO_ROW_SECURITY = operator("no-row-security", "switch a table's row-level security off")
NO_FORCE = operator("no-force", "let a table's owner pass its row-level security")
ROLE_LOGIN = operator("role-login", "let a role log in that may not, and the other way round")
ROLE_BYPASS = operator("role-bypassrls", "let a role pass row-level security")
ROLE_CREATE = operator("role-createrole", "let a role make roles")
ROLE_OWNER = operator("role-owner", "make a role the owner of a table")
FUNCTION_DEFINER = operator("function-definer", "let a function act with its owner's rights")
FUNCTION_PATH = operator("function-search-path", "let a function take its caller's search path")
FUNCTION_NULL = operator("function-null", "let a function answer null")
DEFAULTS_PUBLIC = operator("defaults-to-public", "let everybody reach what is made later")

_GRANT = re.compile(r"grant (?P<verb>\w+)(?: \((?P<columns>.*?)\))? on (?P<kind>\w+) (?P<name>.+) to (?P<role>\w+)")
_POLICY = re.compile(
    r"create policy (?P<name>\w+) on (?P<table>[\w.]+) for (?P<verb>\w+) to (?P<role>\w+)"
    r"(?: using \((?P<using>.+?)\))?(?: with check \((?P<check>.+)\))?"
)
_MEMBERSHIP = re.compile(r"(?P<start>grant (?P<granted>\w+) to (?P<member>\w+) with) admin false, (?P<rest>.+)")


def model_mutants(stack: Stack, tables: list[str]) -> Iterator[ModelMutant]:
    """Every mutant of the model of `stack`; `tables` are those that its schema versions make."""
    model, master = stack.postgres, f"rendio_{stack.name}_database_admin"
    for key, statement in model["grants"].items():
        yield from (_neutral(stack, mutant) for mutant in _grant(key, statement, list(model["grants"].values())))
    for key, statement in model["policies"].items():
        yield from (_neutral(stack, mutant) for mutant in _policy(key, statement, list(model["grants"].values())))
    for key, statement in model["memberships"].items():
        yield from (_neutral(stack, mutant) for mutant in _membership(key, statement, master))
    granted = list(model["grants"].values())
    for name, statement in model["roles"].items():
        yield from (_neutral(stack, mutant) for mutant in _role(name, statement, master, tables[0], granted))
    for name, statement in model["functions"].items():
        yield from _function(name, statement)
    for table in tables:
        for operator_, off, on in ((NO_ROW_SECURITY, "disable", "enable"), (NO_FORCE, "no force", "force")):
            change, undo = (f"alter table {table} {word} row level security" for word in (off, on))
            yield ModelMutant(operator_, table, "", (change,), (undo,))
    for kind, right in (("functions", "execute"), ("tables", "select")):
        start = f"alter default privileges for role {master}"
        grant, revoke = f"grant {right} on {kind} to public", f"revoke {right} on {kind} from public"
        made = f"create {'table' if kind == 'tables' else 'function'} public.mutant_made_later"
        made += " (id int)" if kind == "tables" else "() returns int language sql set search_path = '' return 1"
        gone = f"drop {kind[:-1]} public.mutant_made_later"
        act = (f"set role {master}", made, "reset role")
        yield _neutral(
            stack, ModelMutant(DEFAULTS_PUBLIC, kind, "", (f"{start} {grant}", *act), (gone, f"{start} {revoke}"))
        )


def _grant(key: str, statement: str, granted: list[str]) -> Iterator[ModelMutant]:
    found = _matched(_GRANT, statement)
    verb, columns, kind, name, role = found["verb"], found["columns"], found["kind"], found["name"], found["role"]
    where = f"on {kind} {name}"
    revoke = re.sub(r" to \w+$", f" from {role}", f"revoke{statement.removeprefix('grant')}")
    yield ModelMutant(DROP_GRANT, key, "", (revoke,), (statement,), (role,))
    # Revoking a right on a table takes those on its columns along, so what was granted is granted again.
    again = (f"revoke {verb} {where} from {role}", statement)
    listed = [column.strip() for column in columns.split(",")] if columns else []
    for column in listed if len(listed) > 1 else ():
        change, undo = f"revoke {verb} ({column}) {where} from {role}", f"grant {verb} ({column}) {where} to {role}"
        yield ModelMutant(DROP_COLUMN, key, column, (change,), (undo,), (role,))
    if columns:
        yield ModelMutant(GRANT_COLUMNS, key, "", (f"grant {verb} {where} to {role}",), again, (role,))
    if kind in ("table", "schema"):
        everything = (f"revoke all {where} from {role}", *(other for other in granted if _is_on(other, where, role)))
        yield ModelMutant(GRANT_VERBS, key, "", (f"grant all {where} to {role}",), everything, (role,))
    public = f"grant {verb}{f' ({columns})' if columns else ''} {where}"
    undo_public = f"revoke {verb}{f' ({columns})' if columns else ''} {where} from public"
    yield ModelMutant(GRANT_PUBLIC, key, "", (f"{public} to public",), (undo_public,))


def _is_on(statement: str, where: str, role: str) -> bool:
    return statement.endswith(f" {where} to {role}")


def _policy(key: str, statement: str, granted: list[str]) -> Iterator[ModelMutant]:
    found = _matched(_POLICY, statement)
    name, table, verb, role = found["name"], found["table"], found["verb"], found["role"]
    using, check = found["using"], found["check"]
    drop, where = f"drop policy {name} on {table}", f"on table {table}"
    opening = (f"grant all {where} to {role}",)
    closing = (f"revoke all {where} from {role}", *(other for other in granted if _is_on(other, where, role)))

    def mutant(operator_: str, what: str = "", *, using: str = "", check: str = "", verb: str = verb) -> ModelMutant:
        clauses = (f" using ({using})" if using else "") + (f" with check ({check})" if check else "")
        changed = f"create policy {name} on {table} for {verb} to {role}{clauses}"
        return ModelMutant(operator_, key, what, (drop, changed), (drop, statement), (role,), opening, closing)

    yield ModelMutant(DROP_POLICY, key, "", (drop,), (statement,), (role,), opening, closing)
    if using and using != "true":
        yield mutant(POLICY_USING, using="true", check=check)
    if check and check != "true":
        yield mutant(POLICY_CHECK, using=using, check="true")
    for term, left in _terms(using):
        yield mutant(POLICY_TERM, f"using, {term}", using=left, check=check)
    for term, left in _terms(check):
        yield mutant(POLICY_TERM, f"with check, {term}", using=using, check=left)
    if verb != "all":
        yield mutant(POLICY_VERBS, using=using or check, check=check, verb="all")
    yield ModelMutant(
        POLICY_PUBLIC,
        key,
        "",
        (f"alter policy {name} on {table} to public",),
        (f"alter policy {name} on {table} to {role}",),
    )


def _terms(text: str | None) -> Iterator[tuple[str, str]]:
    """Each term of an expression's conjunctions, those of sub-queries included, and the expression without it."""
    tree = sqlglot.parse_one(text, dialect="postgres") if text else None
    for number, node in enumerate(tree.find_all(exp.And) if tree else ()):
        for side in ("this", "expression"):
            if isinstance(node.args[side], exp.And):
                continue  # its own terms come by themselves
            changed = sqlglot.parse_one(text or "", dialect="postgres")
            gone = list(changed.find_all(exp.And))[number]
            term = gone.args[side].sql(dialect="postgres")
            kept = gone.args["expression" if side == "this" else "this"]
            if gone is changed:
                changed = kept
            else:
                gone.replace(kept)
            yield term, changed.sql(dialect="postgres")


def _membership(key: str, statement: str, master: str) -> Iterator[ModelMutant]:
    found = _matched(_MEMBERSHIP, statement)
    granted, member, start, rest = found["granted"], found["member"], found["start"], found["rest"]
    # A superuser's own grant would be a second membership beside this one.
    by = f"granted by {'rds_superuser' if granted.startswith('rds') else master}"
    again = (f"{statement} {by}",)
    yield ModelMutant(DROP_MEMBERSHIP, key, "", (f"revoke {granted} from {member} {by}",), again, (member,))
    if "inherit false" in rest:
        change = f"{start} admin false, {rest.replace('inherit false', 'inherit true')} {by}"
        yield ModelMutant(MEMBERSHIP_INHERIT, key, "", (change,), again, (member,))
    yield ModelMutant(MEMBERSHIP_ADMIN, key, "", (f"{start} admin true, {rest} {by}",), again, (member,))


def _role(name: str, statement: str, master: str, table: str, granted: list[str]) -> Iterator[ModelMutant]:
    logs_in = not statement.endswith("nologin")
    words = ("nologin", "login") if logs_in else ("login", "nologin")
    changes = [
        (ROLE_LOGIN, *words),
        (ROLE_BYPASS, "bypassrls", "nobypassrls"),
        (ROLE_CREATE, "createrole", "nocreaterole"),
    ]
    for operator_, change, undo in changes:
        yield ModelMutant(
            operator_, name, "", (f"alter role {name} {change}",), (f"alter role {name} {undo}",), (name,)
        )
    change, undo = f"alter table {table} owner to {name}", f"alter table {table} owner to {master}"
    # What an owner was granted becomes the next owner's.
    again = (other for other in granted if _is_on(other, f"on table {table}", name))
    yield ModelMutant(ROLE_OWNER, name, table, (change,), (undo, *again), (name,))


def _function(name: str, statement: str) -> Iterator[ModelMutant]:
    yield ModelMutant(
        FUNCTION_DEFINER,
        name,
        "",
        (f"alter function {name} security definer",),
        (f"alter function {name} security invoker",),
    )
    reset, pinned = f"alter function {name} reset search_path", f"alter function {name} set search_path = ''"
    yield ModelMutant(FUNCTION_PATH, name, "", (reset,), (pinned,))
    head, kind = statement.partition(" return ")[0], statement.partition(" returns ")[2].split()[0]
    yield ModelMutant(FUNCTION_NULL, name, "", (f"{head} return null::{kind}",), (statement,))


def _neutral(stack: Stack, mutant: ModelMutant) -> ModelMutant:
    """Named without the stack's name."""
    target = mutant.target.replace(f"rendio_{stack.name}_", "")
    return dataclasses.replace(mutant, target=target)


def _matched(pattern: re.Pattern[str], statement: str) -> re.Match[str]:
    match = pattern.fullmatch(statement)
    if match is None:
        raise ValueError(f"{statement!r} is of another grammar than policies/model/postgres.py lets through")
    return match
