"""A real Postgres with RDS's rules and the access model applied, to act in as the functions and users do."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from lambdas.access_drift.expected import ExpectedDatabase
from lambdas.database_admin.adapters import read_package
from lambdas.database_admin.logic import Applied, apply
from lambdas.database_admin.plan import Package, Plan, canonical, digest
from local.postgres import instance
from local.postgres.server import SUPERUSER, Server
from local.state import State
from policies.model.postgres import DATABASE, render_postgres_model

STACK = "local"
MASTER = f"rendio_{STACK}_database_admin"
FUNCTION_FOLDER = Path(__file__).resolve().parents[2] / "lambdas" / "database_admin"
COMMITTED = sorted(path.stem for path in (FUNCTION_FOLDER / "schema_versions").glob("[0-9]*.sql"))

_MIGRATED = {"migration_status": "migrated", "object_key": "", "bytes": 1, "sha256": b"\0"}

Connection = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True)
class Person:
    """A user with its identity."""

    auth_user_id: uuid.UUID
    user_id: uuid.UUID


def packaged(model: Mapping[str, Any] | None = None, *, versions: Mapping[str, str] | None = None) -> Package:
    """The package of `database_admin` as it would be deployed; `versions` are added to its schema versions."""
    rendered = dict(model or render_postgres_model(STACK))
    files = {
        path.stem: path.read_text(encoding="utf-8") for path in (FUNCTION_FOLDER / "schema_versions").glob("[0-9]*.sql")
    }
    return Package(rendered, {**files, **(versions or {})})


def expected_database(package: Package | None = None) -> ExpectedDatabase:
    """What a deployment of `package` gives the drift check to compare the database with."""
    model = (package or packaged()).model
    return ExpectedDatabase(model, digest(canonical(model)), MASTER)


def plan_for(package: Package, *, stack: str = STACK) -> Plan:
    """The input that a deployment of `package` sends."""
    return Plan(
        stack=stack,
        database=DATABASE,
        model=package.model,
        model_digest=digest(canonical(package.model)),
        schema_versions={name: digest(text.encode()) for name, text in package.schema_versions.items()},
    )


@dataclass
class Database:
    """The database of stack `local`, by its unix socket: who connects is taken for whom it says it is.

    Attributes:
        server: the Postgres it runs in.
    """

    server: Server
    package: Package = field(default_factory=packaged)

    def dsn(self, role: str) -> str:
        """Connection string for a role: a function's id (`me`), `database_admin`, or any role's full name."""
        name = role if role.startswith(("rds", "rendio_")) else f"rendio_{STACK}_{role}"
        return make_conninfo(host=str(self.server.sockets), user=name, dbname=DATABASE)

    @contextmanager
    def connect(self, role: str) -> Iterator[Connection]:
        """A connection of this role, in autocommit mode."""
        with psycopg.connect(self.dsn(role), autocommit=True, row_factory=dict_row) as connection:
            yield connection

    @contextmanager
    def superuser(self) -> Iterator[Connection]:
        """For setting scenes and looking at outcomes; what is tested never runs as it."""
        with self.connect(SUPERUSER) as connection:
            yield connection

    @contextmanager
    def as_user(self, auth_user_id: uuid.UUID | str | None, *, function: str = "me") -> Iterator[Connection]:
        """A transaction as role `authenticated` with this user's claims, begun by a function's login; rolled back.

        None leaves the claims unset: nobody was verified.
        """
        with self.connect(function) as connection, connection.transaction(force_rollback=True):
            connection.execute("set local role authenticated")
            set_claims(connection, auth_user_id)
            yield connection

    @contextmanager
    def as_function(self, function: str, auth_user_id: uuid.UUID | str | None = None) -> Iterator[Connection]:
        """A transaction with a function's own rights; rolled back."""
        with self.connect(function) as connection, connection.transaction(force_rollback=True):
            set_claims(connection, auth_user_id)
            yield connection

    def new_person(self, *, blocked: bool = False, credits: int = 0) -> Person:  # noqa: A002  # as the column
        with self.superuser() as connection, connection.transaction():
            identity = connection.execute("insert into auth.users default values returning id").fetchone()
            assert identity
            user = connection.execute(
                "insert into public.users (auth_user_id, credits_remaining, blocked_at)"
                " values (%s, %s, case when %s then now() end) returning id",
                (identity["id"], credits, blocked),
            ).fetchone()
            assert user
        return Person(identity["id"], user["id"])

    def new_image(self, owner: Person, *, status: str = "ready") -> uuid.UUID:
        with self.superuser() as connection:
            row = connection.execute(
                "insert into public.images (user_id, status, reason, content_type, object_key, object_version, sha256)"
                " values (%s, %s, %s, 'image/jpeg', 'images/x', 'v1', '\\x00') returning id",
                (owner.user_id, status, "empty" if status == "refused" else None),
            ).fetchone()
            assert row
        return uuid.UUID(str(row["id"]))

    def new_job(self, owner: Person, stage: str = "queued") -> uuid.UUID:
        """A video job as it is at a stage: submitting, queued, failed, old, pending, migrated, thumbnailed, deleted."""
        stages: dict[str, dict[str, Any]] = {
            "submitting": {"status": "submitting", "finished_at": None, "video_url": None},
            "queued": {"status": "queued", "finished_at": None, "video_url": None},
            "failed": {"status": "failed", "error_code": "generation_failed", "video_url": None},
            "old": {"migration_status": "none"},
            "pending": {"migration_status": "pending", "migration_due_at": "now()"},
            "migrated": _MIGRATED,
            "thumbnailed": {**_MIGRATED, "thumbnail_key": "thumbnails/x"},
            "deleted": {**_MIGRATED, "deleted_at": "now()", "deleted_because": "user"},
        }
        ended = {"status": "completed", "finished_at": "now()", "video_url": "https://generator.example/v.mp4"}
        columns = ended | stages[stage]
        job = uuid.uuid4()
        if "object_key" in columns:
            columns["object_key"] = f"videos/{owner.auth_user_id}/{job}.mp4"
        names = ", ".join(columns)
        values = ", ".join("%s" if value != "now()" else "now()" for value in columns.values())
        with self.superuser() as connection:
            connection.execute(
                "insert into public.video_jobs (id, user_id, model, credits, credits_left, request_digest,"
                f" generator_request_id, {names}) values (%s, %s, 'm', 5, 0, '\\x00', %s, {values})".encode(),
                (job, owner.user_id, str(job), *(value for value in columns.values() if value != "now()")),
            )
        return job

    def new_device(self, owner: Person) -> uuid.UUID:
        with self.superuser() as connection:
            row = connection.execute(
                "insert into public.devices (user_id, device_hash, hash_key_id) values (%s, %s, 'k1') returning id",
                (owner.user_id, uuid.uuid4().bytes),
            ).fetchone()
            assert row
        return uuid.UUID(str(row["id"]))

    def apply(self, package: Package | None = None) -> Applied:
        """What `database_admin` does, as the master, who is no superuser."""
        chosen = package or self.package
        with psycopg.connect(self.dsn("database_admin"), autocommit=True) as connection:
            return apply(plan_for(chosen), chosen, connection)


def set_claims(connection: Connection, auth_user_id: uuid.UUID | str | None) -> None:
    claims = "" if auth_user_id is None else json.dumps({"sub": str(auth_user_id), "role": "authenticated"})
    connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))


@contextmanager
def instance_in(folder: Path) -> Iterator[Server]:
    """A running instance with RDS's roles and an empty database, gone afterwards."""
    state = State(folder)
    state.create()
    try:
        instance.create(
            state, identifier="rendio-test", master_username=MASTER, master_password="master-pw", database=DATABASE
        )
        yield Server(state)
    finally:
        instance.delete(state)


@contextmanager
def database_in(folder: Path) -> Iterator[Database]:
    """A running instance with schema versions and access model applied."""
    with instance_in(folder) as server:
        database = Database(server)
        with psycopg.connect(database.dsn("database_admin"), autocommit=True) as connection:
            connection.execute("grant rds_iam to current_user")
        database.apply()
        yield database


__all__ = [
    "COMMITTED", "Database", "Person", "database_in", "expected_database", "instance_in", "packaged", "plan_for",
    "read_package", "set_claims",
]  # fmt: skip
