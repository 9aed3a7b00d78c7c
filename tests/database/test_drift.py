"""Whatever is changed by hand is named, by kind and object, and mended by the next deployment."""

from __future__ import annotations

import json
import re

import psycopg
import pytest

from lambdas.access_drift.logic import database_drifts, drifts_in_transaction
from lambdas.runtime.access_catalog import Drift, take_snapshot
from policies.model.postgres import render_postgres_model
from tests.database.scene import STACK, Database, expected_database, packaged

# what is done by hand -> kind, object
BY_HAND = {
    "drop policy images_select_own on public.images": ("policy", "public.images.images_select_own"),
    "create policy open on public.images for select to authenticated using (true)": ("policy", "public.images.open"),
    "alter policy users_select_own on public.users using (true)": ("policy", "public.users.users_select_own"),
    "alter table public.users disable row level security": ("row-level security", "public.users"),
    "alter table public.images no force row level security": ("row-level security", "public.images"),
    "grant delete on public.images to authenticated": ("grant", "authenticated on table public.images"),
    "grant select (sha256) on public.images to authenticated": (
        "grant",
        "authenticated on column public.images.sha256",
    ),
    "revoke select (id) on public.users from authenticated": ("grant", "authenticated on column public.users.id"),
    "grant usage on schema rendio to public": ("grant", "PUBLIC on schema rendio"),
    "grant execute on function auth.uid() to public": ("grant", "PUBLIC on function auth.uid()"),
    "grant usage on sequence public.credit_ledger_id_seq to rendio_local_me": (
        "grant",
        "rendio_local_me on sequence public.credit_ledger_id_seq",
    ),
    "grant temporary on database rendio to rendio_local_me": ("grant", "rendio_local_me on database rendio"),
    "alter role rendio_local_me with createdb": ("role", "rendio_local_me"),
    "alter role rendio_local_view_image nologin": ("role", "rendio_local_view_image"),
    "alter role rendio_local_me set search_path = public": ("setting", "rendio_local_me in database *"),
    "alter database rendio set row_security = off": ("setting", "every role in database rendio"),
    "alter table public.devices owner to rendio_local_device_check": ("owner", "table public.devices"),
    "alter function auth.uid() security definer": ("function", "auth.uid()"),
    "alter function auth.role() set search_path = public": ("function", "auth.role()"),
    "alter table public.users add constraint planted check (credits_remaining < 5000)": (
        "constraint",
        "public.users.planted",
    ),
    "create trigger planted before update on public.users for each row"
    " execute function suppress_redundant_updates_trigger()": ("trigger", "public.users.planted"),
    "create or replace function auth.uid() returns uuid language sql return null::uuid": ("function", "auth.uid()"),
}
# As the master: roles, grants of roles and default privileges remember who made them.
BY_THE_MASTER = {
    "create role intruder login": ("role", "intruder"),
    "grant authenticated to rendio_local_inspect_image": (
        "membership",
        "rendio_local_inspect_image in authenticated, granted by rendio_local_database_admin",
    ),
    "revoke authenticated from rendio_local_me": (
        "membership",
        "rendio_local_me in authenticated, granted by rendio_local_database_admin",
    ),
    "grant authenticated to rendio_local_me with inherit true": (
        "membership",
        "rendio_local_me in authenticated, granted by rendio_local_database_admin",
    ),
    "alter default privileges in schema public grant select on tables to authenticated": (
        "default privileges",
        "tables of rendio_local_database_admin in public",
    ),
    "alter default privileges grant execute on functions to public": (
        "default privileges",
        "functions of rendio_local_database_admin in every schema",
    ),
}


def found_in(database: Database) -> list[Drift]:
    with psycopg.connect(database.dsn("access_drift"), autocommit=True) as connection:
        return database_drifts(connection, expected_database())


def test_what_was_just_applied_has_no_drift(database: Database) -> None:
    assert found_in(database) == []


@pytest.mark.parametrize(("statement", "named"), [*BY_HAND.items(), *BY_THE_MASTER.items()])
def test_a_change_by_hand_is_named_and_mended(database: Database, statement: str, named: tuple[str, str]) -> None:
    who = "database_admin" if statement in BY_THE_MASTER else "rdsadmin"
    with database.connect(who) as connection:
        connection.execute(statement.encode())
    try:
        found = found_in(database)
        assert named in {(drift.kind, drift.object) for drift in found}
        # With an owner, the rights that were its own become grants, and the other way round.
        assert len(found) <= 3 or named[0] == "owner", found
    finally:
        with database.superuser() as connection:  # tables are not desired state: a person mends them
            connection.execute("alter table public.users drop constraint if exists planted")
            connection.execute("drop trigger if exists planted on public.users")
        database.apply()
    assert found_in(database) == []


def test_every_drift_of_many_is_named_in_one_run(database: Database) -> None:
    with database.superuser() as connection:
        for statement in BY_HAND:
            if not re.search("drop policy|planted", statement):
                connection.execute(statement.encode())
    found = {(drift.kind, drift.object) for drift in found_in(database)}
    assert found >= {named for statement, named in BY_HAND.items() if not re.search("drop policy|planted", statement)}
    assert len({kind for kind, _ in found}) >= 7
    database.apply()
    assert found_in(database) == []


def test_a_drift_says_what_was_expected_and_what_is(database: Database) -> None:
    with database.superuser() as connection:
        connection.execute("alter table public.users no force row level security")
    try:
        assert [drift.as_json() for drift in found_in(database)] == [
            {
                "kind": "row-level security",
                "object": "public.users",
                "expected": {"enabled": True, "forced": True},
                "actual": {"enabled": True, "forced": False},
            }
        ]
    finally:
        database.apply()


@pytest.mark.parametrize("lost", ["delete from rendio.access_model", "drop schema rendio cascade"])
def test_a_database_without_the_record_is_one_drift(database: Database, lost: str) -> None:
    with psycopg.connect(database.dsn("rdsadmin")) as connection:
        connection.execute(lost.encode())
        whole = drifts_in_transaction(connection, expected_database())
        connection.rollback()
    assert [(drift.kind, drift.actual) for drift in whole] == [("access model", None)]
    assert found_in(database) == []


def test_the_check_that_lost_its_own_right_to_look_says_so(database: Database) -> None:
    with psycopg.connect(database.dsn("rdsadmin"), autocommit=True) as connection:
        connection.execute("revoke usage on schema rendio from rendio_local_access_drift")
    try:
        assert [drift.kind for drift in found_in(database)] == ["access model"]
    finally:
        database.apply()
    assert found_in(database) == []


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("grant delete on public.images to authenticated", ("grant", "authenticated on table public.images")),
        ("alter role rendio_local_me with createdb", ("role", "rendio_local_me")),
        (
            "create policy open on public.images for select to authenticated using (true)",
            ("policy", "public.images.open"),
        ),
        ("alter table public.users no force row level security", ("row-level security", "public.users")),
        ("alter function auth.uid() security definer", ("function", "auth.uid()")),
    ],
)
def test_a_record_that_was_made_to_agree_hides_nothing(
    database: Database, statement: str, named: tuple[str, str]
) -> None:
    with psycopg.connect(database.dsn("rdsadmin")) as connection:
        connection.execute(statement.encode())
        forged = take_snapshot(connection)
        connection.execute("update rendio.access_model set snapshot = %s", (json.dumps(forged),))
        found = drifts_in_transaction(connection, expected_database())
        connection.rollback()
    assert [(drift.kind, drift.object) for drift in found] == [named]
    assert found_in(database) == []


def test_another_model_than_the_packaged_one_is_a_drift(database: Database) -> None:
    model = render_postgres_model(STACK)
    model["policies"].pop("public.images.images_select_own")
    with psycopg.connect(database.dsn("access_drift"), autocommit=True) as connection:
        found = database_drifts(connection, expected_database(packaged(model)))
    assert [(drift.kind, drift.object) for drift in found] == [
        ("access model", "rendio.access_model"),
        ("policy", "public.images.images_select_own"),
    ]
