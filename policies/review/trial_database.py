"""A real Postgres with RDS's rules and a stack's access model, where statements are tried and nothing stays.

The tables are those of the schema versions without their constraints: a trial asks who may, and a row that a
constraint refuses would hide the answer. Each attempt is undone at once.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local.postgres import instance
from local.postgres.server import SUPERUSER, Server
from local.state import State
from policies.errors import PolicyError
from policies.model.postgres import DATABASE
from policies.review.stacks import REPOSITORY, Stack

Connection = psycopg.Connection[Any]
APPLIER = Path(__file__).with_name("applier.py")
REFUSED = "42501"
# Each statement in a subtransaction of its own, undone by an error of ours that carries the number of rows.
_ATTEMPTS = """
do $do$
declare
  attempt jsonb; rows bigint; answers text[] := '{}';
begin
  for attempt in select jsonb_array_elements(current_setting('trial.attempts')::jsonb) loop
    begin
      perform set_config(attempt ->> 0, attempt ->> 1, true);
      perform set_config('trial.user', attempt ->> 3, true);
      execute attempt ->> 2;
      get diagnostics rows = row_count;
      raise exception using errcode = 'TR000', message = rows::text;
    exception when others then
      answers := answers || case when sqlstate = 'TR000' then sqlerrm else sqlstate end;
    end;
  end loop;
  perform set_config('trial.answers', to_jsonb(answers)::text, true);
end
$do$
"""


@dataclass(frozen=True)
class Statement:
    """One statement to try, with the table's row that it shall meet; `row` is a ctid, "" for all rows.

    `user` is the ctid of the one row that the asking user has: there are several, one a state, and a user has one.
    """

    text: str
    table: str = ""
    row: str = ""
    user: str = ""

    @property
    def focus(self) -> str:
        return focus_of(self.table or "none")


class TrialDatabase:
    """The database of one stack. Superusers set scenes; no attempt is ever made as one."""

    def __init__(self, server: Server, stack: Stack, checkout: Path = REPOSITORY) -> None:
        self._server, self.stack, self._checkout = server, stack, checkout
        self._sessions = ExitStack()
        self._session_of: dict[str, Connection] = {}

    def close(self) -> None:
        """End the sessions of the attempts."""
        self._sessions.close()
        self._session_of.clear()

    @property
    def master(self) -> str:
        return f"rendio_{self.stack.name}_database_admin"

    @contextmanager
    def connect(self, role: str) -> Iterator[Connection]:
        dsn = make_conninfo(host=str(self._server.sockets), user=role, dbname=DATABASE)
        with psycopg.connect(dsn, autocommit=True) as connection:
            yield connection

    @contextmanager
    def superuser(self) -> Iterator[Connection]:
        """For setting scenes, and for planting what a trial must find."""
        with self.connect(SUPERUSER) as connection:
            yield connection

    def apply(self) -> None:
        """Schema versions and model as the checkout's `database_admin` applies them, whatever comes of it.

        Raises:
            PolicyError: Postgres refuses a statement; the message names it.
        """
        dsn = make_conninfo(host=str(self._server.sockets), user=self.master, dbname=DATABASE)
        answer = subprocess.run(
            [sys.executable, str(APPLIER), str(self._checkout), dsn],
            cwd=self._checkout,
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
            input=json.dumps({"model": self.stack.postgres, "schema_versions": self.stack.schema_versions}),
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            said = answer.stdout.strip() or answer.stderr.strip().rpartition("\n")[2]
            raise PolicyError(f"policies/postgres: stack {self.stack.name}: {said}")

    def attempt(
        self,
        login: str,
        statements: Sequence[Statement],
        *,
        role: str = "",
        claims: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Try each statement as `login`, after `set role` where one is given.

        Returns:
            For each the number of rows as text, or the SQLSTATE of five characters that ended it.
        """
        if not statements:
            return []
        given = json.dumps([[each.focus, each.row, each.text, each.user] for each in statements])
        connection = self._session(login)
        with connection.transaction(force_rollback=True):
            settings = {"trial.attempts": given, "request.jwt.claims": json.dumps(claims) if claims else ""}
            for name, value in settings.items():
                connection.execute("select set_config(%s, %s, true)", (name, value))
            if role:
                connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            connection.execute(_ATTEMPTS)
            answer = connection.execute("select current_setting('trial.answers')").fetchone()
        assert answer is not None
        found: list[str] = json.loads(answer[0])
        return found

    def _session(self, login: str) -> Connection:
        """One session a login: nothing of an attempt outlives its transaction."""
        if login not in self._session_of:
            self._session_of[login] = self._sessions.enter_context(self.connect(login))
        return self._session_of[login]


def focus_of(table: str) -> str:
    """The setting that names the one row of a table that statements shall meet."""
    return f"trial.{table.replace('.', '_')}"


def permitted(answer: str) -> bool:
    """Whether access let the statement through: rows were met, or only a constraint or a value stood against it."""
    return int(answer) > 0 if len(answer) < 5 else answer[:2] in ("22", "23")


@contextmanager
def trial_database(stack: Stack, *, checkout: Path = REPOSITORY) -> Iterator[TrialDatabase]:
    """A server of its own with the stack's model applied by the code of `checkout`; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rendio-trial-", ignore_cleanup_errors=True) as folder:
        state = State(Path(folder) / "state")
        state.create()
        try:
            master = f"rendio_{stack.name}_database_admin"
            password = secrets.token_urlsafe()  # nobody uses it: the socket's folder admits this account alone
            instance.create(
                state, identifier="trial", master_username=master, master_password=password, database=DATABASE
            )
            database = TrialDatabase(Server(state), stack, checkout)
            with database.connect(master) as connection:
                connection.execute("grant rds_iam to current_user")
            database.apply()
            try:
                yield database
            finally:
                database.close()
        finally:
            instance.delete(state)
