"""Switches as the functions look at them, each with its own login, and as one function throws them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from lambdas.runtime.claims import Claims
from lambdas.runtime.clean_up import CleanUp, CleanUpSettings, run_clean_up
from lambdas.runtime.errors import InvalidRequest, PaymentRequired
from lambdas.runtime.switches import Switch, Watched
from lambdas.runtime.video_models import MODELS
from lambdas.submit_video.jobs import PostgresJobs
from lambdas.submit_video.logic import SubmitsStopped
from lambdas.submit_video.requests import VideoRequest
from lambdas.throw_switch.adapters import PostgresSwitches
from lambdas.throw_switch.logic import UserNotFound, Wish, carry_out
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.phones import claims_of, function_database

WHO = "arn:aws:sts::000000000000:assumed-role/rendio-local-operator/ada"
LOOKING = {
    "submit_video": Switch.STOP_SUBMITS,
    "migrate_video": Switch.PAUSE_VIDEO_MIGRATION,
    "sweep_videos": Switch.PAUSE_VIDEO_MIGRATION,
    "clean_videos": Switch.PAUSE_CLEAN_UPS,
    "clean_images": Switch.PAUSE_CLEAN_UPS,
    "clean_identities": Switch.PAUSE_CLEAN_UPS,
}
NOTHING_STANDS: frozenset[Switch] = frozenset()


@pytest.fixture(autouse=True)
def nothing_left(scene: Scene) -> Iterator[None]:
    yield
    with scene.superuser() as connection:
        connection.execute("update rendio.switches set thrown_at = null, thrown_by = null, because = null")


def carry(scene: Scene, switch: str, *, standing: frozenset[Switch] = NOTHING_STANDS, **more: Any) -> dict[str, Any]:
    wish = Wish.parse({"switch": switch, "because": "a test", **more})
    with function_database(scene, "throw_switch").transaction() as cursor:
        return carry_out(wish, WHO, PostgresSwitches(cursor), standing)


@pytest.mark.parametrize(("function", "switch"), LOOKING.items())
def test_a_function_sees_its_own_switch_at_once_and_no_other(scene: Scene, function: str, switch: Switch) -> None:
    database = function_database(scene, function)
    looking = Watched(database, switch, NOTHING_STANDS)
    assert not looking.thrown()
    for other in set(Switch) - {switch}:
        carry(scene, other)
    assert not looking.thrown()
    with database.transaction() as cursor:
        assert [row["name"] for row in cursor.execute("select name from rendio.switches").fetchall()] == [switch]
    carry(scene, switch)
    assert looking.thrown()
    carry(scene, switch, back=True)
    assert not looking.thrown()
    assert Watched(database, switch, frozenset({switch})).thrown(), "it stands in the configuration"


@pytest.mark.plan("M17")
def test_a_stopped_order_spends_nothing_and_an_earlier_one_is_found(scene: Scene) -> None:
    model = next(each for each in MODELS.values() if each.image != "required")
    body = {"model": model.id, "prompt": "Waves."}
    rich = scene.new_person(credits=1000)
    claims: Claims = claims_of(rich)
    jobs = PostgresJobs(function_database(scene, "submit_video"))
    earlier = VideoRequest.of(body, {"idempotency-key": "k-earlier-0001"})
    first = jobs.spend(claims, uuid.uuid4(), earlier, request_id="r")
    carry(scene, "stop_submits")
    with pytest.raises(SubmitsStopped):
        jobs.spend(claims, uuid.uuid4(), VideoRequest.of(body, {"idempotency-key": "k-another-0001"}), request_id="r")
    assert jobs.spend(claims, uuid.uuid4(), earlier, request_id="r").job_id == first.job_id
    carry(scene, "stop_submits", back=True)
    standing = PostgresJobs(function_database(scene, "submit_video"), stopped=True)
    with pytest.raises(SubmitsStopped):
        standing.spend(
            claims, uuid.uuid4(), VideoRequest.of(body, {"idempotency-key": "k-another-0001"}), request_id="r"
        )
    with scene.superuser() as connection:
        balance = "select credits_remaining as c from public.users where id = %s"
        row = connection.execute(balance, (rich.user_id,)).fetchone()
    assert row is not None
    assert row["c"] == first.credits_left
    assert jobs.spend(
        claims, uuid.uuid4(), VideoRequest.of(body, {"idempotency-key": "k-another-0001"}), request_id="r"
    ).new
    poor = claims_of(scene.new_person(credits=0))
    with pytest.raises(PaymentRequired):
        jobs.spend(poor, uuid.uuid4(), earlier, request_id="r")


class Endless:
    """A plan that always has more."""

    def __init__(self) -> None:
        self.removed = 0

    def batch(self, _after: int | None, limit: int) -> list[int]:
        return list(range(limit))

    def left(self) -> int:
        return 1

    def remove(self, items: Any) -> int:
        self.removed += len(items)
        return len(items)


def test_a_pause_stops_a_clean_up_before_its_next_batch(scene: Scene) -> None:
    pause = Watched(function_database(scene, "clean_videos"), Switch.PAUSE_CLEAN_UPS, NOTHING_STANDS)
    plan = Endless()

    def remove(items: Any) -> int:
        if plan.removed == 20:
            carry(scene, "pause_clean_ups")
        return plan.remove(items)

    settings = CleanUpSettings(24, 10, 1000, "false")
    done = run_clean_up(
        CleanUp(plan, remove), settings, paused=pause.thrown, metric="X", dry_run=False, context=SimpleNamespace()
    )
    assert done["removed"] == 30
    again = run_clean_up(
        CleanUp(plan, remove), settings, paused=pause.thrown, metric="X", dry_run=False, context=SimpleNamespace()
    )
    assert again == {"paused": True}


def test_throwing_says_what_was_and_is_and_twice_is_once(scene: Scene) -> None:
    would = carry(scene, "stop_submits", dry_run=True)
    assert (would["thrown"], would["changed"], would["would_change"]) == (False, False, True)
    first = carry(scene, "stop_submits")
    assert (first["was_thrown"], first["thrown"], first["changed"], first["by"]) == (False, True, True, WHO)
    again = carry(scene, "stop_submits", because="another reason")
    assert (again["changed"], again["since"], again["because"]) == (False, first["since"], "a test")
    taken = carry(scene, "stop_submits", back=True, standing=frozenset({Switch.STOP_SUBMITS}))
    assert (taken["was_thrown"], taken["thrown"], taken["changed"], taken["standing"]) == (True, False, True, True)
    assert carry(scene, "stop_submits", back=True)["changed"] is False


def test_a_user_is_blocked_by_either_id_and_a_closed_account_is_left(scene: Scene, alice: Person, bob: Person) -> None:
    first = carry(scene, "block_user", user_id=str(alice.user_id))
    assert (first["changed"], first["thrown"]) == (True, True)
    assert carry(scene, "block_user", user_id=str(alice.auth_user_id))["changed"] is False
    assert carry(scene, "block_user", user_id=str(alice.user_id), back=True, dry_run=True)["thrown"] is True
    assert carry(scene, "block_user", user_id=str(alice.auth_user_id), back=True)["thrown"] is False
    with scene.superuser() as connection:
        connection.execute("update public.users set deleted_at = now() where id = %s", (bob.user_id,))
    for nobody in (str(bob.user_id), str(uuid.uuid4())):
        with pytest.raises(UserNotFound):
            carry(scene, "block_user", user_id=nobody)


@pytest.mark.plan("X1")
@pytest.mark.parametrize(
    "statement",
    [
        "insert into rendio.switches (name) values ('x')",
        "delete from rendio.switches",
        "update rendio.switches set name = 'x'",
        "update public.users set credits_remaining = 100",
        "select * from public.video_jobs",
    ],
)
def test_who_throws_switches_does_nothing_else(scene: Scene, statement: str) -> None:
    with scene.connect("rendio_local_throw_switch") as connection:
        connection.execute("update rendio.switches set because = because")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"switch": "none", "because": "x"}, "There is no switch none"),
        ({"switch": "stop_submits"}, "Say why"),
        ({"switch": "stop_submits", "because": "x" * 201}, "Say why"),
        ({"switch": "stop_submits", "because": "x", "back": "yes"}, "true or false"),
        ({"switch": "stop_submits", "because": "x", "user_id": str(uuid.uuid4())}, "takes no user"),
        ({"switch": "block_user", "because": "x"}, "by its id"),
        ({"switch": "block_user", "because": "x", "user_id": "1 or true"}, "by its id"),
        ({"switch": "block_user", "because": "x", "sql": "1"}, "unknown: sql"),
    ],
)
def test_a_wish_that_is_none_is_told(event: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        Wish.parse(event)
