"""The provider serves the laptop's stack on loopback with the keys it was given, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.provider.configuration import Configuration
from local.provider.errors import ProviderRefused
from tests.local.provider.engine import PROVIDER_URN, Engine, Refused

GOOD = {"region": "us-east-1", "accessKey": "a", "secretKey": "s", "endpoints": [{"s3": "http://127.0.0.1:4566"}]}


def test_loopback_with_keys_is_accepted() -> None:
    assert Configuration.of(GOOD).endpoint == "http://127.0.0.1:4566"
    assert (
        Configuration.of({**GOOD, "endpoints": json.dumps([{"s3": "http://[::1]:1", "iam": ""}])}).endpoint
        == "http://[::1]:1"
    )


@pytest.mark.parametrize(
    "endpoints",
    [
        [{"s3": "https://s3.us-east-1.amazonaws.com"}],
        [{"s3": "http://127.0.0.1:4566", "iam": "https://iam.amazonaws.com"}],
        [{"s3": "http://127.0.0.1.example.com:4566"}],
        [{"s3": "http://127.0.0.1@example.com"}],
        [{"s3": "http://10.0.0.1"}],
        [{"s3": "http://169.254.169.254"}],
        [{"s3": "http://127.0.0.1:1", "iam": "http://127.0.0.1:2"}],
        [],
        [{}],
    ],
)
def test_any_other_endpoint_is_refused(endpoints: Any) -> None:
    with pytest.raises(ProviderRefused, match=r"make up"):
        Configuration.of({**GOOD, "endpoints": endpoints})


@pytest.mark.parametrize("missing", GOOD)
def test_nothing_is_taken_from_elsewhere(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.setenv(name, "canary")
    with pytest.raises(ProviderRefused, match=missing):
        Configuration.of({name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize("name", ["profile", "assumeRoles", "defaultTags", "token"])
def test_a_setting_it_does_not_know_is_named(name: str) -> None:
    with pytest.raises(ProviderRefused, match=f"aws:{name}"):
        Configuration.of({**GOOD, name: "x"})


@pytest.mark.parametrize("stack", ["dev", "prod", "local-2"])
def test_another_stack_is_refused(stack: str, engine: Engine, config: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=f"the stack '{stack}' is not its own"):
        engine.check_config(config, PROVIDER_URN.replace("local", stack))
    engine.check_config(config)  # the twin


def test_keys_never_show_in_its_words() -> None:
    assert "canary" not in repr(Configuration.of({**GOOD, "secretKey": "canary"}))


def test_another_account_is_refused(engine: Engine, config: dict[str, Any]) -> None:
    other = {**config, "allowedAccountIds": '["123456789012"]'}
    try:
        engine.configure(other)
        with pytest.raises(Refused, match="allowedAccountIds"):
            engine.create("aws:sns/topic:Topic", "elsewhere", {"name": "rendio-local-elsewhere"})
    finally:
        engine.configure(config)
