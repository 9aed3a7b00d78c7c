"""What is wrong is said before anything is touched, by name, and a secret never leaves its marking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.provider.values import UNKNOWN
from tests.local.provider.engine import Engine, Refused, urn
from tests.local.provider.world import archive

BUCKET = "aws:s3/bucket:Bucket"
QUEUE = "aws:sqs/queue:Queue"
FUNCTION = "aws:lambda/function:Function"
INSTANCE = "aws:rds/instance:Instance"
GOOD_INSTANCE = {
    "engine": "postgres", "engineVersion": "18", "instanceClass": "db.t4g.micro", "allocatedStorage": 20,
    "username": "master", "manageMasterUserPassword": True,
}  # fmt: skip
GOOD_FUNCTION = {
    "role": "arn:aws:iam::000000000000:role/x",
    "runtime": "python3.13",
    "handler": "a.b",
    "code": archive(),
}

WRONG: list[tuple[str, dict[str, Any], str]] = [
    (BUCKET, {"buckets": "x"}, "buckets: there is no such property. Did you mean bucket?"),
    (BUCKET, {"corsRules": []}, "corsRules: the provider of the laptop cloud does not support"),
    (BUCKET, {"tags": "x"}, "tags: must be of type map, not string"),
    (BUCKET, {"bucket": "No_Capitals"}, "bucket: must match"),
    ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "x"}, "policy: is required"),
    (QUEUE, {"messageRetentionSeconds": 59}, "messageRetentionSeconds:"),
    (QUEUE, {"visibilityTimeoutSeconds": "soon"}, "visibilityTimeoutSeconds: must be of type integer, not string"),
    (FUNCTION, {**GOOD_FUNCTION, "runtime": "python1.0"}, "runtime:"),
    (FUNCTION, {**GOOD_FUNCTION, "memorySize": 1}, "memorySize: must be"),
    (FUNCTION, {**GOOD_FUNCTION, "environment": {"variable": {}}}, "environment.variable: there is no such property"),
    (INSTANCE, {**GOOD_INSTANCE, "instanceClass": "db.t99.huge"}, "instanceClass: does not go with the others"),
    (INSTANCE, {**GOOD_INSTANCE, "engineVersion": "18.99"}, "engineVersion: does not go with the others"),
    (INSTANCE, {**GOOD_INSTANCE, "manageMasterUserPassword": False}, "manageMasterUserPassword: must be true"),
    (
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        {"securityGroupId": "sg-1", "ipProtocol": "-1"},
        "cidrIpv4: exactly one of",
    ),
    ("aws:lambda/invocation:Invocation", {"functionName": "f", "input": "{"}, "input: must be JSON"),
    ("aws:kms/key:Key", {"keyUsage": "SING"}, "keyUsage: must be one of"),
    ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 8}, "retentionInDays: must be one of"),
]


@pytest.mark.parametrize(("type_", "inputs", "told"), WRONG, ids=[told.partition(":")[0] for _, _, told in WRONG])
def test_a_wrong_input_is_named(type_: str, inputs: dict[str, Any], told: str, engine: Engine) -> None:
    with pytest.raises(Refused) as caught:
        engine.check(type_, "x", inputs)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        (BUCKET, {"bucket": "rendio-local-x", "tags": {"a": "b"}}),
        (QUEUE, {"messageRetentionSeconds": 60, "visibilityTimeoutSeconds": 30}),
        (FUNCTION, GOOD_FUNCTION),
        (INSTANCE, GOOD_INSTANCE),
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 7}),
    ],
)
def test_a_right_input_passes(type_: str, inputs: dict[str, Any], engine: Engine) -> None:
    assert engine.check(type_, "x", inputs).values.items() >= inputs.items()


def test_what_a_preview_cannot_know_is_no_mistake(engine: Engine) -> None:
    inputs = {"bucket": UNKNOWN, "policy": UNKNOWN}
    assert engine.check("aws:s3/bucketPolicy:BucketPolicy", "x", inputs).values["policy"] is UNKNOWN


def test_an_unknown_type_is_named(engine: Engine) -> None:
    with pytest.raises(Refused, match="does not know the resource type aws:ecs/cluster:Cluster"):
        engine.check("aws:ecs/cluster:Cluster", "x", {})


def test_a_missing_archive_is_named_and_nothing_is_made(engine: Engine, program: Path) -> None:
    inputs = {**GOOD_FUNCTION, "name": "rendio-local-no-code", "code": archive("no/such/folder")}
    with pytest.raises(Refused) as caught:
        engine.create(FUNCTION, "no-code", inputs)
    assert f"{program / 'no/such/folder'} does not exist" in str(caught.value)


def test_a_secret_stays_secret_in_inputs_and_outputs(engine: Engine) -> None:
    held = engine.create(
        "aws:sns/topic:Topic",
        "secretive",
        {"name": "rendio-local-secretive", "displayName": "hush"},
        frozenset({"displayName"}),
    )
    assert "displayName" in held.secret
    assert "arn" not in held.secret
    found = engine.refresh(held)
    assert found is not None
    assert "displayName" in found.secret
    engine.delete(held)


def test_a_failure_names_resource_code_and_no_secret(engine: Engine) -> None:
    with pytest.raises(Refused) as caught:
        engine.create(
            "aws:iam/rolePolicy:RolePolicy", "orphan",
            {"name": "access", "role": "rendio-local-nobody", "policy": '{"password": "canary-password"}'},
        )  # fmt: skip
    told = str(caught.value)
    assert 'aws:iam/rolePolicy:RolePolicy "orphan"' in told
    assert "NoSuchEntity" in told or "MalformedPolicyDocument" in told
    assert "canary-password" not in told


def test_a_urn_is_taken_apart_rightly() -> None:
    assert urn("rendio:a:B$aws:s3/bucket:Bucket", "n").endswith("::n")
