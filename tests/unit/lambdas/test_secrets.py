"""Secrets are read seldom, kept through an outage, replaced without a deployment; device ids are only ever hashed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.device_check.device_hash import Keyring
from lambdas.runtime import clients, secrets
from lambdas.runtime.errors import ConfigurationError
from lambdas.runtime.secrets import KEPT_SECONDS, Secret


class SecretsManager:
    def __init__(self) -> None:
        self.text: str | None = '{"version": 1}'
        self.reads = 0

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        self.reads += 1
        if self.text is None:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue")
        return {"SecretString": self.text}


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> SecretsManager:
    manager = SecretsManager()
    monkeypatch.setattr(clients, "secrets_manager", lambda: manager)
    return manager


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(secrets, "time", clock)
    return clock


def test_a_secret_is_read_once_and_again_after_some_minutes(manager: SecretsManager, clock: Clock) -> None:
    secret = Secret("s")
    assert [secret.value(), secret.value()] == [{"version": 1}] * 2
    assert manager.reads == 1
    manager.text = '{"version": 2}'
    clock.now += KEPT_SECONDS + 1
    assert secret.value() == {"version": 2}


def test_an_outage_keeps_the_old_value_except_for_whom_it_would_be_too_old(
    manager: SecretsManager, clock: Clock
) -> None:
    secret = Secret("s")
    secret.value()
    manager.text = None
    clock.now += KEPT_SECONDS + 1
    assert secret.value() == {"version": 1}
    with pytest.raises(ConfigurationError):
        secret.value(no_older_than=10)


def test_a_forgotten_secret_is_read_anew(manager: SecretsManager) -> None:
    secret = Secret("s")
    secret.value()
    secret.forget()
    secret.value()
    assert manager.reads == 2


@pytest.mark.parametrize("text", [None, "", "canary", '"canary"', "[]"])
def test_a_secret_that_is_none_is_an_error_that_does_not_quote_it(manager: SecretsManager, text: str | None) -> None:
    manager.text = text
    with pytest.raises(ConfigurationError) as error:
        Secret("rendio/local/s").value()
    assert "rendio/local/s" in str(error.value)
    assert "canary" not in str(error.value)


def ring(current: str = "k1", **keys: bytes) -> Keyring:
    given = keys or {"k1": b"1" * 32}
    encoded = {name: base64.b64encode(key).decode() for name, key in given.items()}
    return Keyring.of(json.loads(json.dumps({"current": current, "keys": encoded})))


def test_a_hash_depends_on_key_and_purpose_and_shows_nothing() -> None:
    one, two = ring(), ring(k1=b"2" * 32)
    hashes = [one.device("id").under_current, one.token("id").under_current, two.device("id").under_current]
    assert len(set(hashes)) == 3
    assert one.device("id").under_current == hashes[0]
    assert all(len(found) == 32 and b"id" not in found for found in hashes)


def test_during_a_rotation_old_hashes_are_known_and_new_ones_use_the_current_key() -> None:
    before, during = ring(), ring("k2", k1=b"1" * 32, k2=b"2" * 32)
    found = during.device("id")
    assert (found.key_id, before.device("id").under_current in found.under_any) == ("k2", True)
    assert found.under_current != before.device("id").under_current


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"current": "k1"},
        {"current": "k1", "keys": []},
        {"current": "k1", "keys": {"k1": "not base64"}},
        {"current": "k2", "keys": {"k1": base64.b64encode(b"1" * 32).decode()}},
        {"current": "k1", "keys": {"k1": base64.b64encode(b"short").decode()}},
    ],
)
def test_a_malformed_ring_is_refused(secret: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Keyring.of(secret)


def test_a_ring_is_not_shown_by_accident() -> None:
    assert "1" * 8 not in repr(ring())
    assert "under_any" not in repr(ring().device("id"))
