"""An emulator, an administrator of it (never root), and a provider that acts as them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.local.ministack.emulator import ACCOUNT, REGION, RUNTIME, Emulator
from tests.local.provider.cases import CASES
from tests.local.provider.engine import Engine
from tests.local.provider.world import World

HANDLER = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError('relation "nowhere" does not exist')
    return {"did": event}
"""


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("provider-emulator"))
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="session")
def config(emulator: Emulator) -> dict[str, Any]:
    """The provider's configuration, with the keys of a user who may do everything."""
    iam = boto3.client(
        "iam", endpoint_url=emulator.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    iam.create_user(UserName="administrator")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="administrator", PolicyName="everything", PolicyDocument=json.dumps(everything))
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    return {
        "region": REGION,
        "accessKey": key["AccessKeyId"],
        "secretKey": key["SecretAccessKey"],
        "endpoints": json.dumps([{"s3": emulator.url, "iam": emulator.url}]),
        "allowedAccountIds": json.dumps([ACCOUNT]),
        "skipCredentialsValidation": "true",
    }


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program's folder, with the code of a function in it."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "code").mkdir()
    (folder / "code" / "function.py").write_text(HANDLER)
    return folder


@pytest.fixture(scope="session")
def client(emulator: Emulator, config: dict[str, Any]) -> Callable[[str], Any]:
    """boto3 as somebody with a console: what happens behind the engine's back."""

    def make(service: str) -> Any:
        return boto3.client(
            service, endpoint_url=emulator.url, region_name=REGION,
            aws_access_key_id=config["accessKey"], aws_secret_access_key=config["secretKey"],
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def engine(config: dict[str, Any], program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("state"), program, config) as running:
        yield running


@pytest.fixture(scope="session")
def world(engine: Engine) -> Iterator[World]:
    """One resource of every type, each made from those before it. At the end all of them are deleted again."""
    made = World(RUNTIME)
    for name, case in CASES.items():
        made.held[name] = engine.create(case.type, name, case.inputs(made))
    yield made
    for held in reversed(made.held.values()):
        engine.delete(held)
        if held.type not in NEVER_GONE:
            assert engine.refresh(held) is None, f"{held.type} is still there"


# AWS keeps them, or reading them does nothing.
NEVER_GONE = frozenset(
    {
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:lambda/invocation:Invocation",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:sns/topicPolicy:TopicPolicy",
    }
)
