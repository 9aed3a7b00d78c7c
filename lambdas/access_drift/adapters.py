"""The function's own login to the database."""

from __future__ import annotations

import psycopg

from lambdas.runtime.access_catalog import Connection
from lambdas.runtime.database import DatabaseSettings, login_token
from lambdas.runtime.environment import read_settings

CONNECT_SECONDS = 10


def connect() -> Connection:
    """A connection of its own for each run: a role altered since the last one shows at the login."""
    wanted = read_settings(DatabaseSettings)
    return psycopg.connect(wanted.conninfo(login_token(wanted), connect_seconds=CONNECT_SECONDS), autocommit=True)
