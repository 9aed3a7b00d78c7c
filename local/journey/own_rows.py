"""A user's request as Postgres sees it: the login of a function, role `authenticated`, the claims of a session."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from local.accounts import PREFIX
from local.journey.role_session import Session, of_function


class UserRows:
    """The database as a function that serves users may see it."""

    def __init__(self, outputs: Mapping[str, Any], endpoint: str, function: str = "me") -> None:
        self._login = f"{PREFIX}_{function}".replace("-", "_")
        self._session: Session = of_function(endpoint, function)
        self._host, _, port = str(outputs["database_endpoint"]).partition(":")
        self._port, self._database = int(port), str(outputs["database_name"])

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection by an IAM token, which is checked when it opens."""
        token = self._session.client("rds").generate_db_auth_token(
            DBHostname=self._host, Port=self._port, DBUsername=self._login
        )
        return psycopg.connect(
            host=self._host,
            port=self._port,
            dbname=self._database,
            user=self._login,
            password=token,
            sslmode="disable",
            connect_timeout=10,
        )

    @contextmanager
    def acting_for(self, auth_user_id: str) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """A transaction in which `auth.uid()` is this user."""
        claims = json.dumps({"sub": auth_user_id, "role": "authenticated", "is_anonymous": True})
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("set local role authenticated")
            cursor.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
            yield cursor

    def count_users(self, *, acting_for: str, user_id: str) -> int:
        """How many rows of `user_id` the user `acting_for` sees."""
        with self.acting_for(acting_for) as cursor:
            row = cursor.execute("select count(*) from public.users where id = %s", (user_id,)).fetchone()
        return int(row[0]) if row else 0

    def count_jobs(self, *, acting_for: str, job_id: str) -> int:
        """How many rows of video job `job_id` the user `acting_for` sees."""
        with self.acting_for(acting_for) as cursor:
            row = cursor.execute("select count(*) from public.video_jobs where id = %s", (job_id,)).fetchone()
        return int(row[0]) if row else 0
