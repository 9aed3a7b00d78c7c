"""A `kill -9` at any moment of a creation: the next one ends with one resource, and touches nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.provider.journal import Journal
from local.provider.lifecycle import Lifecycle
from tests.local.provider.engine import Engine, Refused
from tests.local.provider.world import TRUST, World, archive

Client = Callable[[str], Any]


class Killed(Exception):
    """Stands for SIGKILL: nothing between the call and the protocol catches it."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def start(state: Path, program: Path, config: dict[str, Any]) -> Iterator[Callable[[], Engine]]:
    """A provider as the next engine command starts it, on the same state folder."""
    running: list[Engine] = []

    def make() -> Engine:
        engine = Engine(state, program, config).__enter__()
        running.append(engine)
        return engine

    yield make
    for engine in running:
        engine.__exit__(None, None, None)


def _names(call: Callable[..., Any], key: str, field: str, wanted: str) -> int:
    return sum(1 for found in call()[key] if wanted in str(found.get(field)))


def _keys(kms: Any) -> list[dict[str, Any]]:
    return [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]


Count = Callable[[Client], int]
KINDS: dict[str, tuple[str, Callable[[World], dict[str, Any]], Count]] = {
    "vpc": ("aws:ec2/vpc:Vpc", lambda _: {"cidrBlock": "10.77.0.0/20"},
            lambda c: _names(c("ec2").describe_vpcs, "Vpcs", "CidrBlock", "10.77.0.0")),
    "group": ("aws:ec2/securityGroup:SecurityGroup", lambda w: {"vpcId": w["vpc"]["id"], "description": "killed"},
              lambda c: _names(c("ec2").describe_security_groups, "SecurityGroups", "Description", "killed")),
    "address": ("aws:ec2/eip:Eip", lambda _: {"domain": "vpc", "tags": {"killed": "yes"}},
                lambda c: _names(c("ec2").describe_addresses, "Addresses", "Tags", "killed")),
    "bucket": ("aws:s3/bucket:Bucket", lambda _: {"bucket": "rendio-local-killed", "tags": {"a": "b"}},
               lambda c: _names(c("s3").list_buckets, "Buckets", "Name", "rendio-local-killed")),
    "role": ("aws:iam/role:Role", lambda _: {"name": "rendio-local-killed", "assumeRolePolicy": TRUST},
             lambda c: _names(c("iam").list_roles, "Roles", "RoleName", "rendio-local-killed")),
    "key": ("aws:kms/key:Key", lambda _: {"description": "killed", "deletionWindowInDays": 7},
            lambda c: sum((found["Description"], found["KeyState"]) == ("killed", "Enabled")
                          for found in _keys(c("kms")))),
    "queue": ("aws:sqs/queue:Queue", lambda _: {"name": "rendio-local-killed"},
              lambda c: sum("killed" in url for url in c("sqs").list_queues().get("QueueUrls", ()))),
    "api": ("aws:apigatewayv2/api:Api", lambda _: {"name": "killed", "protocolType": "HTTP"},
            lambda c: _names(c("apigatewayv2").get_apis, "Items", "Name", "killed")),
    "secret": ("aws:secretsmanager/secret:Secret", lambda _: {"name": "rendio/local/killed", "recoveryWindowInDays": 0},
               lambda c: _names(c("secretsmanager").list_secrets, "SecretList", "Name", "killed")),
    "function": ("aws:lambda/function:Function",
                 lambda w: {"name": "rendio-local-killed", "role": w["role"]["arn"], "runtime": w.runtime,
                            "handler": "function.handler", "code": archive(), "publish": True},
                 lambda c: _names(c("lambda").list_functions, "Functions", "FunctionName", "killed")),
    "log group": ("aws:cloudwatch/logGroup:LogGroup", lambda _: {"name": "/killed", "retentionInDays": 7},
                  lambda c: len(c("logs").describe_log_groups(logGroupNamePrefix="/killed")["logGroups"])),
}  # fmt: skip


def _killed_when_noting_the_id(patch: pytest.MonkeyPatch) -> None:
    def created(self: Journal, creation: object, identifier: str) -> None:
        raise Killed

    patch.setattr(Journal, "created", created)


def _killed_before_the_engine_hears(patch: pytest.MonkeyPatch) -> None:
    def properties(self: Lifecycle, *arguments: object) -> dict[str, Any]:
        raise Killed

    patch.setattr(Lifecycle, "properties", properties)


MOMENTS = {"after the call": _killed_when_noting_the_id, "before the answer": _killed_before_the_engine_hears}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_creation_leaves_one(
    kind: str, moment: str, start: Callable[[], Engine], client: Client, world: World
) -> None:
    type_, inputs, count = KINDS[kind]
    with pytest.MonkeyPatch.context() as patch:
        MOMENTS[moment](patch)
        with pytest.raises(Refused):
            start().create(type_, "killed", inputs(world), seed=b"before")
    assert count(client) == 1, "the kill came after the call"
    engine = start()
    held = engine.create(type_, "killed", inputs(world), seed=b"after")
    assert count(client) == 1
    found = engine.refresh(held)
    assert found is not None
    assert found.inputs == held.inputs
    engine.delete(held)
    assert count(client) == 0


def test_what_the_engine_knows_is_no_leftover(start: Callable[[], Engine], client: Client) -> None:
    """A replacement makes the new one beside the old one, under the same URN."""
    engine = start()
    old = engine.create("aws:ec2/vpc:Vpc", "replaced", {"cidrBlock": "10.71.0.0/20"})
    engine.diff(old, {"cidrBlock": "10.72.0.0/20"})
    new = engine.create("aws:ec2/vpc:Vpc", "replaced", {"cidrBlock": "10.72.0.0/20"})
    assert engine.refresh(old) is not None
    for held in (old, new):
        engine.delete(held)


def test_what_somebody_else_made_is_refused_by_name_and_stays(start: Callable[[], Engine], client: Client) -> None:
    client("s3").create_bucket(Bucket="rendio-local-foreign")
    for _ in range(2):  # a failed creation must not make it a left-over of ours
        with pytest.raises(Refused, match="rendio-local-foreign exists already, and this stack did not make it"):
            start().create("aws:s3/bucket:Bucket", "foreign", {"bucket": "rendio-local-foreign"})
    client("s3").head_bucket(Bucket="rendio-local-foreign")
    client("s3").delete_bucket(Bucket="rendio-local-foreign")


def test_a_journal_cut_short_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    creation = journal.begin("urn:a", "type", {"name": "a"})
    journal.created(creation, "id-a")
    with (tmp_path / "creations.jsonl").open("a") as file:
        file.write('{"event":"begin","tok')
    again = Journal(tmp_path)
    again.begin("urn:b", "type", {})
    last = Journal(tmp_path)
    assert [left.id for left in last.leftovers("urn:a")] == ["id-a"]
    assert len(last.leftovers("urn:b")) == 1
    last.known("urn:a", "id-a")
    assert Journal(tmp_path).leftovers("urn:a") == []
