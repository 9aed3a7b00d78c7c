"""Postgres as an RDS instance: its roles, its master who is no superuser, one database.

What RDS does and this copies: `rdsadmin` is the only superuser and no product code is ever it; the master has
CREATEROLE and CREATEDB, is a member of `rds_superuser` and through it may hand out `rds_iam`; nobody has BYPASSRLS,
since giving it takes a superuser.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from local.errors import LocalError
from local.postgres.server import Server
from local.state import State, read_json, write_json

HOST = "127.0.0.1"
_OWN_ROLES = ("rds_superuser", "rds_iam", "rds_password", "rds_replication")
_HANDED_OUT = ("pg_monitor", "pg_signal_backend", "pg_checkpoint", "rds_password", "rds_replication")


@dataclass(frozen=True)
class Instance:
    """What is known of the instance. `host` and `port` are the front's, where clients connect."""

    identifier: str
    host: str
    port: int
    database: str
    master_username: str
    engine_version: str


def create(state: State, *, identifier: str, master_username: str, master_password: str, database: str) -> Instance:
    """Make the instance, or complete one whose making was cut short; the master's password is set anew.

    Raises:
        LocalError: there is one with another identifier, master or database, or it does not start.
    """
    server = Server(state)
    with server.alone():
        known = read_json(_record(state))
        wanted = {"identifier": identifier, "master_username": master_username, "database": database}
        if server.exists and known and {name: known.get(name) for name in wanted} != wanted:
            raise LocalError(
                f"This local cloud already has the database instance {known.get('identifier')!r}.",
                why=f"It was made with {known}, and {wanted} is wanted now; there is room for one.",
                fix="Run `make down`, then `make up`.",
            )
        server.initialise()
        server.start()
        _prepare(server, master_username, master_password, database)
        write_json(_record(state), {**wanted, "engine_version": server.version()})
    instance = describe(state)
    if instance is None:
        raise LocalError("The database instance is gone again.", why=f"{_record(state)} was removed meanwhile.")
    return instance


def ensure_running(state: State) -> bool:
    """Start the instance if there is one. True when it runs.

    Raises:
        LocalError: it does not start.
    """
    server = Server(state)
    if not server.exists:
        return False
    with server.alone():
        server.start()
    return True


def is_running(state: State) -> bool:
    return Server(state).process() is not None


def stop(state: State) -> None:
    """Stop the server; its data stays."""
    server = Server(state)
    if server.exists:
        with server.alone():
            server.stop()


def delete(state: State) -> None:
    """Stop the server and remove its data, sockets and shared memory. Nothing happens when there is none."""
    if not state.postgres.is_dir():
        return
    server = Server(state)
    with server.alone():
        server.remove()
        _record(state).unlink(missing_ok=True)


def describe(state: State) -> Instance | None:
    """The instance, running or not; None when there is none or its making was cut short."""
    known = read_json(_record(state))
    if not known or not Server(state).exists:
        return None
    return Instance(host=HOST, port=int(read_json(state.ports).get("postgres", 0)), **known)


def _record(state: State) -> Path:
    return state.postgres / "instance.json"


def _prepare(server: Server, master: str, password: str, database: str) -> None:
    with server.connect() as connection:
        for role in _OWN_ROLES:
            _create_role(connection, role, "nologin")
        for role in _HANDED_OUT:
            _execute(connection, "grant {} to rds_superuser with admin true", role)
        # rds_superuser hands rds_iam out and is not one itself: the front reads this membership so.
        _execute(connection, "grant rds_iam to rds_superuser with admin true, inherit false, set false")
        _create_role(connection, master, "login createrole createdb")
        _execute(connection, "grant rds_superuser to {}", master)
        verifier = connection.pgconn.encrypt_password(password.encode(), master.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(master), sql.Literal(verifier)))
        if connection.execute("select 1 from pg_database where datname = %s", (database,)).fetchone() is None:
            _execute(connection, "create database {} owner {} strategy file_copy", database, master)


def _create_role(connection: psycopg.Connection[tuple[object, ...]], role: str, attributes: str) -> None:
    if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is None:
        _execute(connection, f"create role {{}} {attributes}", role)


def _execute(connection: psycopg.Connection[tuple[object, ...]], statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
