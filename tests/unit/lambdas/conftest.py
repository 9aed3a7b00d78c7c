"""Functions without their cloud: their settings, a signing key of our own, logs and metrics as they are written."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambdas.runtime import observability
from tests.unit.lambdas.keys import SigningKey


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "STACK": "local",
        "POWERTOOLS_SERVICE_NAME": f"unit-{uuid.uuid4()}",  # a logger of its own, on this test's output
        "POWERTOOLS_METRICS_NAMESPACE": "Rendio",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "unit",
        "AWS_SECRET_ACCESS_KEY": "unit",
    }.items():
        monkeypatch.setenv(name, value)
    observability.log.cache_clear()
    yield
    observability.end_invocation()
    observability.log.cache_clear()


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The JSON lines written since the last call: logs and metrics."""

    def lines() -> list[dict[str, Any]]:
        observability.end_invocation()
        return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]

    return lines


@pytest.fixture(scope="session")
def ours() -> SigningKey:
    return SigningKey.made()


@pytest.fixture(scope="session")
def attackers() -> SigningKey:
    return SigningKey.made()
