"""Many check-ins at once, Apple in every mood: one user a device, one grant, no grant by mistake."""

from __future__ import annotations

import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from local.journey.client import Phone, told
from tests.stack.deployed import Deployed, eventually, side_by_side

CREDITS = 10
TEXT = {"content_type": "text/plain"}
GOOD_QUERY = '{"bit0": false, "bit1": false, "last_update_time": "2026-11"}'
HALF = GOOD_QUERY[:20]

# What Apple may answer to the question for the bits -> what the phone is told.
NOT_GENUINE, UNAVAILABLE = (401, "device_not_genuine"), (503, "device_check_unavailable")
SHAPES: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    (
        "device token refused",
        {"status": 400, "text": "Missing or incorrectly formatted device token payload"},
        NOT_GENUINE,
    ),
    ("bad device token", {"status": 400, "text": "Bad Device Token"}, NOT_GENUINE),
    ("our authorization", {"status": 400, "text": "Missing or badly formatted authorization token"}, UNAVAILABLE),
    ("our transaction id", {"status": 400, "text": "Invalid or missing transaction id"}, UNAVAILABLE),
    ("our timestamp", {"status": 400, "text": "Invalid or missing timestamp"}, UNAVAILABLE),
    ("400 with no text", {"status": 400, "text": ""}, UNAVAILABLE),
    ("our key", {"status": 401, "text": "Unable to verify authorization token"}, UNAVAILABLE),
    ("our account", {"status": 403, "text": "Forbidden"}, UNAVAILABLE),
    ("another address", {"status": 404, "text": "Not Found"}, UNAVAILABLE),
    ("a redirect", {"status": 302, "text": "", "headers": {"Location": "http://127.0.0.1:1/"}}, UNAVAILABLE),
    ("too many requests", {"status": 429, "text": "Too Many Requests"}, UNAVAILABLE),
    ("server error", {"status": 500, "text": "Internal Server Error"}, UNAVAILABLE),
    ("out of service", {"status": 503, "text": "Service Unavailable"}, UNAVAILABLE),
    ("200 with nothing", {"status": 200, "text": ""}, UNAVAILABLE),
    ("200 with a web page", {"status": 200, "text": "<html>ok</html>", "content_type": "text/html"}, UNAVAILABLE),
    ("200 with one bit", {"status": 200, "text": '{"bit0": false}'}, UNAVAILABLE),
    ("200 with a text for a bit", {"status": 200, "text": '{"bit0": "false", "bit1": false}'}, UNAVAILABLE),
    ("200 cut off", {"kind": "cut", "status": 200, "text": HALF}, UNAVAILABLE),
    ("connection reset", {"kind": "reset"}, UNAVAILABLE),
    ("no answer in time", {"kind": "pass", "delay_seconds": 8.0}, UNAVAILABLE),
]


def grants(stack: Deployed, *phones: Phone) -> list[int]:
    """Ledger entries of the free grant, of all users these phones ever were."""
    users = list({phone.session["user_id"] for phone in phones if phone.session})
    found = stack.query(
        "select amount from public.credit_ledger where reason = 'free_grant' and user_id = any(%s)", users
    )
    return [int(row["amount"]) for row in found]


def totals(stack: Deployed) -> dict[str, int]:
    return stack.query(
        "select (select count(*) from auth.users) as identities, (select count(*) from public.users) as users,"
        " (select count(*) from public.devices) as devices, (select count(*) from public.credit_ledger) as grants,"
        " (select coalesce(sum(credits_remaining), 0) from public.users) as credits"
    )[0]


def body(phone: Phone, device_token: str | None = None) -> dict[str, str]:
    return {"device_id": phone.device_id, "device_token": device_token or phone.device_token()}


@pytest.mark.plan("M1", "M17")
@pytest.mark.parametrize(("shape", "fault", "told_to_phone"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_every_answer_of_apples_is_told_apart_and_none_grants_by_mistake(
    stack: Deployed, shape: str, fault: dict[str, Any], told_to_phone: tuple[int, str]
) -> None:
    phone = stack.phone(checked_in=False)
    wanted = body(phone)
    before = totals(stack)
    stack.apple_faults({"times": None, "path": "/v1/query", **fault})
    answer = phone.call("POST", "/v1/device-check", token="", json=wanted)
    assert (answer.status_code, answer.json()["code"]) == told_to_phone
    assert ("retry-after" in answer.headers) is (answer.status_code == 503)
    assert totals(stack) == before
    assert phone.bits()["updates"] == 0

    stack.apple_faults()
    assert (phone.check_in()["credits_remaining"], grants(stack, phone)) == (CREDITS, [CREDITS])


@pytest.mark.plan("M1")
def test_apples_two_texts_for_bits_never_set_both_mean_a_genuine_device(stack: Deployed) -> None:
    for text in ("Failed to find bit state", "Bit State Not Found"):
        stack.apple_faults({"status": 200, "text": text, "path": "/v1/query"})
        assert stack.phone().session["credits_remaining"] == CREDITS


@pytest.mark.plan("M17")
@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"kind": "reset"}, {"status": 401, "text": "Unable to verify authorization token"}],
    ids=["fails", "is cut off", "refuses us"],
)
def test_when_the_bit_cannot_be_set_nothing_is_granted_until_it_can(stack: Deployed, fault: dict[str, Any]) -> None:
    phone = stack.phone(checked_in=False)
    wanted = body(phone)
    stack.apple_faults({"times": None, "path": "/v1/update", **fault})
    answer = phone.call("POST", "/v1/device-check", token="", json=wanted)
    assert (answer.status_code, answer.json()["code"]) == UNAVAILABLE
    stack.apple_faults()
    assert phone.check_in()["credits_remaining"] == CREDITS
    assert grants(stack, phone) == [CREDITS]


@pytest.mark.plan("M17")
def test_a_lost_answer_after_the_bit_was_set_still_ends_with_one_grant(stack: Deployed) -> None:
    phone = stack.phone(checked_in=False)
    wanted = body(phone)
    stack.apple_faults({"kind": "reset", "after": True, "times": None, "path": "/v1/update"})
    assert phone.call("POST", "/v1/device-check", token="", json=wanted).status_code == 503
    stack.apple_faults()
    assert phone.bits()["bit0"] is True
    assert phone.check_in()["credits_remaining"] == CREDITS
    assert grants(stack, phone) == [CREDITS]


@pytest.mark.plan("M17")
def test_a_function_killed_between_the_bit_and_the_commit_leaves_one_grant_for_the_next_check_in(
    stack: Deployed,
) -> None:
    phone = stack.phone(checked_in=False)
    wanted = body(phone)
    before = totals(stack)
    stack.apple_faults({"kind": "pass", "after": True, "delay_seconds": 1.5, "path": "/v1/update"})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(phone.call, "POST", "/v1/device-check", token="", json=wanted)
        assert eventually(lambda: phone.bits()["updates"] == 1), "Apple was not asked"
        assert stack.kill_function("device_check") > 0
        assert answer.result().status_code >= 500
    assert totals(stack)["grants"] == before["grants"]
    stack.apple_faults()
    assert phone.bits()["bit0"] is True
    assert phone.check_in()["credits_remaining"] == CREDITS
    assert phone.check_in()["credits_remaining"] == CREDITS
    assert grants(stack, phone) == [CREDITS]


@pytest.mark.plan("M1", "M17")
def test_a_hundred_check_ins_of_one_device_at_once_make_one_user_and_one_grant(stack: Deployed) -> None:
    phone = stack.phone(checked_in=False)
    tokens = [phone.device_token() for _ in range(100)]
    before = totals(stack)
    answers = side_by_side(
        100, lambda number: phone.patiently("POST", "/v1/device-check", token="", json=body(phone, tokens[number]))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 100}
    contents = [answer.json() for answer in answers]
    assert len({content["user_id"] for content in contents}) == 1
    assert sum(content["is_new"] for content in contents) == 1
    after = totals(stack)
    assert {name: after[name] - before[name] for name in after} == {
        "identities": 1,
        "users": 1,
        "devices": 1,
        "grants": 1,
        "credits": CREDITS,
    }


@pytest.mark.plan("M17")
def test_one_device_with_a_hundred_ids_and_one_replayed_token_is_granted_once(stack: Deployed) -> None:
    first = stack.phone(checked_in=False)
    token = first.device_token()
    others = [stack.phone(checked_in=False) for _ in range(99)]
    phones = [first, *others]
    before = totals(stack)
    answers = side_by_side(
        100,
        lambda number: phones[number].patiently("POST", "/v1/device-check", token="", json=body(phones[number], token)),
    )
    assert Counter(answer.status_code for answer in answers) == {200: 100}
    assert sorted(answer.json()["credits_remaining"] for answer in answers)[-2:] == [0, CREDITS]
    after = totals(stack)
    assert (after["grants"] - before["grants"], after["credits"] - before["credits"]) == (1, CREDITS)


@pytest.mark.plan("M17")
@pytest.mark.parametrize("latency", [0.0, 0.3])
def test_the_residual_with_fresh_tokens_ends_when_the_bit_is_set(stack: Deployed, latency: float) -> None:
    """Apple can only be asked and then told: what asks before the bit is set is granted. Measured, and bounded."""
    first = stack.phone(checked_in=False)
    first.device_token()
    phones = [first, *(replace(first, device_id=secrets.token_urlsafe(32), session={}) for _ in range(19))]
    stack.phones += phones[1:]
    tokens = [phone.device_token() for phone in phones]
    before = totals(stack)
    stack.apple_faults({"kind": "pass", "delay_seconds": latency, "times": None})
    side_by_side(20, lambda number: phones[number].check_in(tokens[number]))
    granted = totals(stack)["grants"] - before["grants"]
    print(f"{granted} of 20 ids of one device were granted: fresh tokens, all at once, Apple taking {latency} s")
    assert 1 <= granted <= 20
    late = replace(first, device_id=secrets.token_urlsafe(32), session={})
    stack.phones.append(late)
    assert late.check_in()["credits_remaining"] == 0


@pytest.mark.plan("M17")
def test_a_reinstalled_app_gets_no_second_grant(stack: Deployed) -> None:
    phone = stack.phone()
    again = Phone(phone.api_url, phone.apple_url, device=phone.device)
    stack.phones.append(again)
    answer = again.check_in()
    assert (answer["is_new"], answer["credits_remaining"]) == (True, 0)
    assert grants(stack, phone, again) == [CREDITS]


@pytest.mark.plan("M1")
def test_two_hundred_devices_at_once_all_get_a_session(stack: Deployed) -> None:
    phones = [stack.phone(checked_in=False) for _ in range(200)]
    tokens = side_by_side(200, lambda number: phones[number].device_token())
    answers = side_by_side(
        200,
        lambda number: phones[number].patiently(
            "POST", "/v1/device-check", token="", json=body(phones[number], tokens[number])
        ),
    )
    assert Counter(told(answer) for answer in answers) == {"200": 200}
    contents = [answer.json() for answer in answers]
    assert all(content["session_token"] and content["is_new"] for content in contents)
    assert len({content["user_id"] for content in contents}) == 200


@pytest.mark.plan("M1")
@pytest.mark.parametrize(
    "wrong",
    [
        {"device_id": "short"},
        {"device_id": "x" * 129},
        {"device_id": "spaces are no base64url at all"},
        {"device_id": 7},
        {"device_id": None},
        {"device_token": ""},
        {"device_token": "<script>"},
        {"device_token": None},
    ],
)
def test_a_malformed_request_is_named_and_apple_is_not_asked(stack: Deployed, wrong: dict[str, object]) -> None:
    phone = stack.phone(checked_in=False)
    wanted = {**body(phone), **wrong}
    answer = phone.call("POST", "/v1/device-check", token="", json=wanted)
    assert (answer.status_code, answer.json()["field"]) == (400, next(iter(wrong)))
    assert answer.headers["content-type"] == "application/problem+json"
