"""The list of workers' policies that hold for every row, by role, verb and reason: policies/worker_policies.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from policies.model.postgres import login, policy_reasons, render_postgres_model
from policies.model.rendering import ROOT

FILE = ROOT / "worker_policies.md"
_POLICY = re.compile(r"create policy \w+ on (?P<table>\w+\.\w+) for (?P<verb>\w+) to (?P<role>\w+)")
_HEAD = """# Workers that reach every row

Row-level security stays on for them (BYPASSRLS cannot be had on RDS): each has a policy that says so, with its reason.
Written by `python -m policies.review.reasons`; a test holds it to the templates.

| Role | Verb | Table | Reason |
|---|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Reason:
    """A function's right to every row of a table, and why."""

    role: str
    verb: str
    table: str
    why: str


def reasons(stack: str = "local") -> list[Reason]:
    """One a policy, in the order of roles. Roles are named by their function: stacks differ in their prefix alone."""
    model, prefix = render_postgres_model(stack)["policies"], login(stack, "")
    found = []
    for key, why in policy_reasons(stack).items():
        match = _POLICY.match(model[key])
        assert match, f"the grammar of the model lets no other policy through: {model[key]}"
        found.append(Reason(match["role"].removeprefix(prefix), match["verb"], match["table"], why))
    return sorted(found)


def as_markdown(found: list[Reason]) -> str:
    return _HEAD + "".join(f"| `{row.role}` | {row.verb} | `{row.table}` | {row.why} |\n" for row in found)


def write(path: Path = FILE) -> None:
    path.write_text(as_markdown(reasons()), encoding="utf-8")


if __name__ == "__main__":
    write()
