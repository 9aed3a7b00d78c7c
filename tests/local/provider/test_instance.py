"""The RDS instance is the embedded Postgres, and its master's password a real secret in Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.postgres import instance
from local.state import State
from tests.local.provider.engine import Engine, Refused
from tests.local.provider.test_inputs import GOOD_INSTANCE
from tests.local.provider.test_lifecycle import given

Client = Callable[[str], Any]
INSTANCE = "aws:rds/instance:Instance"
INPUTS = {**GOOD_INSTANCE, "identifier": "rendio-local", "dbName": "rendio", "skipFinalSnapshot": True}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    made = State(tmp_path_factory.mktemp("pg"))
    made.create()
    made.ports.write_text('{"postgres": 20001}')
    yield made
    instance.delete(made)


@pytest.fixture(scope="module")
def engine(state: State, program: Path, config: dict[str, Any]) -> Iterator[Engine]:
    with Engine(state.root, program, config) as running:
        yield running


def test_the_instance_lives_and_goes_with_its_secret(engine: Engine, state: State, client: Client) -> None:
    held = engine.create(INSTANCE, "database", INPUTS)
    assert held.properties["endpoint"] == "127.0.0.1:20001"
    assert held.properties["resourceId"] == held.id
    assert held.id.startswith("db-")
    secret = held.properties["masterUserSecrets"][0]
    assert secret["secretStatus"] == "active"
    assert ":secret:rds!db-" in secret["secretArn"]
    value = json.loads(client("secretsmanager").get_secret_value(SecretId=secret["secretArn"])["SecretString"])
    assert value["username"] == "master"
    assert value["password"] not in json.dumps(held.properties, default=str)
    assert instance.is_running(state)

    found = engine.refresh(held)
    assert found is not None
    assert found.inputs == held.inputs
    updated = engine.update(held, {**given(held.inputs), "backupRetentionPeriod": 7, "deletionProtection": True})
    with pytest.raises(Refused, match="deletion protection"):
        engine.delete(updated)
    engine.delete(engine.update(updated, given(held.inputs)))
    assert instance.describe(state) is None
    assert engine.refresh(held) is None
    with pytest.raises(client("secretsmanager").exceptions.ResourceNotFoundException):
        client("secretsmanager").describe_secret(SecretId=secret["secretArn"])
