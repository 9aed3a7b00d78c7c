"""The package's own files, and the way into the database as its master."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from lambdas.database_admin.plan import Package
from lambdas.runtime.access_catalog import Connection
from lambdas.runtime.database import DatabaseSettings, login_token
from lambdas.runtime.environment import read_settings
from lambdas.runtime.observability import log
from lambdas.runtime.secrets import Secret

FOLDER = Path(__file__).resolve().parent
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Settings:
    stack: str
    database_master_secret_arn: str


@dataclass(frozen=True)
class Adapters:
    stack: str
    database: str
    package: Package
    master: Master

    @classmethod
    def build(cls) -> Adapters:
        settings, database = read_settings(Settings), read_settings(DatabaseSettings)
        return cls(
            stack=settings.stack,
            database=database.database_name,
            package=read_package(FOLDER),
            master=Master(database, Secret(settings.database_master_secret_arn)),
        )


class Master:
    """The instance's master user. It logs in by IAM token, as soon as it holds rds_iam.

    RDS makes it without: the first login uses the managed password, hands the master rds_iam, and is the last of its
    kind.
    """

    def __init__(self, settings: DatabaseSettings, secret: Secret) -> None:
        self._settings, self._secret = settings, secret

    def connect(self) -> Connection:
        """A connection in autocommit mode.

        Raises:
            psycopg.OperationalError: the database is out of reach, or refuses the token and the password.
        """
        try:
            return self._login(login_token(self._settings))
        except psycopg.OperationalError as refused:
            if "authentication failed" not in str(refused):
                raise
        log().info("the master logs in by password, once, to give itself rds_iam")
        with self._login(str(self._secret.value()["password"])) as connection:
            connection.execute("grant rds_iam to current_user")
        return self._login(login_token(self._settings))

    def _login(self, password: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._settings.conninfo(password, connect_seconds=CONNECT_SECONDS), autocommit=True)


def read_package(folder: Path) -> Package:
    """The model and the schema versions that came with this code."""
    return Package(
        model=json.loads((folder / "model.json").read_text(encoding="utf-8")),
        schema_versions={
            file.stem: file.read_text(encoding="utf-8")
            for file in sorted((folder / "schema_versions").glob("[0-9]*.sql"))
        },
    )
