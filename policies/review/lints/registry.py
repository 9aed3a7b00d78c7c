"""One lint: one id, one function, one line that says the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

Connection = psycopg.Connection[Any]
Reasons = Mapping[str, str]
"""Why a worker's policy holds for every row, by the policy's full name, such as `public.images.images_select_x`."""
Check = Callable[["Database"], Iterable[str]]

# Roles of Postgres and of RDS are AWS's affair, and so are their objects.
OWN_SCHEMA = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
OWN_ROLE = "r.rolname !~ '^(pg_|rds)' and r.oid <> 10"

_LINTS: dict[str, Lint] = {}


@dataclass(frozen=True)
class Lint:
    """A rule. `check` gives what breaks it, in words that begin with the object's name."""

    id: str
    rule: str
    check: Check


@dataclass(frozen=True)
class Finding:
    """Something in the database that breaks a rule."""

    lint: str
    what: str

    def __str__(self) -> str:
        return f"{self.lint}: {self.what}"


@dataclass(frozen=True)
class Database:
    """What a lint looks at: the catalog, and the reasons that the access model gives."""

    connection: Connection
    reasons: Reasons

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The answer to a query whose every part is a constant of this package, or a name that Postgres quoted."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query.encode(), values or None).fetchall()


def lint(name: str) -> Callable[[Check], Check]:
    """Register a function as the lint `name`; the first line of its docstring is the rule."""

    def register(check: Check) -> Check:
        if name in _LINTS:
            raise ValueError(f"two lints are called {name}")
        rule = (check.__doc__ or "").strip().splitlines()
        if not rule:
            raise ValueError(f"lint {name} does not say its rule")
        _LINTS[name] = Lint(name, rule[0], check)
        return check

    return register


def lints() -> list[Lint]:
    return [_LINTS[name] for name in sorted(_LINTS)]


def run(connection: Connection, reasons: Reasons) -> list[Finding]:
    """Everything that breaks a rule.

    Args:
        connection: as a role that reads the catalog and may EXPLAIN a query of any table, such as a superuser or,
            on RDS, the master.
        reasons: those of the access model (policies.review.reasons).
    """
    with connection.transaction():
        connection.execute("set local search_path = ''")
        database = Database(connection, reasons)
        return [Finding(lint.id, what) for lint in lints() for what in sorted(set(lint.check(database)))]
