"""Whatever is changed by hand is named, by kind and object, and mended by the next deployment."""

from __future__ import annotations

import json

import psycopg
import pytest

from lambdas.access_drift.logic import database_drifts, drifts_in_transaction
from lambdas.runtime.access_catalog import Drift, take_snapshot
from policies.model.postgres import render_postgres_model
from tests.database.drift_kinds import MENDED, by_hand
from tests.database.scene import STACK, Database, expected_database, packaged


def found_in(database: Database) -> list[Drift]:
    with psycopg.connect(database.dsn("access_drift"), autocommit=True) as connection:
        return database_drifts(connection, expected_database())


def test_what_was_just_applied_has_no_drift(database: Database) -> None:
    assert found_in(database) == []


@pytest.mark.parametrize(("statement", "named"), MENDED.items())
def test_a_change_by_hand_is_named_and_mended(database: Database, statement: str, named: tuple[str, str]) -> None:
    by_hand(database, statement)
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
