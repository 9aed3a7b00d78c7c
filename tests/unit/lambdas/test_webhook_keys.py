"""The generator's keys are kept for a day, read anew for a signature they do not know, and not at each forgery."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lambdas.fal_webhook.keys import (
    FETCH_AGAIN_SECONDS,
    KEPT_SECONDS,
    PublishedKeys,
    WebhookKeysUnreachable,
    keys_of,
)
from lambdas.fal_webhook.signatures import Signatures, WebhookRefused

NOW = 1_800_000_000
MESSAGE = b"message"


class Publisher:
    """Publishes keys, or is out of reach; counts how often it was asked."""

    def __init__(self, *keys: Ed25519PrivateKey) -> None:
        self.keys, self.reachable, self.asked, self.clock = list(keys), True, 0, 0.0

    def __call__(self) -> Any:
        self.asked += 1
        if not self.reachable:
            raise OSError
        return {"keys": [jwk(key) for key in self.keys]}

    def process(self) -> PublishedKeys:
        return PublishedKeys(self, lambda: self.clock)


def jwk(key: Ed25519PrivateKey, **changed: Any) -> dict[str, Any]:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).decode().rstrip("="), **changed}


def by(key: Ed25519PrivateKey) -> bytes:
    return key.sign(MESSAGE)


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def new() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def test_they_are_read_once_for_many_call_backs(key: Ed25519PrivateKey) -> None:
    publisher = Publisher(key)
    process = publisher.process()
    assert all(process.verify(by(key), MESSAGE) for _ in range(10))
    assert publisher.asked == 1


def test_a_day_old_ones_are_read_again(key: Ed25519PrivateKey) -> None:
    publisher = Publisher(key)
    process = publisher.process()
    assert process.verify(by(key), MESSAGE)
    publisher.clock, publisher.reachable = KEPT_SECONDS, False
    assert process.verify(by(key), MESSAGE), "good for the day"
    publisher.clock = KEPT_SECONDS + 1
    with pytest.raises(WebhookKeysUnreachable):
        process.verify(by(key), MESSAGE)
    publisher.reachable, publisher.clock = True, KEPT_SECONDS + FETCH_AGAIN_SECONDS + 2
    assert process.verify(by(key), MESSAGE)


def test_a_new_key_is_found_and_the_old_one_no_longer(key: Ed25519PrivateKey, new: Ed25519PrivateKey) -> None:
    publisher = Publisher(key)
    process = publisher.process()
    assert process.verify(by(key), MESSAGE)
    publisher.keys, publisher.clock = [new], FETCH_AGAIN_SECONDS + 1
    assert process.verify(by(new), MESSAGE)
    assert not process.verify(by(key), MESSAGE)


def test_forgeries_do_not_make_us_ask_each_time(key: Ed25519PrivateKey, new: Ed25519PrivateKey) -> None:
    publisher = Publisher(key)
    process = publisher.process()
    assert not any(process.verify(by(new), MESSAGE) for _ in range(100))
    assert publisher.asked == 1
    publisher.clock = FETCH_AGAIN_SECONDS + 1
    assert not any(process.verify(by(new), MESSAGE) for _ in range(100))
    assert publisher.asked == 2


def test_out_of_reach_is_neither_good_nor_bad_until_it_is_reached(key: Ed25519PrivateKey) -> None:
    publisher = Publisher(key)
    publisher.reachable = False
    process = publisher.process()
    for _ in range(3):
        with pytest.raises(WebhookKeysUnreachable):
            process.verify(by(key), MESSAGE)
    assert publisher.asked == 1
    publisher.reachable, publisher.clock = True, FETCH_AGAIN_SECONDS + 1
    assert process.verify(by(key), MESSAGE)


def test_what_is_no_key_is_passed_over(key: Ed25519PrivateKey) -> None:
    strange = [{}, None, {"kty": "RSA"}, jwk(key, x="short"), jwk(key, x="!"), jwk(key, crv="X25519"), jwk(key, x=None)]
    assert len(keys_of({"keys": [*strange, jwk(key), jwk(key, x=jwk(key)["x"] + "=")]})) == 2
    without: list[Any] = [{}, {"keys": []}, {"keys": strange}, {"keys": "x"}, [], None]
    for nothing in without:
        with pytest.raises(ValueError, match="no Ed25519 key"):
            keys_of(nothing)


class TestTime:
    """To the second; tests/lambdas has the whole matrix over HTTP."""

    @pytest.mark.plan("N3")
    @pytest.mark.parametrize(("off", "good"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
    def test_it_is_fresh_for_300_seconds(self, key: Ed25519PrivateKey, off: int, *, good: bool) -> None:
        signatures = Signatures("us", Publisher(key).process(), now=lambda: float(NOW))
        stamp, body = str(NOW + off), b"{}"
        message = "\n".join(["r1", "us", stamp, hashlib.sha256(body).hexdigest()]).encode()
        headers = {
            "x-fal-webhook-request-id": "r1",
            "x-fal-webhook-user-id": "us",
            "x-fal-webhook-timestamp": stamp,
            "x-fal-webhook-signature": key.sign(message).hex(),
        }
        if good:
            assert signatures.request_id_of(headers, body) == "r1"
        else:
            with pytest.raises(WebhookRefused):
                signatures.request_id_of(headers, body)

    @pytest.mark.plan("N3")
    def test_every_byte_that_is_signed_counts(self, key: Ed25519PrivateKey) -> None:
        signatures = Signatures("us", Publisher(key).process(), now=lambda: float(NOW))
        body = b'{"request_id": "r1"}'
        message = "\n".join(["r1", "us", str(NOW), hashlib.sha256(body).hexdigest()]).encode()
        headers = {
            "x-fal-webhook-request-id": "r1",
            "x-fal-webhook-user-id": "us",
            "x-fal-webhook-timestamp": str(NOW),
            "x-fal-webhook-signature": key.sign(message).hex(),
        }
        assert signatures.request_id_of(headers, body) == "r1"
        for place in range(len(body)):
            spoiled = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
            with pytest.raises(WebhookRefused):
                signatures.request_id_of(headers, spoiled)
        for name, value in headers.items():
            for place in range(len(value)):
                other = "1" if value[place] == "0" else "0"
                with pytest.raises(WebhookRefused):
                    signatures.request_id_of({**headers, name: value[:place] + other + value[place + 1 :]}, body)
