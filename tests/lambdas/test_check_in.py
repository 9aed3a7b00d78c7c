"""One device, one user, one identity, one grant: however many ask at once and wherever a process dies."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lambdas.device_check.logic import CheckIn, DeviceBits
from lambdas.runtime.errors import DeviceCheckUnavailable, DeviceNotGenuine, UserBlocked
from tests.database.scene import Database as Scene
from tests.lambdas.phones import (
    FREE_CREDITS,
    Apple,
    Books,
    HashKeys,
    Killed,
    books,
    device_check,
    device_id,
    totals,
)

ONE_GRANT = Books(users=1, identities=1, credits=FREE_CREDITS, grants=1, states=("granted",))
MANY = 100
AT_ONCE = 90  # a connection each, of the hundred that this Postgres has


def all_at_once(scene: Scene, apple: Apple, requests: list[tuple[str, str]]) -> list[CheckIn]:
    """Each worker thread is a process of its own: it has its own connection."""
    local = threading.local()

    def run(request: tuple[str, str]) -> CheckIn:
        if not hasattr(local, "function"):
            local.function = device_check(scene, apple)
        answer: CheckIn = local.function.check_in(*request)
        return answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, requests))


@pytest.mark.plan("M1", "M2", "M17")
def test_a_new_device_gets_user_identity_and_free_credits_and_keeps_them(scene: Scene, apple: Apple) -> None:
    device, function = device_id(), device_check(scene, apple)
    first = function.check_in(device, apple.token("phone"))
    again = function.check_in(device, apple.token("phone"))
    assert (first.is_new, first.granted, first.device.credits_remaining) == (True, True, FREE_CREDITS)
    assert (again.is_new, again.granted, again.device.credits_remaining) == (False, False, FREE_CREDITS)
    assert first.device.auth_user_id == again.device.auth_user_id
    assert books(scene, device) == ONE_GRANT


@pytest.mark.plan("M1", "M17")
def test_a_hundred_check_ins_of_one_device_at_once_make_one_user_one_identity_one_grant(
    scene: Scene, apple: Apple
) -> None:
    device, before = device_id(), totals(scene)
    answers = all_at_once(scene, apple, [(device, apple.token("phone")) for _ in range(MANY)])
    assert len(answers) == MANY
    assert len({answer.device.auth_user_id for answer in answers}) == 1
    assert Counter(answer.is_new for answer in answers) == {True: 1, False: MANY - 1}
    assert sum(answer.granted for answer in answers) == 1
    assert books(scene, device) == ONE_GRANT
    assert totals(scene) == (before[0] + 1, before[1] + 1)


@pytest.mark.plan("M17")
def test_a_hundred_device_ids_of_one_device_with_a_replayed_token_get_one_grant(scene: Scene, apple: Apple) -> None:
    token, devices = apple.token("phone"), [device_id() for _ in range(MANY)]
    all_at_once(scene, apple, [(device, token) for device in devices])
    found = books(scene, *devices)
    assert (found.users, found.grants, found.credits) == (MANY, 1, FREE_CREDITS)


@pytest.mark.plan("M17")
def test_device_ids_of_one_device_one_after_the_other_get_one_grant_with_fresh_tokens_too(
    scene: Scene, apple: Apple
) -> None:
    function, devices = device_check(scene, apple), [device_id() for _ in range(5)]
    for device in devices:
        function.check_in(device, apple.token("phone"))
    assert books(scene, *devices).grants == 1


def test_the_residual_of_fresh_tokens_at_once_is_bounded_by_what_is_in_flight(
    scene: Scene, apple: Apple, record_property: Any
) -> None:
    """Apple's bits cannot be compared-and-set: whoever asked before the first mark is granted (ADR 31)."""
    devices = [device_id() for _ in range(MANY)]
    all_at_once(scene, apple, [(device, apple.token("phone")) for device in devices])
    grants = books(scene, *devices).grants
    record_property("grants", grants)
    assert 1 <= grants <= AT_ONCE


@pytest.mark.plan("M1")
def test_two_hundred_devices_at_once_all_check_in(scene: Scene, apple: Apple) -> None:
    requests = [(device_id(), apple.token(f"phone{number}")) for number in range(200)]
    answers = all_at_once(scene, apple, requests)
    assert all(answer.granted and answer.device.credits_remaining == FREE_CREDITS for answer in answers)
    assert len({answer.device.auth_user_id for answer in answers}) == 200


@pytest.mark.plan("M17")
def test_a_reinstalled_app_is_not_granted_again(scene: Scene, apple: Apple) -> None:
    apple.bits["phone"] = DeviceBits(bit0=True, bit1=False)
    device = device_id()
    answer = device_check(scene, apple).check_in(device, apple.token("phone"))
    assert (answer.granted, answer.device.credits_remaining) == (False, 0)
    assert books(scene, device).states == ("refused",)


def test_bit1_is_left_as_it_was(scene: Scene, apple: Apple) -> None:
    apple.bits["phone"] = DeviceBits(bit0=False, bit1=True)
    device_check(scene, apple).check_in(device_id(), apple.token("phone"))
    assert apple.bits["phone"] == DeviceBits(bit0=True, bit1=True)


def test_a_device_apple_does_not_know_leaves_no_trace(scene: Scene, apple: Apple) -> None:
    before = totals(scene)
    with pytest.raises(DeviceNotGenuine):
        device_check(scene, apple).check_in(device_id(), "forged")
    assert totals(scene) == before


@pytest.mark.plan("M17")
def test_with_apple_out_of_reach_nothing_is_written_and_nothing_granted(scene: Scene, apple: Apple) -> None:
    device, token, before = device_id(), apple.token("phone"), totals(scene)
    apple.unreachable = True
    with pytest.raises(DeviceCheckUnavailable):
        device_check(scene, apple).check_in(device, token)
    assert totals(scene) == before
    apple.unreachable = False
    device_check(scene, apple).check_in(device, token)
    assert books(scene, device) == ONE_GRANT


@pytest.mark.plan("M17")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_apple_failing_at_the_mark_grants_nothing_and_the_next_check_in_does(
    scene: Scene, apple: Apple, moment: str
) -> None:
    """`after`: Apple set the bit, and its answer was lost."""
    device = device_id()

    def fail(operation: str) -> None:
        if operation == "mark":
            raise DeviceCheckUnavailable

    setattr(apple, moment, fail)
    with pytest.raises(DeviceCheckUnavailable):
        device_check(scene, apple).check_in(device, apple.token("phone"))
    assert (books(scene, device).grants, books(scene, device).states) == (0, ("claimed",))
    setattr(apple, moment, lambda _: None)
    answer = device_check(scene, apple).check_in(device, apple.token("phone"))
    assert (answer.is_new, answer.granted) == (False, True)
    assert books(scene, device) == ONE_GRANT


STEPS = ("query", "find_or_create", "claim", "mark_granted", "grant")


class Dying:
    """An adapter whose process dies before or after one of its operations."""

    def __init__(self, real: Any, operation: str, moment: str) -> None:
        self._real, self._operation, self._moment = real, operation, moment

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name != self._operation:
            return real

        def dying(*arguments: Any) -> Any:
            if self._moment == "after":
                real(*arguments)
            raise Killed

        return dying


@pytest.mark.plan("M1", "M17")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", STEPS)
def test_a_kill_at_any_step_leaves_one_grant_after_the_next_check_in(
    scene: Scene, apple: Apple, operation: str, moment: str
) -> None:
    device, function = device_id(), device_check(scene, apple)
    function.apple = Dying(function.apple, operation, moment)
    function.devices = Dying(function.devices, operation, moment)
    with pytest.raises(Killed):
        function.check_in(device, apple.token("phone"))
    assert books(scene, device).grants <= 1
    for _ in range(2):
        device_check(scene, apple).check_in(device, apple.token("phone"))
    assert books(scene, device) == ONE_GRANT


@pytest.mark.plan("M17")
def test_a_process_that_is_really_killed_between_mark_and_commit_loses_no_grant(scene: Scene, apple: Apple) -> None:
    device = device_id()
    script = """
        import os, signal, sys
        from types import SimpleNamespace
        from lambdas.runtime import clients
        from tests.database.scene import Database
        from tests.lambdas import phones

        clients.rds = lambda: SimpleNamespace(generate_db_auth_token=lambda **_: "token")
        scene = SimpleNamespace(server=SimpleNamespace(sockets=sys.argv[1]))
        apple = phones.Apple()
        apple.after = lambda operation: operation == "mark" and os.kill(os.getpid(), signal.SIGKILL)
        phones.device_check(scene, apple).check_in(sys.argv[2], apple.token("phone"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(scene.server.sockets), device],
        cwd=Path(__file__).resolve().parents[2],
        check=False,
    )
    assert done.returncode == -9
    assert (books(scene, device).grants, books(scene, device).states) == (0, ("claimed",))
    apple.bits["phone"] = DeviceBits(bit0=True, bit1=False)  # as the killed process left it
    assert device_check(scene, apple).check_in(device, apple.token("phone")).granted
    assert books(scene, device) == ONE_GRANT
    assert apple.marks == 0, "Apple already said so"


def test_a_blocked_user_is_refused_and_granted_nothing(scene: Scene, apple: Apple) -> None:
    device, function = device_id(), device_check(scene, apple)
    user = function.check_in(device, apple.token("phone")).device.user_id
    with scene.superuser() as connection:
        connection.execute("update public.users set blocked_at = now() where id = %s", (user,))
    with pytest.raises(UserBlocked):
        function.check_in(device, apple.token("phone"))


def test_hash_keys_rotate_while_devices_keep_their_users(scene: Scene, apple: Apple) -> None:
    keys, device = HashKeys(), device_id()
    user = device_check(scene, apple, keys).check_in(device, apple.token("phone")).device.user_id
    keys.known = ("k1", "k2")
    keys.current = "k2"
    assert device_check(scene, apple, keys).check_in(device, apple.token("phone")).device.user_id == user
    keys.known = ("k2",)
    answer = device_check(scene, apple, keys).check_in(device, apple.token("phone"))
    assert (answer.device.user_id, answer.is_new) == (user, False)
    assert books(scene, device, keys=keys) == ONE_GRANT


def test_the_database_holds_neither_device_id_nor_token(scene: Scene, apple: Apple) -> None:
    device, token = device_id(), apple.token("phone")
    device_check(scene, apple).check_in(device, token)
    with scene.superuser() as connection:
        rows = connection.execute("select d::text as text from public.devices d").fetchall()
    everything = " ".join(row["text"] for row in rows)
    assert all(secret not in everything for secret in (device, device.encode().hex(), token, token.encode().hex()))
