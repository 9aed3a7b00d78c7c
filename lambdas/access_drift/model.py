"""How the database differs from the rendered model itself, whatever the record of the last deployment says.

Expressions are not compared here: Postgres writes them in its own words, which only the record has. The rest of a
statement says what the catalog must hold.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from lambdas.access_drift.expected import ExpectedDatabase
from lambdas.runtime.access_catalog import Drift, Snapshot

_ROLE = re.compile(r"create role \w+ (login|nologin)")
_MEMBERSHIP = re.compile(r"grant (\w+) to (\w+) with admin (\w+), inherit (\w+), set (\w+)")
_GRANT = re.compile(r"grant (\w+)(?: \(([^)]*)\))? on (\w+) (.+) to (\w+)")
_POLICY = re.compile(r"create policy \w+ on \w+\.\w+ for (\w+) to (\w+)( using \(.+?\))?( with check \(.+\))?$")
_COMMANDS = {"select": "r", "insert": "a", "update": "w", "delete": "d", "all": "*"}
_ROLE_ATTRIBUTES = {
    "superuser": False, "inherit": True, "createrole": False, "createdb": False, "replication": False,
    "bypassrls": False, "connection_limit": -1, "valid_until": None,
}  # fmt: skip
_PINNED = ['search_path=""']


def model_drifts(expected: ExpectedDatabase, actual: Snapshot) -> list[Drift]:
    """What of `actual` contradicts the model, by kind and object as in a snapshot's own comparison."""
    found = []
    for kind, wanted in _wanted(expected, actual).items():
        present = actual.get(kind, {})
        looked_at = {name for name in present if _is_of_model(kind, name, expected.master)} | set(wanted)
        for name in sorted(looked_at):
            is_so = _same_members(present.get(name), wanted.get(name))
            if is_so != wanted.get(name):
                found.append(Drift(kind, name, wanted.get(name), is_so))
    found += [
        Drift("owner", name, expected.master, owner)
        for name, owner in sorted(actual.get("owner", {}).items())
        if owner != expected.master and not name.startswith(("database ", "schema "))
    ]
    return found + [
        Drift("row-level security", name, {"enabled": True, "forced": True}, flags)
        for name, flags in sorted(actual.get("row-level security", {}).items())
        if flags != {"enabled": True, "forced": True}
    ]


def _wanted(expected: ExpectedDatabase, actual: Snapshot) -> Snapshot:
    model, master = expected.model, expected.master
    wanted: Snapshot = {"role": {}, "membership": {}, "policy": {}, "function": {}, "grant": _grants(model["grants"])}
    for name, statement in model["roles"].items():
        wanted["role"][name] = {**_ROLE_ATTRIBUTES, "login": _matched(_ROLE, statement)[1] == "login"}
    for statement in model["memberships"].values():
        granted, member, *options = _matched(_MEMBERSHIP, statement).groups()
        if member != master:
            values = dict(zip(("admin", "inherit", "set"), (option == "true" for option in options), strict=True))
            # The grantor is the master, or, of RDS's own roles, who administers those.
            granted_by = f"{member} in {granted}, granted by "
            present = [name for name in actual.get("membership", {}) if name.startswith(granted_by)]
            wanted["membership"] |= dict.fromkeys(present or [granted_by + master], values)
    for name, statement in model["policies"].items():
        command, role, using, check = _matched(_POLICY, statement).groups()
        wanted["policy"][name] = {
            "command": _COMMANDS[command], "permissive": True, "roles": [role],
            "has using": using is not None, "has check": check is not None,
        }  # fmt: skip
    for name in model["functions"]:
        wanted["function"][name] = {"security_definer": False, "settings": _PINNED, "leakproof": False}
    return wanted


def _grants(statements: Mapping[str, str]) -> dict[str, Any]:
    held: dict[str, set[str]] = defaultdict(set)
    for statement in statements.values():
        verb, columns, kind, name, role = _matched(_GRANT, statement).groups()
        for column in columns.split(",") if columns else [None]:
            what = f"column {name}.{column.strip()}" if column else f"{kind} {name}"
            held[f"{role} on {what}"].add(verb.upper())
    return {name: sorted(verbs) for name, verbs in held.items()}


def _is_of_model(kind: str, name: str, master: str) -> bool:
    """Whether the model decides if this object exists. Functions may also come with a schema version."""
    if kind == "function":
        return False
    return not (kind in ("role", "membership") and (name == master or name.startswith(f"{master} in ")))


def _same_members(present: Any, wanted: Any) -> Any:
    """Of a value of the catalog, the members that the model speaks of."""
    if not isinstance(present, dict) or not isinstance(wanted, dict):
        return present
    facts = {**present, "has using": present.get("using") is not None, "has check": present.get("check") is not None}
    return {name: facts.get(name) for name in wanted}


def _matched(pattern: re.Pattern[str], statement: str) -> re.Match[str]:
    match = pattern.match(statement)
    if match is None:
        raise ValueError(f"the packaged model has a statement of another grammar: {statement[:60]!r}")
    return match
