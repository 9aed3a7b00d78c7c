"""The database login of the auditor: reads every row of the laptop's database, writes nothing.

It belongs to the instance, like RDS's own roles (`rds…`), not to the product's access model, which leaves those alone:
no such login exists on AWS, where nobody reads users' rows.
"""

from __future__ import annotations

import secrets

import psycopg
from psycopg import sql

from local.errors import LocalError
from local.postgres.server import Server
from local.state import State, read_json, write_json

LOGIN = "rds_auditor"
_KEPT = "database-auditor"


def password(state: State) -> str:
    """The login's password, made once for a state folder. A token would end after 15 minutes, amid somebody's psql."""
    stored = read_json(state.secrets)
    if _KEPT not in stored:
        stored[_KEPT] = secrets.token_urlsafe(24)
        write_json(state.secrets, stored)
    return str(stored[_KEPT])


def ensure(state: State, database: str) -> None:
    """Have the login, whatever happened to the database since.

    Raises:
        LocalError: Postgres refuses.
    """
    try:
        with Server(state).connect(database) as connection:
            known = connection.execute("select 1 from pg_roles where rolname = %s", (LOGIN,)).fetchone()
            if known is None:
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(LOGIN)))
            for statement in (
                "alter role {} login bypassrls nosuperuser nocreaterole nocreatedb",
                "alter role {} set default_transaction_read_only = on",
                "grant pg_read_all_data to {}",
            ):
                connection.execute(sql.SQL(statement).format(sql.Identifier(LOGIN)))
            # The verifier, so that no log of statements ever holds the password.
            verifier = connection.pgconn.encrypt_password(
                password(state).encode(), LOGIN.encode(), b"scram-sha-256"
            ).decode()
            connection.execute(
                sql.SQL("alter role {} password {}").format(sql.Identifier(LOGIN), sql.Literal(verifier))
            )
            connection.execute(
                sql.SQL("grant connect on database {} to {}").format(sql.Identifier(database), sql.Identifier(LOGIN))
            )
    except psycopg.Error as error:
        raise LocalError(
            "The auditor's login to the database could not be made.",
            why=str(error).strip(),
            fix="Run `make down`, then `make up`.",
        ) from error
