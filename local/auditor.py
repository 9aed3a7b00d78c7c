"""The database login of the auditor: reads every row of the laptop's database, writes nothing.

It belongs to the instance, like RDS's own roles (`rds…`), not to the product's access model, which leaves those alone:
no such login exists on AWS, where nobody reads users' rows.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from local.errors import LocalError
from local.postgres.server import Server
from local.state import State

LOGIN = "rds_auditor"


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
                "grant pg_read_all_data, rds_iam to {}",
            ):
                connection.execute(sql.SQL(statement).format(sql.Identifier(LOGIN)))
            connection.execute(
                sql.SQL("grant connect on database {} to {}").format(sql.Identifier(database), sql.Identifier(LOGIN))
            )
    except psycopg.Error as error:
        raise LocalError(
            "The auditor's login to the database could not be made.",
            why=str(error).strip(),
            fix="Run `make down`, then `make up`.",
        ) from error
