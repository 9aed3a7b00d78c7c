"""What each of Apple's answers means; an ambiguous one never means "bits unset"."""

from __future__ import annotations

import pytest

from lambdas.device_check.apple import bits_of, refusal
from lambdas.device_check.logic import DeviceBits
from lambdas.runtime.errors import DeviceCheckMisconfigured, DeviceCheckUnavailable, DeviceNotGenuine

UNSET = DeviceBits(bit0=False, bit1=False)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ('{"bit0":true,"bit1":false,"last_update_time":"2026-10"}', DeviceBits(bit0=True, bit1=False)),
        ('{"bit0":false,"bit1":true,"last_update_time":"2026-10"}', DeviceBits(bit0=False, bit1=True)),
        ('{"bit0":false,"bit1":false,"last_update_time":"2026-10"}', UNSET),
        ("Failed to find bit state", UNSET),
        ("Bit State Not Found", UNSET),
        ("Bit State Not Found\n", UNSET),
    ],
)
def test_a_clear_answer_gives_the_bits(text: str, bits: DeviceBits) -> None:
    assert bits_of(text) == bits


@pytest.mark.plan("M1", "M17")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>OK</html>",
        "{}",
        "null",
        "[]",
        '{"bit0":false}',
        '{"bit0":0,"bit1":0}',
        '{"bit0":"false","bit1":"false"}',
        '{"bit0":null,"bit1":null}',
        '{"bit0":false,"bit1":fal',
        "Failed to find bit state: try later",
        "[" * 3000,
    ],
)
def test_an_unclear_answer_is_an_outage_and_never_bits_unset(text: str) -> None:
    with pytest.raises(DeviceCheckUnavailable):
        bits_of(text)


@pytest.mark.parametrize(
    ("status", "text", "meaning"),
    [
        (400, "Missing or incorrectly formatted device token payload", DeviceNotGenuine),
        (400, "Bad Device Token", DeviceNotGenuine),
        (400, "Missing or incorrectly formatted bits", DeviceCheckMisconfigured),
        (400, "Missing or incorrectly formatted time stamp", DeviceCheckMisconfigured),
        (400, "Missing or badly formatted authorization token", DeviceCheckMisconfigured),
        (400, "", DeviceCheckMisconfigured),
        (401, "Unable to verify authorization token", DeviceCheckMisconfigured),
        (401, "Bad Device Token", DeviceCheckMisconfigured),
        (403, "Forbidden", DeviceCheckMisconfigured),
        (404, "", DeviceCheckMisconfigured),
        (301, "", DeviceCheckMisconfigured),
        (204, "", DeviceCheckMisconfigured),
        (408, "", DeviceCheckUnavailable),
        (429, "Too many requests", DeviceCheckUnavailable),
        (500, "Server error", DeviceCheckUnavailable),
        (503, "Service unavailable", DeviceCheckUnavailable),
    ],
)
def test_any_other_answer_is_the_callers_fault_ours_or_apples(status: int, text: str, meaning: type[Exception]) -> None:
    assert type(refusal(status, text)) is meaning


def test_our_own_fault_looks_like_an_outage_to_the_client() -> None:
    ours, theirs = refusal(403, ""), refusal(503, "")
    assert isinstance(ours, DeviceCheckMisconfigured)
    assert isinstance(theirs, DeviceCheckUnavailable)
    assert (ours.status, ours.told_code, ours.headers) == (theirs.status, theirs.told_code, theirs.headers)
    assert int(ours.headers["Retry-After"]) > 0
