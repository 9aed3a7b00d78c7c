"""What was changed by hand is found by a refresh, shows as a change, and is mended by the next update."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.local.provider.engine import Engine
from tests.local.provider.test_lifecycle import given
from tests.local.provider.world import ROOT, World, document

Client = Callable[[str], Any]
Drift = Callable[[Client, World], object]
TRUST_ANYBODY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
)


def bucket(world: World) -> str:
    return str(world["bucket"]["id"])


def _lifecycle(client: Client, world: World) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    client("s3").put_bucket_lifecycle_configuration(Bucket=bucket(world), LifecycleConfiguration={"Rules": [rule]})


def _public_access(client: Client, world: World) -> None:
    flags = {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": False,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": False,
    }
    client("s3").put_public_access_block(Bucket=bucket(world), PublicAccessBlockConfiguration=flags)


def _schedule(client: Client, world: World) -> None:
    scheduler = client("scheduler")
    found = scheduler.get_schedule(GroupName="rendio-local-case", Name="sweep")
    scheduler.update_schedule(
        GroupName="rendio-local-case", Name="sweep", ScheduleExpression="rate(9 minutes)", State="DISABLED",
        FlexibleTimeWindow={"Mode": "OFF"}, Target=found["Target"],
    )  # fmt: skip


def _default_group(client: Client, world: World) -> None:
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    client("ec2").authorize_security_group_ingress(GroupId=world["default-group"]["id"], IpPermissions=[permission])


def _rule(client: Client, world: World) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "10.0.0.0/8"}
    change = [{"SecurityGroupRuleId": world["out"]["id"], "SecurityGroupRule": rule}]
    client("ec2").modify_security_group_rules(GroupId=world["group"]["id"], SecurityGroupRules=change)


def _code(client: Client, world: World) -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("function.py", "handler = None")
    client("lambda").update_function_code(FunctionName="rendio-local-case", ZipFile=buffer.getvalue())


ENVIRONMENT = {"Variables": {"STACK": "prod"}}
DRIFTS: dict[str, tuple[str, str, Drift]] = {
    "bucket policy": ("bucket-policy", "policy", lambda c, w: c("s3").put_bucket_policy(
        Bucket=bucket(w), Policy=document("s3:PutObject", f"arn:aws:s3:::{bucket(w)}/*", **ROOT))),
    "tag": ("bucket", "tags", lambda c, w: c("s3").put_bucket_tagging(
        Bucket=bucket(w), Tagging={"TagSet": [{"Key": "project", "Value": "other"}]})),
    "lifecycle": ("lifecycle", "rules", _lifecycle),
    "public access": ("public-access-block", "blockPublicPolicy", _public_access),
    "versioning": ("versioning", "versioningConfiguration", lambda c, w: c("s3").put_bucket_versioning(
        Bucket=bucket(w), VersioningConfiguration={"Status": "Suspended"})),
    "role policy": ("role-policy", "policy", lambda c, _: c("iam").put_role_policy(
        RoleName="rendio-local-case", PolicyName="access", PolicyDocument=document("*"))),
    "trust": ("role", "assumeRolePolicy", lambda c, _: c("iam").update_assume_role_policy(
        RoleName="rendio-local-case", PolicyDocument=TRUST_ANYBODY)),
    "queue attribute": ("queue", "messageRetentionSeconds", lambda c, w: c("sqs").set_queue_attributes(
        QueueUrl=w["queue"]["url"], Attributes={"MessageRetentionPeriod": "60"})),
    "queue policy": ("queue-policy", "policy", lambda c, w: c("sqs").set_queue_attributes(
        QueueUrl=w["queue"]["url"], Attributes={"Policy": document("sqs:*", w["queue"]["arn"], Principal="*")})),
    "topic policy": ("topic-policy", "policy", lambda c, w: c("sns").set_topic_attributes(
        TopicArn=w["topic"]["arn"], AttributeName="Policy",
        AttributeValue=document("sns:Publish", w["topic"]["arn"], Principal="*"))),
    "key policy": ("key", "policy", lambda c, w: c("kms").put_key_policy(
        KeyId=w["key"]["id"], PolicyName="default", Policy=document("kms:*", "*", Principal="*"))),
    "key disabled": ("key", "isEnabled", lambda c, w: c("kms").disable_key(KeyId=w["key"]["id"])),
    "function environment": ("function", "environment", lambda c, _: c("lambda").update_function_configuration(
        FunctionName="rendio-local-case", Environment=ENVIRONMENT)),
    "function code": ("function", "code", _code),
    "schedule": ("schedule", "scheduleExpression", _schedule),
    "secret's description": ("secret", "description", lambda c, _: c("secretsmanager").update_secret(
        SecretId="rendio/local/case", Description="Another")),
    "log retention": ("logs", "retentionInDays", lambda c, _: c("logs").put_retention_policy(
        logGroupName="/aws/lambda/rendio-local-case", retentionInDays=365)),
    "security-group rule": ("out", "cidrIpv4", _rule),
    "default group opened": ("default-group", "ingress", _default_group),
    "route opened": ("api-route", "authorizationType", lambda c, w: c("apigatewayv2").update_route(
        ApiId=w["api"]["id"], RouteId=w["api-route"]["id"], AuthorizationType="NONE")),
    "alarm": ("alarm", "threshold", lambda c, _: c("cloudwatch").put_metric_alarm(
        AlarmName="rendio-local-case", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Period=60,
        MetricName="SessionOpenFailed", Namespace="Rendio", Statistic="Sum", Threshold=1000,
        Dimensions=[{"Name": "stack", "Value": "local"}], TreatMissingData="notBreaching")),
}  # fmt: skip


@pytest.mark.parametrize("what", DRIFTS)
def test_a_change_by_hand_is_named_and_mended(what: str, world: World, engine: Engine, client: Client) -> None:
    name, property_, drift = DRIFTS[what]
    held = world.held[name]
    wanted = given(held.inputs)
    drift(client, world)
    drifted = engine.refresh(held)
    assert drifted is not None
    answer = engine.diff(drifted, wanted)
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert property_ in answer.diffs
    assert not answer.replaces
    mended = engine.refresh(engine.update(drifted, wanted))
    assert mended is not None
    world.held[name] = mended
    assert engine.diff(mended, wanted).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_policy_in_other_words_is_no_drift(world: World, engine: Engine, client: Client) -> None:
    held = world.held["bucket-policy"]
    policy = json.loads(held.inputs["policy"])
    policy["Statement"] = {**policy["Statement"][0], "Action": "s3:GetObject"}
    client("s3").put_bucket_policy(Bucket=bucket(world), Policy=json.dumps(policy, indent=1))
    found = engine.refresh(held)
    assert found is not None
    assert found.inputs == held.inputs


def test_what_was_deleted_by_hand_is_gone(engine: Engine, client: Client) -> None:
    held = engine.create("aws:sqs/queue:Queue", "short-lived", {"name": "rendio-local-short-lived"})
    client("sqs").delete_queue(QueueUrl=held.id)
    assert engine.refresh(held) is None
    engine.delete(held)  # and its deletion is no error
