"""The function's own login to the database."""

from __future__ import annotations

import psycopg

from lambdas.runtime import clients
from lambdas.runtime.access_catalog import Connection
from lambdas.runtime.database import DatabaseSettings
from lambdas.runtime.environment import read_settings

CONNECT_SECONDS = 10


def connect() -> Connection:
    """A connection of its own for each run: a role altered since the last one shows at the login."""
    wanted = read_settings(DatabaseSettings)
    token = clients.rds().generate_db_auth_token(
        DBHostname=wanted.database_host, Port=wanted.database_port, DBUsername=wanted.database_user
    )
    return psycopg.connect(
        host=wanted.database_host,
        port=wanted.database_port,
        dbname=wanted.database_name,
        user=wanted.database_user,
        password=token,
        sslmode=wanted.database_sslmode,
        connect_timeout=CONNECT_SECONDS,
        application_name=wanted.database_user,
        autocommit=True,
    )
