"""A request sees and changes its own user's rows, and the connection it used keeps nothing of it."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from lambdas.inspect_image.images import PostgresImages as InspectedImages
from lambdas.me.adapters import PostgresUsers
from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.errors import DatabaseUnavailable, UserBlocked, UserUnknown
from lambdas.runtime.image_content import CheckedImage, ContentType, Refusal
from lambdas.runtime.image_keys import IncomingKey
from lambdas.runtime.users import User
from lambdas.upload_image.adapters import PostgresImages as PendingImages
from lambdas.upload_image.logic import UploadRequest
from lambdas.upload_image_direct.adapters import PostgresImages as ReadyImages
from lambdas.view_image.adapters import PostgresImages as ViewedImages
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.phones import claims_of, function_database

IMAGE = CheckedImage(ContentType.JPEG, size=9, sha256=b"s" * 32, width=2, height=1)


@contextmanager
def without_row_security(scene: Scene) -> Iterator[None]:
    """As if the second layer had been switched off by mistake."""
    tables = ("public.users", "public.images")
    with scene.superuser() as connection:
        for table in tables:
            connection.execute(f"alter table {table} disable row level security")
        try:
            yield
        finally:
            for table in tables:
                connection.execute(f"alter table {table} enable row level security")


@pytest.mark.plan("M2", "M10")
def test_each_user_reads_itself(scene: Scene, alice: Person, bob: Person) -> None:
    users = PostgresUsers(function_database(scene, "me"))
    for person, balance in ((alice, 3), (bob, 7), (alice, 3)):
        assert users.get(claims_of(person)) == User(person.user_id, balance)


@pytest.mark.plan("M10")
def test_the_filter_beside_the_policy_is_right_by_itself(scene: Scene, alice: Person, bob: Person) -> None:
    theirs, own = scene.new_image(bob), scene.new_image(alice)
    images = ViewedImages(function_database(scene, "view_image"))
    with without_row_security(scene):
        assert PostgresUsers(function_database(scene, "me")).get(claims_of(alice)).id == alice.user_id
        assert images.find(claims_of(alice), theirs) is None
        assert images.find(claims_of(alice), own) is not None


@pytest.mark.plan("M10")
def test_a_user_views_own_images_alone(scene: Scene, alice: Person, bob: Person) -> None:
    own, theirs = scene.new_image(alice), scene.new_image(bob)
    images = ViewedImages(function_database(scene, "view_image"))
    assert images.find(claims_of(alice), own) is not None
    assert images.find(claims_of(alice), theirs) is None
    assert images.find(claims_of(bob), theirs) is not None


@pytest.mark.plan("M3")
def test_unknown_and_blocked_users_are_refused_everywhere(scene: Scene) -> None:
    stranger = Person(uuid.uuid4(), uuid.uuid4())
    for person, error in ((stranger, UserUnknown), (scene.new_person(blocked=True), UserBlocked)):
        claims = claims_of(person)
        with pytest.raises(error):
            PostgresUsers(function_database(scene, "me")).get(claims)
        with pytest.raises(error):
            ViewedImages(function_database(scene, "view_image")).find(claims, uuid.uuid4())
        with pytest.raises(error):
            PendingImages(function_database(scene, "upload_image")).add_pending(
                claims, uuid.uuid4(), UploadRequest("image/png", 1)
            )
        with pytest.raises(error):
            ReadyImages(function_database(scene, "upload_image_direct")).user_of(claims)


def row_of(scene: Scene, image_id: uuid.UUID) -> dict[str, Any]:
    with scene.superuser() as connection:
        row = connection.execute("select * from public.images where id = %s", (image_id,)).fetchone()
    assert row
    return row


@pytest.mark.plan("M3")
def test_an_upload_is_noted_as_pending_and_costs_nothing(scene: Scene, alice: Person) -> None:
    image_id = uuid.uuid4()
    PendingImages(function_database(scene, "upload_image")).add_pending(
        claims_of(alice), image_id, UploadRequest("image/png", 12)
    )
    row = row_of(scene, image_id)
    assert (row["user_id"], row["status"], row["content_type"], row["declared_bytes"]) == (
        alice.user_id, "pending", "image/png", 12,
    )  # fmt: skip
    assert PostgresUsers(function_database(scene, "me")).get(claims_of(alice)).credits_remaining == 3


@pytest.mark.plan("M5")
def test_a_checked_image_is_noted_as_ready_for_its_own_user_alone(scene: Scene, alice: Person, bob: Person) -> None:
    images, image_id = ReadyImages(function_database(scene, "upload_image_direct")), uuid.uuid4()
    user = images.user_of(claims_of(alice))
    images.add_ready(claims_of(alice), image_id, user, IMAGE, key="images/x.jpg", version="v1")
    row = row_of(scene, image_id)
    assert (row["status"], row["user_id"], row["bytes"], row["sha256"]) == ("ready", alice.user_id, 9, IMAGE.sha256)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        images.add_ready(claims_of(bob), uuid.uuid4(), user, IMAGE, key="images/x.jpg", version="v1")


class TestInspection:
    @pytest.fixture
    def images(self, scene: Scene) -> InspectedImages:
        return InspectedImages(function_database(scene, "inspect_image"))

    @pytest.fixture
    def key(self, scene: Scene, alice: Person) -> IncomingKey:
        return IncomingKey(alice.auth_user_id, self.pending(scene, alice))

    @staticmethod
    def pending(scene: Scene, owner: Person, minutes_old: int = 0) -> uuid.UUID:
        with scene.superuser() as connection:
            row = connection.execute(
                "insert into public.images (user_id, content_type, created_at)"
                " values (%s, 'image/jpeg', now() - make_interval(mins => %s)) returning id",
                (owner.user_id, minutes_old),
            ).fetchone()
        assert row
        return uuid.UUID(str(row["id"]))

    @pytest.mark.plan("M3")
    def test_a_pending_image_is_accepted_once_and_never_refused_after(
        self, scene: Scene, images: InspectedImages, key: IncomingKey
    ) -> None:
        image = images.find(key)
        assert image is not None
        assert image.pending
        assert images.accept(image, IMAGE, key="images/x.jpg", version="v1")
        assert not images.accept(image, IMAGE, key="images/x.jpg", version="v2")
        assert not images.refuse(image, Refusal.TRUNCATED)
        row = row_of(scene, key.image_id)
        assert (row["status"], row["object_version"], row["width"], row["reason"]) == ("ready", "v1", 2, None)

    @pytest.mark.plan("M3")
    def test_a_refused_image_says_why_and_stays_refused(
        self, scene: Scene, images: InspectedImages, key: IncomingKey
    ) -> None:
        image = images.find(key)
        assert image is not None
        assert images.refuse(image, Refusal.NOT_AN_IMAGE)
        assert not images.accept(image, IMAGE, key="images/x.jpg", version="v1")
        row = row_of(scene, key.image_id)
        assert (row["status"], row["reason"]) == ("refused", "not_an_image")

    @pytest.mark.plan("M10")
    def test_an_upload_under_another_users_prefix_finds_no_row(
        self, images: InspectedImages, key: IncomingKey, bob: Person
    ) -> None:
        assert images.find(IncomingKey(bob.auth_user_id, key.image_id)) is None
        assert images.find(key) is not None

    def test_one_run_at_a_time_holds_an_image(self, scene: Scene, images: InspectedImages, key: IncomingKey) -> None:
        other = InspectedImages(function_database(scene, "inspect_image"))
        with images.hold(key) as first:
            with other.hold(key) as second:
                assert (first, second) == (True, False)
            with other.hold(IncomingKey(key.auth_user_id, uuid.uuid4())) as elsewhere:
                assert elsewhere
        with other.hold(key) as afterwards:
            assert afterwards

    def test_overdue_rows_are_the_pending_ones_of_that_age(
        self, scene: Scene, images: InspectedImages, alice: Person
    ) -> None:
        old, young = self.pending(scene, alice, minutes_old=60), self.pending(scene, alice)
        with scene.superuser() as connection:
            clock = connection.execute("select now() - interval '30 minutes' as then").fetchone()
        assert clock
        overdue = {image.key.image_id for image in images.overdue(clock["then"], limit=1000)}
        assert old in overdue
        assert young not in overdue


class TestConnection:
    def test_a_transaction_leaves_neither_role_nor_claims_behind(self, scene: Scene, alices: Claims) -> None:
        database = function_database(scene, "me")
        with database.user_transaction(alices) as cursor:
            inside = cursor.execute("select current_user as who, auth.uid() as uid").fetchone()
        with database.transaction() as cursor:
            after = cursor.execute(
                "select current_user as who, current_setting('request.jwt.claims', true) as claims"
            ).fetchone()
        assert inside == {"who": "authenticated", "uid": alices.sub}
        assert after == {"who": "rendio_local_me", "claims": ""}

    def test_nor_does_one_that_failed(self, scene: Scene, alices: Claims) -> None:
        database = function_database(scene, "me")
        with pytest.raises(psycopg.errors.DivisionByZero), database.user_transaction(alices) as cursor:
            cursor.execute("select 1 / 0")
        with database.transaction() as cursor:
            row = cursor.execute("select current_user as who").fetchone()
        assert row == {"who": "rendio_local_me"}

    def test_an_error_of_ours_undoes_the_transaction(self, scene: Scene, alice: Person, alices: Claims) -> None:
        database, image_id = function_database(scene, "upload_image"), uuid.uuid4()

        def fail_after_adding() -> None:
            with database.user_transaction(alices) as cursor:
                cursor.execute(
                    "insert into public.images (id, user_id, content_type) values (%s, %s, 'image/png')",
                    (image_id, alice.user_id),
                )
                raise LookupError

        with pytest.raises(LookupError):
            fail_after_adding()
        with scene.superuser() as connection:
            found = connection.execute("select 1 from public.images where id = %s", (image_id,)).fetchone()
        assert found is None

    def test_a_connection_that_died_while_frozen_is_replaced(self, scene: Scene, alices: Claims) -> None:
        database = function_database(scene, "me")
        first = self.backend(database, alices)
        with scene.superuser() as connection:
            connection.execute("select pg_terminate_backend(%s, 5000)", (first,))
        assert self.backend(database, alices) != first

    def test_one_that_dies_on_the_way_is_an_outage_and_replaced_at_the_next_request(
        self, scene: Scene, alices: Claims
    ) -> None:
        database = function_database(scene, "me")

        def lose_the_connection() -> None:
            with database.user_transaction(alices) as cursor:
                row = cursor.execute("select pg_backend_pid() as pid").fetchone()
                assert row
                with scene.superuser() as connection:
                    connection.execute("select pg_terminate_backend(%s, 5000)", (row["pid"],))
                cursor.execute("select 1")

        with pytest.raises(DatabaseUnavailable):
            lose_the_connection()
        self.backend(database, alices)

    def test_a_warm_process_keeps_its_connection(self, scene: Scene, alices: Claims) -> None:
        database = function_database(scene, "me")
        assert self.backend(database, alices) == self.backend(database, alices)

    @pytest.mark.parametrize("trouble", ["nobody listens", "nobody answers"])
    def test_no_database_is_an_outage_within_seconds(
        self, alices: Claims, trouble: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lambdas.runtime.database.CONNECT_SECONDS", 2)  # libpq's least
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            if trouble == "nobody listens":
                listener.close()
            database = Database(DatabaseSettings("127.0.0.1", port, "rendio", "rendio_local_me", "disable"))
            with pytest.raises(DatabaseUnavailable), database.user_transaction(alices):
                pytest.fail("there is no transaction")

    @staticmethod
    def backend(database: Database, claims: Claims) -> int:
        with database.user_transaction(claims) as cursor:
            row = cursor.execute("select pg_backend_pid() as pid").fetchone()
        assert row
        return int(row["pid"])
