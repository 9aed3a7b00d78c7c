"""Who is tried in Postgres: each login as itself, with a user's claims and with none, and what users are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from policies.review.trial_database import Statement, TrialDatabase
from policies.review.trial_facts import OUTSIDER, STRANGER

USERS_ROLE = "authenticated"
NO_CLAIMS = "no claims set"


@dataclass(frozen=True)
class Role:
    """Who acts: a login, possibly as another role, with a user's claims or none."""

    label: str
    login: str
    role: str = ""
    claims: bool = True

    @property
    def context(self) -> str:
        return "" if self.claims else NO_CLAIMS


def connecting(database: TrialDatabase) -> dict[Role, bool]:
    """Each login, and whether it may connect."""
    return {role: _may_connect(database, role.login) for role in _logins(database) if role.claims}


def roles(database: TrialDatabase, connects: Mapping[Role, bool]) -> list[Role]:
    """Each login with and without a user's claims, users as their role, and a login that nobody knows."""
    let_in = {role.login for role, may in connects.items() if may} | {STRANGER}
    logins = [role for role in _logins(database) if role.login in let_in]
    become = [Statement(f"set local role {USERS_ROLE}")]
    through = next((role.login for role in logins if database.attempt(role.login, become) == ["0"]), "")
    as_user = [Role("user", through, USERS_ROLE), Role("anonymous", through, USERS_ROLE, claims=False)]
    return [*logins, *(as_user if through else ())]


def _logins(database: TrialDatabase) -> list[Role]:
    start = f"rendio_{database.stack.name}_"
    logins = {name for name in database.stack.postgres["roles"] if name.startswith(start)}
    found = []
    for login in sorted({*logins, database.master}):
        label = f"function {login.removeprefix(start).replace('_', '-')}"
        found += [Role(label, login), Role(label, login, claims=False)]
    return [*found, Role("login of no function", STRANGER)]


def _may_connect(database: TrialDatabase, login: str) -> bool:
    try:
        with database.connect(OUTSIDER if login == STRANGER else login):
            return True
    except psycopg.OperationalError:
        return False
