"""Which decision of Postgres notices a mutant: the trial of the access matrix, logins and identities, the lints.

A policy that no grant lets anybody reach is tried again with the grants open: layers are there so that one may fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from lambdas.runtime.access_catalog import Snapshot, drifts, take_snapshot
from local.postgres.front import LOGIN
from policies.model.postgres import policy_reasons
from policies.review.actors import OWNER
from policies.review.lints import run
from policies.review.mutation.mutants import Catch, ModelMutant
from policies.review.rows import Attempt, Row
from policies.review.trial import Trial
from policies.review.trial_facts import facts
from policies.review.trial_roles import USERS_ROLE, Role

# The trial's own tables, policies and login break rules on purpose.
_OF_THE_TRIAL = "trial_"
_RIGHTS = """
select format('%%s: %%s %%s.%%I', r.rolname, verb, c.oid::regclass, a.attname)
  from pg_roles r cross join unnest(array['select', 'insert', 'update', 'references']) verb
  join pg_class c on c.relkind in ('r', 'p') join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where r.rolname = any(%s) and n.nspname !~ '^(pg_|information_schema)'
   and has_column_privilege(r.oid, c.oid, a.attnum, verb)"""
_LOGIN = f"""
select rolcanlogin, login.*, has_database_privilege(oid, current_database(), 'connect')
  from pg_roles cross join ({LOGIN}) login where rolname = %(user)s"""  # noqa: S608  # of constants
Decisions = dict[Attempt, str]


class ModelJudge:
    """The decisions of a database with a stack's model applied, to be made again with one thing changed."""

    def __init__(self, trial: Trial) -> None:
        self._trial, self._database = trial, trial.database
        self._roles = trial.roles()
        self._whole: dict[Role, Decisions] = {}
        self._facts, self._told, self._broken = self._catalog_facts(), self._logins(), self._lints()
        self._held, self._catalog = self._rights(), self._snapshot()

    def catches(self, mutant: ModelMutant) -> Catch | None:
        """The first decision that is another with the mutant; None when there is none."""
        concerned = [role for role in self._roles if {role.login, role.role} & set(mutant.roles)]
        tables = sorted(self._trial.tables, key=lambda table: table not in mutant.target)
        for role in concerned:
            if role not in self._whole:
                self._whole[role] = _decisions(self._trial.rows_of(role, tables))
        with self._changed(mutant.change, mutant.undo):
            try:
                noticed = self._notices(concerned, tables, self._whole)
            except psycopg.OperationalError as error:
                noticed = Catch("matrix", f"nobody gets in any more: {str(error).strip()}")
        if noticed is None and mutant.opening:
            noticed = self._notices_combined(mutant, concerned, tables[0])
        if noticed is None and mutant.opening:
            noticed = self._notices_alone(mutant, concerned, tables[:1])
        if noticed is None and not mutant.roles:
            noticed = self._everybody(mutant)
        self._require_unchanged(mutant)
        return noticed

    def _require_unchanged(self, mutant: ModelMutant) -> None:
        """The next one starts from the model, whole.

        Raises:
            AssertionError: what is left of one.
        """
        left = [f"{drift.kind} {drift.object}" for drift in drifts(self._catalog, self._snapshot())]
        assert not left, f"{mutant.id} was not taken back: {', '.join(left)}"

    def _notices(self, roles: Sequence[Role], tables: Sequence[str], whole: dict[Role, Decisions]) -> Catch | None:
        for attempt, decision in self._catalog_facts().items():
            if self._facts.get(attempt) != decision:
                return Catch("matrix", f"{attempt.principal}: {attempt.action} on {attempt.resource}: {decision}")
        for role in roles:
            for row in self._trial.rows_of(role, tables):
                if whole[role].get(row.attempt) != row.decision:
                    said = f"{row.principal}: {row.action} on {row.resource} {row.context}: {row.decision}"
                    return Catch("matrix", said)
        rights = self._rights()
        for name in sorted({*rights, *self._held}):
            if (name in rights) is not (name in self._held):
                return Catch("right", f"{name}: {'held' if name in rights else 'lost'}")
        told = self._logins()
        for name, answer in self._told.items():
            if told[name] != answer:
                return Catch("login or identity", f"{name}: {told[name]}")
        broken = sorted(self._lints() - self._broken)
        return Catch("lint", broken[0]) if broken else None

    def _notices_combined(self, mutant: ModelMutant, roles: Sequence[Role], table: str) -> Catch | None:
        """Updates of several columns at once, which the matrix leaves out."""
        whole = {role: _decisions(self._trial.combined(role, table)) for role in roles}
        with self._changed(mutant.change, mutant.undo):
            for role in roles:
                for row in self._trial.combined(role, table):
                    if whole[role].get(row.attempt) != row.decision:
                        return Catch("update of several columns", f"{row.principal}: {row.action}: {row.decision}")
        return None

    def _notices_alone(self, mutant: ModelMutant, roles: Sequence[Role], tables: Sequence[str]) -> Catch | None:
        """The same with every right on the policy's table granted, mutant or not."""
        with self._changed(mutant.opening, mutant.closing):
            open_ = {role: _decisions(self._trial.rows_of(role, tables)) for role in roles}
            with self._changed(mutant.change, mutant.undo):
                for role in roles:
                    for row in self._trial.rows_of(role, tables):
                        if open_[role].get(row.attempt) != row.decision:
                            return Catch("policy alone", f"{row.principal}: {row.action} on {row.resource}")
        return None

    def _everybody(self, mutant: ModelMutant) -> Catch | None:
        """For what reaches everybody: the whole trial, last because it takes long."""
        missing = [role for role in self._roles if role not in self._whole]
        self._whole |= {role: _decisions(self._trial.rows_of(role, self._trial.tables)) for role in missing}
        with self._changed(mutant.change, mutant.undo):
            return self._notices(self._roles, self._trial.tables, self._whole)

    @contextmanager
    def _changed(self, change: Sequence[str], undo: Sequence[str]) -> Iterator[None]:
        with self._database.superuser() as connection:
            for statement in change:
                connection.execute(statement.encode())
            try:
                yield
            finally:
                for statement in undo:
                    connection.execute(statement.encode())

    def _catalog_facts(self) -> Decisions:
        return _decisions(facts(self._database))

    def _logins(self) -> dict[str, str]:
        """Who logs in, by token as RDS decides it, and what the functions of identity tell a user."""
        names, found = sorted(self._database.stack.postgres["roles"]), {}
        with self._database.superuser() as connection:
            for name in names:
                row = connection.execute(_LOGIN.encode(), {"user": name}).fetchone()
                found[f"{name} is a login, by token, that may connect"] = str(row)
        through = next(role.login for role in self._roles if role.role == USERS_ROLE)
        with self._database.connect(through) as connection, connection.transaction(force_rollback=True):
            claims = json.dumps({"sub": OWNER, "role": USERS_ROLE})
            connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
            connection.execute(f"set local role {USERS_ROLE}".encode())
            for name in self._database.stack.postgres["functions"]:
                if name.endswith("()"):
                    found[f"{name} answers"] = _answer(connection, f"select {name}::text")
        return found

    def _rights(self) -> set[str]:
        """Rights on columns, also on those that Postgres fills: the matrix gives them no values."""
        with self._database.superuser() as connection:
            found = connection.execute(_RIGHTS.encode(), (sorted(self._database.stack.postgres["roles"]),)).fetchall()
        return {name for (name,) in found}

    def _lints(self) -> set[str]:
        with self._database.superuser() as connection:
            found = {str(finding) for finding in run(connection, policy_reasons(self._database.stack.name))}
        return {finding for finding in found if _OF_THE_TRIAL not in finding}

    def _snapshot(self) -> Snapshot:
        with self._database.superuser() as connection, connection.transaction():
            return take_snapshot(connection)


def _decisions(rows: Iterator[Row]) -> Decisions:
    return {row.attempt: row.decision for row in rows}


def _answer(connection: psycopg.Connection[Any], query: str) -> str:
    try:
        with connection.transaction():
            row = connection.execute(query.encode()).fetchone()
            return str(row and row[0])
    except psycopg.Error as error:
        return f"refused ({error.sqlstate})"
