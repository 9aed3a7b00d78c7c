"""The stand-in for DeviceCheck verifies what Apple verifies and answers with Apple's words."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.standins.apple import (
    BAD_BITS,
    BAD_DEVICE,
    BAD_TIMESTAMP,
    BAD_TRANSACTION,
    NO_AUTHORIZATION,
    NO_BITS,
    UNVERIFIED,
)
from tests.local.standins.conftest import AppleClient


def other_key() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def test_bits_stay_with_the_device_whatever_token_names_it(apple: AppleClient) -> None:
    device = apple.new_device()
    first = apple.call("query_two_bits", apple.device_token(device))
    assert (first.status_code, first.text) == (200, NO_BITS)

    updated = apple.call("update_two_bits", apple.device_token(device), bit0=True, bit1=False)
    assert (updated.status_code, updated.content) == (200, b"")

    second = apple.call("query_two_bits", apple.device_token(device)).json()
    assert (second["bit0"], second["bit1"]) == (True, False)
    assert second["last_update_time"] == time.strftime("%Y-%m", time.gmtime())
    # The twin: another device has bits of its own.
    assert apple.call("query_two_bits", apple.device_token(apple.new_device())).text == NO_BITS


def test_validation_answers_without_a_body(apple: AppleClient) -> None:
    answer = apple.call("validate_device_token", apple.device_token(apple.new_device()))
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_token_can_be_replayed_within_its_life_and_not_after(apple: AppleClient) -> None:
    device = apple.new_device()
    token, dead = apple.device_token(device), apple.device_token(device, lifetime_seconds=0)
    assert [apple.call("query_two_bits", token).status_code for _ in range(2)] == [200, 200]
    refused = apple.call("query_two_bits", dead)
    assert (refused.status_code, refused.text) == (400, BAD_DEVICE)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"device_token": None}, BAD_DEVICE),
        ({"device_token": "not base64 at all"}, BAD_DEVICE),
        ({"device_token": "aGVsbG8="}, BAD_DEVICE),
        ({"device_token": ""}, BAD_DEVICE),
        ({"transaction_id": None}, BAD_TRANSACTION),
        ({"transaction_id": 7}, BAD_TRANSACTION),
        ({"timestamp": None}, BAD_TIMESTAMP),
        ({"timestamp": "1487716472000"}, BAD_TIMESTAMP),
        ({"timestamp": 1487716472000}, BAD_TIMESTAMP),
        ({"timestamp": int(time.time())}, BAD_TIMESTAMP),
    ],
)
def test_a_wrong_field_is_named(apple: AppleClient, wrong: dict[str, Any], text: str) -> None:
    token = apple.device_token(apple.new_device())
    fields = {"device_token": token, **wrong}
    refused = apple.call("query_two_bits", fields.pop("device_token"), **fields)
    assert (refused.status_code, refused.text) == (400, text)
    assert apple.call("query_two_bits", token).status_code == 200


def test_a_transaction_is_one_request_which_may_come_again(apple: AppleClient) -> None:
    token, other, now = apple.device_token(apple.new_device()), apple.device_token(apple.new_device()), time.time()
    same: dict[str, Any] = {"transaction_id": "one", "timestamp": int(now * 1000)}
    assert [apple.call("query_two_bits", token, **same).text for _ in range(2)] == [NO_BITS, NO_BITS]
    for refused in (apple.call("query_two_bits", other, **same), apple.call("validate_device_token", token, **same)):
        assert (refused.status_code, refused.text) == (400, BAD_TRANSACTION)


def test_an_update_without_both_bits_changes_nothing(apple: AppleClient) -> None:
    token = apple.device_token(apple.new_device())
    refused = apple.call("update_two_bits", token, bit0=True)
    assert (refused.status_code, refused.text) == (400, BAD_BITS)
    assert apple.call("query_two_bits", token).text == NO_BITS


def test_a_caller_is_known_by_its_signature_key_team_and_hour(apple: AppleClient) -> None:
    token = apple.device_token(apple.new_device())
    unsigned = apple.token().rpartition(".")[0] + "."
    wrong = [
        apple.token(key=other_key()),
        apple.token(header={"kid": "OTHERKEY01"}),
        apple.token(iss="OTHERTEAM1"),
        apple.token(iss=None),
        apple.token(iat=int(time.time()) - 7200),
        apple.token(iat=int(time.time()) + 7200),
        apple.token(iat=None),
        unsigned,
    ]
    for attempt in wrong:
        refused = apple.call("query_two_bits", token, authorization=f"Bearer {attempt}")
        assert (refused.status_code, refused.text) == (401, UNVERIFIED)
    for missing in ("", "Bearer", "Basic abc", "Bearer abc"):
        refused = apple.call("query_two_bits", token, authorization=missing)
        assert (refused.status_code, refused.text) == (400, NO_AUTHORIZATION)
    assert apple.call("query_two_bits", token).status_code == 200


def test_programmed_faults_come_in_order_and_are_used_up(apple: AppleClient) -> None:
    token = apple.device_token(apple.new_device())
    apple.http.post(
        "/_control/faults",
        json=[
            {"status": 429, "text": "Too Many Requests", "headers": {"Retry-After": "7"}},
            {"status": 200, "text": "<html>", "path": "/v1/query", "times": 2},
        ],
    )
    first = apple.call("query_two_bits", token)
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert [apple.call("query_two_bits", token).text for _ in range(3)] == ["<html>", "<html>", NO_BITS]


def test_a_fault_for_all_calls_lasts_until_it_is_forgotten(apple: AppleClient) -> None:
    token = apple.device_token(apple.new_device())
    apple.http.post("/_control/faults", json={"status": 503, "times": None})
    assert [apple.call("query_two_bits", token).status_code for _ in range(3)] == [503, 503, 503]
    apple.http.delete("/_control/faults")
    assert apple.call("query_two_bits", token).status_code == 200


def test_the_connection_can_be_reset_or_cut_and_the_answer_late(apple: AppleClient) -> None:
    token = apple.device_token(apple.new_device())
    apple.http.post("/_control/faults", json=[{"kind": "reset"}, {"kind": "cut", "status": 200, "text": '{"bit0":'}])
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        apple.call("query_two_bits", token)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        apple.call("query_two_bits", token)
    apple.http.post("/_control/faults", json={"kind": "pass", "delay_seconds": 0.2})
    started = time.monotonic()
    assert apple.call("query_two_bits", token).text == NO_BITS
    assert time.monotonic() - started >= 0.2


def test_a_fault_can_come_after_the_deed(apple: AppleClient) -> None:
    device = apple.new_device()
    apple.http.post("/_control/faults", json={"kind": "reset", "after": True})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        apple.call("update_two_bits", apple.device_token(device), bit0=True, bit1=False)
    assert apple.http.get(f"/_control/devices/{device}").json() == {"bit0": True, "bit1": False, "updates": 1}


def test_an_answer_can_be_late_after_the_deed(apple: AppleClient) -> None:
    device = apple.new_device()
    apple.http.post("/_control/faults", json={"kind": "pass", "after": True, "delay_seconds": 0.2})
    started = time.monotonic()
    assert apple.call("update_two_bits", apple.device_token(device), bit0=True, bit1=False).status_code == 200
    assert time.monotonic() - started >= 0.2


def test_what_was_received_is_told_without_secrets(apple: AppleClient) -> None:
    device = apple.new_device()
    token = apple.device_token(device)
    apple.call("query_two_bits", token, transaction_id="t-1")
    apple.call("query_two_bits", token, authorization="")
    told = apple.requests()
    assert [(one["path"], one["status"], one["device"]) for one in told] == [
        ("/v1/query_two_bits", 200, device),
        ("/v1/query_two_bits", 400, ""),
    ]
    assert (told[0]["key_id"], told[0]["transaction_id"]) == (apple.key.key_id, "t-1")
    assert token not in json.dumps(told)


def test_an_unknown_fault_is_refused(apple: AppleClient) -> None:
    assert apple.http.post("/_control/faults", json={"statsu": 500}).status_code == 400


def test_a_fault_can_be_for_a_share_of_all_calls_and_is_drawn_alike_each_time(apple: AppleClient) -> None:
    token = apple.device_token(apple.new_device())

    def statuses() -> list[int]:
        apple.http.delete("/_control/faults")
        apple.http.post("/_control/faults", json={"status": 503, "times": None, "share": 0.25, "seed": 1})
        return [apple.call("query_two_bits", token).status_code for _ in range(40)]

    first = statuses()
    assert 4 <= first.count(503) <= 16
    assert first.count(200) == 40 - first.count(503)
    assert statuses() == first
