"""Who sees and changes which rows: tried as roles that neither own a table nor escape its policies."""

from __future__ import annotations

import uuid
from typing import Any, LiteralString

import psycopg
import pytest

from tests.database.scene import Connection, Database, Person

REFUSED = psycopg.errors.InsufficientPrivilege
ADD_PENDING = "insert into public.images (id, user_id, content_type, declared_bytes) values (%s, %s, 'image/jpeg', 5)"
ADD_READY = "insert into public.images (id, user_id, status, content_type) values (%s, %s, 'ready', 'image/png')"


def ids(connection: Connection, query: LiteralString, *values: Any) -> set[uuid.UUID]:
    return {row["id"] for row in connection.execute(query, values)}


def refused(connection: Connection, statement: LiteralString, *values: Any) -> bool:
    """Whether Postgres refuses the statement; its effect is undone either way."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, values)
    except REFUSED:
        return True
    return False


@pytest.mark.plan("M10", "M20")
@pytest.mark.parametrize("function", ["me", "upload_image", "view_image", "upload_image_direct"])
def test_a_user_sees_own_rows_alone(database: Database, alice: Person, bob: Person, function: str) -> None:
    own, others = database.new_image(alice), database.new_image(bob)
    with database.as_user(alice.auth_user_id, function=function) as session:
        assert ids(session, "select id from public.users") == {alice.user_id}
        assert ids(session, "select id from public.images") == {own}
        assert ids(session, "select id from public.images where id = %s", others) == set()


@pytest.mark.plan("M10")
@pytest.mark.parametrize("claims", [None, "00000000-0000-4000-8000-000000000000"])
def test_nobody_and_a_stranger_see_nothing(database: Database, alice: Person, claims: str | None) -> None:
    database.new_image(alice)
    with database.as_user(claims) as session:
        assert ids(session, "select id from public.users") == set()
        assert ids(session, "select id from public.images") == set()
    with database.as_user(alice.auth_user_id) as session:
        assert ids(session, "select id from public.users") == {alice.user_id}


def test_a_login_that_serves_users_has_no_rights_before_it_acts_as_one(database: Database, alice: Person) -> None:
    with database.as_function("me", alice.auth_user_id) as session:
        assert refused(session, "select id from public.users")
        session.execute("set local role authenticated")
        assert ids(session, "select id from public.users") == {alice.user_id}


def test_a_worker_cannot_act_as_a_user(database: Database) -> None:
    with database.as_function("inspect_image") as session:
        assert refused(session, "set local role authenticated")
    with database.as_function("view_image") as session:
        assert not refused(session, "set local role authenticated")


@pytest.mark.plan("M3")
def test_a_user_announces_own_pending_images_alone(database: Database, alice: Person, bob: Person) -> None:
    with database.as_user(alice.auth_user_id, function="upload_image") as session:
        assert not refused(session, ADD_PENDING, uuid.uuid4(), alice.user_id)
        assert refused(session, ADD_PENDING, uuid.uuid4(), bob.user_id)
        assert refused(session, ADD_READY, uuid.uuid4(), alice.user_id)


@pytest.mark.plan("M3")
def test_a_caller_without_a_session_announces_nothing(database: Database, alice: Person) -> None:
    with database.as_user(None, function="upload_image") as session:
        assert refused(session, ADD_PENDING, uuid.uuid4(), alice.user_id)


def test_a_blocked_user_reads_that_it_is_blocked_and_adds_no_image(database: Database, alice: Person) -> None:
    blocked = database.new_person(blocked=True)
    with database.as_user(blocked.auth_user_id) as session:
        assert session.execute("select blocked_at from public.users").fetchone() is not None
        assert refused(session, ADD_PENDING, uuid.uuid4(), blocked.user_id)
    with database.as_function("upload_image_direct", blocked.auth_user_id) as session:
        assert refused(session, ADD_READY, uuid.uuid4(), blocked.user_id)
    with database.as_user(alice.auth_user_id) as session:
        assert not refused(session, ADD_PENDING, uuid.uuid4(), alice.user_id)


@pytest.mark.parametrize(
    "statement",
    [
        "update public.users set credits_remaining = 99",
        "update public.users set blocked_at = null",
        "delete from public.users",
        "update public.images set status = 'ready'",
        "delete from public.images",
        "select sha256 from public.images",
        "select object_version from public.images",
        "select id from public.devices",
        "select id from public.credit_ledger",
        "select id from auth.users",
        "select digest from rendio.access_model",
        "create table public.mine (id int)",
        "create temporary table mine (id int)",
        "select set_config('role', 'rendio_local_device_check', true)",
    ],
)
def test_a_user_changes_nothing_and_reads_no_further_column(
    database: Database, alice: Person, statement: LiteralString
) -> None:
    database.new_image(alice, status="pending")
    with database.as_user(alice.auth_user_id) as session:
        assert refused(session, statement)
        assert not refused(session, "select credits_remaining, blocked_at from public.users")
        assert not refused(session, "select status, reason, object_key, bytes from public.images")


@pytest.mark.plan("M5")
def test_the_direct_upload_records_ready_images_of_its_user_alone(
    database: Database, alice: Person, bob: Person
) -> None:
    with database.as_function("upload_image_direct", alice.auth_user_id) as session:
        assert not refused(session, ADD_READY, uuid.uuid4(), alice.user_id)
        assert refused(session, ADD_READY, uuid.uuid4(), bob.user_id)
        assert refused(session, ADD_PENDING, uuid.uuid4(), alice.user_id)
        assert refused(session, "select id from public.images")
        assert refused(session, "select credits_remaining from public.users")
        assert ids(session, "select id from public.users") == {alice.user_id}


def test_the_inspector_decides_pending_images_of_everybody_once(database: Database, alice: Person, bob: Person) -> None:
    mine, others = database.new_image(alice, status="pending"), database.new_image(bob, status="pending")
    settle = "update public.images set status = 'refused', reason = 'empty' where id = %s"
    with database.as_function("inspect_image") as session:
        assert {mine, others} <= ids(
            session, "select i.id from public.images i join public.users u on u.id = i.user_id"
        )
        assert session.execute(settle, (mine,)).rowcount == 1
        assert session.execute(settle, (others,)).rowcount == 1
        assert session.execute(settle, (mine,)).rowcount == 0  # a decision stands
        assert refused(session, "update public.images set status = 'pending', reason = null")
        assert refused(session, "update public.images set user_id = %s", alice.user_id)
        assert refused(session, "delete from public.images")
        assert refused(session, ADD_PENDING, uuid.uuid4(), alice.user_id)
        assert refused(session, "select credits_remaining from public.users")
        assert refused(session, "select id from public.devices")


def test_the_inspector_cannot_put_a_pending_image_back(database: Database, alice: Person) -> None:
    image = database.new_image(alice, status="pending")
    with database.as_function("inspect_image") as session:
        assert refused(session, "update public.images set width = 1 where id = %s", image)
        assert not refused(session, "update public.images set width = 1, status = 'ready' where id = %s", image)


@pytest.mark.plan("M1", "M17")
def test_the_device_check_makes_users_and_grants_free_credits(database: Database) -> None:
    identity, user, device = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    with database.as_function("device_check") as session:
        session.execute("insert into auth.users (id, last_sign_in_at) values (%s, now())", (identity,))
        session.execute("insert into public.users (id, auth_user_id) values (%s, %s)", (user, identity))
        session.execute(
            "insert into public.devices (id, user_id, device_hash, hash_key_id) values (%s, %s, %s, 'k1')",
            (device, user, device.bytes),
        )
        for statement, key in (
            ("update auth.users set last_sign_in_at = now() where id = %s", identity),
            ("update public.devices set grant_state = 'claimed' where id = %s", device),
            ("update public.users set credits_remaining = credits_remaining + 10 where id = %s", user),
        ):
            assert session.execute(statement, (key,)).rowcount == 1
        session.execute(
            "insert into public.credit_ledger (user_id, amount, reason) values (%s, 10, 'free_grant')", (user,)
        )
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute(
                "insert into public.credit_ledger (user_id, amount, reason) values (%s, 10, 'free_grant')", (user,)
            )


def test_the_device_check_does_nothing_else(database: Database, alice: Person, bob: Person) -> None:
    device, device_of_bob = database.new_device(alice), database.new_device(bob)
    with database.as_function("device_check") as session:
        assert {device, device_of_bob} <= ids(session, "select id from public.devices")
        assert {alice.user_id, bob.user_id} <= ids(session, "select id from public.users")
        ledger = "insert into public.credit_ledger (user_id, amount, reason) values (%s, %s, %s)"
        assert not refused(session, ledger, alice.user_id, 5, "free_grant")
        assert refused(session, ledger, alice.user_id, 5, "purchase")
        assert refused(session, ledger, alice.user_id, -5, "free_grant")
        assert refused(session, "update public.users set blocked_at = null")
        assert refused(session, "insert into auth.users (role) values ('service_role')")
        assert refused(session, "update public.users set auth_user_id = %s", bob.auth_user_id)
        assert refused(
            session, "insert into public.users (auth_user_id, credits_remaining) values (%s, 9)", uuid.uuid4()
        )
        assert refused(session, "update public.devices set user_id = %s", bob.user_id)
        for table in ("auth.users", "public.users", "public.devices", "public.credit_ledger"):
            assert refused(session, f"delete from {table}")
        assert refused(session, "select id from public.images")
        assert not refused(session, "select id from public.users")


def test_an_identity_with_a_name_is_not_the_device_checks_to_touch(database: Database, alice: Person) -> None:
    with database.superuser() as scene:
        row = scene.execute("insert into auth.users (is_anonymous) values (false) returning id").fetchone()
        assert row
    touch = "update auth.users set last_sign_in_at = now() where id = %s"
    with database.as_function("device_check") as session:
        assert session.execute(touch, (row["id"],)).rowcount == 0
        assert session.execute(touch, (alice.auth_user_id,)).rowcount == 1


def test_the_drift_check_reads_the_applied_model_and_no_user(database: Database, alice: Person) -> None:
    with database.as_function("access_drift") as session:
        assert session.execute("select snapshot from rendio.access_model").fetchone() is not None
        assert refused(session, "update rendio.access_model set digest = ''")
        assert refused(session, "select id from public.users")
        assert refused(session, "select id from rendio.schema_versions")


def test_the_master_owns_every_table_and_reads_no_users_row_by_that(database: Database, alice: Person) -> None:
    with database.connect("database_admin") as session:
        assert ids(session, "select id from public.users") == set()
        assert ids(session, "select id from public.images") == set()
        assert session.execute("update public.users set credits_remaining = 1000").rowcount == 0
        assert session.execute("select id from rendio.schema_versions").fetchall() != []


def test_claims_end_with_their_transaction(database: Database, alice: Person) -> None:
    with database.connect("me") as connection:
        with connection.transaction():
            connection.execute("set local role authenticated")
            connection.execute(
                "select set_config('request.jwt.claims', %s, true)", (f'{{"sub":"{alice.auth_user_id}"}}',)
            )
            assert ids(connection, "select id from public.users") == {alice.user_id}
        with connection.transaction():
            connection.execute("set local role authenticated")
            assert ids(connection, "select id from public.users") == set()
