"""Ten changes by hand: `up` names each and mends it, and then there is nothing left to change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from local.drift import FUNCTION as ACCESS_DRIFT
from tests.database.drift_kinds import BY_THE_MASTER, IN_THE_DATABASE, in_the_buckets
from tests.stack.deployed import PREFIX, Deployed

VIEW_IMAGE = f"{PREFIX}-view-image"


def scenes(stack: Deployed) -> dict[str, Callable[[], object]]:
    """What is changed, by a word that its report must hold."""
    s3, iam, sqs, functions = (stack.root(service) for service in ("s3", "iam", "sqs", "lambda"))
    logs, secrets = stack.root("logs"), stack.root("secretsmanager")
    bucket, queue = stack.images_bucket, f"{PREFIX}-inspect-image-dlq"
    variables = functions.get_function_configuration(FunctionName=VIEW_IMAGE)["Environment"]["Variables"]

    def put_bucket_policy() -> None:
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        policy["Statement"] = policy["Statement"][1:]
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def widen_role() -> None:
        name = iam.list_role_policies(RoleName=VIEW_IMAGE)["PolicyNames"][0]
        policy = iam.get_role_policy(RoleName=VIEW_IMAGE, PolicyName=name)["PolicyDocument"]
        policy["Statement"].append({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
        iam.put_role_policy(RoleName=VIEW_IMAGE, PolicyName=name, PolicyDocument=json.dumps(policy))

    def set_queue() -> None:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})

    def statement(text: str) -> Callable[[], object]:
        def run() -> None:
            with stack.superuser() as connection:
                connection.execute(text.encode())

        return run

    return {
        "policy of a bucket": put_bucket_policy,
        "tag of a secret": lambda: secrets.tag_resource(
            SecretId="rendio/local/fal", Tags=[{"Key": "by-hand", "Value": "yes"}]
        ),
        "policy of a role": widen_role,
        "attribute of a queue": set_queue,
        "environment of a function": lambda: functions.update_function_configuration(
            FunctionName=VIEW_IMAGE, Environment={"Variables": {**variables, "IMAGE_URL_SECONDS": "86400"}}
        ),
        "retention of logs": lambda: logs.put_retention_policy(
            logGroupName=f"/aws/lambda/{VIEW_IMAGE}", retentionInDays=3653
        ),
        "public access of a bucket": lambda: s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False
            ),
        ),
        "a row policy dropped": statement("drop policy images_select_own on public.images"),
        "a grant added": statement("grant delete on public.images to authenticated"),
        "a role altered": statement("alter role rendio_local_me with createdb"),
    }


WORDS: dict[str, tuple[str, ...]] = {
    "policy of a bucket": ("images", "policy"),
    "tag of a secret": ("fal", "tags"),
    "policy of a role": ("view", "policy"),
    "attribute of a queue": ("inspect-image", "essage"),
    "environment of a function": ("view", "environment"),
    "retention of logs": ("view", "retention"),
    "public access of a bucket": ("images", "lock"),
    "a row policy dropped": ("images_select_own",),
    "a grant added": ("images", "authenticated"),
    "a role altered": ("rendio_local_me",),
}


@pytest.mark.plan("M20")
def test_ten_changes_by_hand_are_named_and_mended(stack: Deployed) -> None:
    made = scenes(stack)
    assert made.keys() == WORDS.keys()
    for change in made.values():
        change()
    deployment = stack.cloud.up()
    told = [str(drift) for drift in deployment.drifts]
    unnamed = [what for what, words in WORDS.items() if not any(all(word in line for word in words) for line in told)]
    assert unnamed == [], told
    assert len(told) == len(WORDS), told
    assert mended(stack)
    again = stack.cloud.up()
    assert (again.changed, again.drifts) == (0, [])


def mended(stack: Deployed) -> bool:
    s3, bucket = stack.root("s3"), stack.images_bucket
    block: dict[str, Any] = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    policies = stack.query("select 1 from pg_policies where policyname = 'images_select_own'")
    role = stack.query("select rolcreatedb from pg_roles where rolname = 'rendio_local_me'")[0]
    granted = stack.query("select has_table_privilege('authenticated', 'public.images', 'delete') as yes")[0]
    return all(block.values()) and len(policies) == 1 and not role["rolcreatedb"] and not granted["yes"]


# No deployment mends these: tables are not desired state, and what RDS's own administrator made is his to take away.
MENDED_BY_HAND = (
    "drop role intruder",
    "alter table public.credit_ledger add constraint credit_ledger_amount_check check (amount <> 0)",
    "alter table public.users drop constraint planted",
    "drop trigger planted on public.users",
    "alter role rendio_local_inspect_image nobypassrls",
    "alter function auth.jwt() owner to rendio_local_database_admin",
)


@pytest.mark.plan("M20")
def test_the_deployed_check_names_every_kind_of_drift_in_one_run(stack: Deployed) -> None:
    deployer = stack.cloud.deployer_credentials.client("lambda", stack.aws_url)

    def named() -> set[tuple[str, str]]:
        answer = json.loads(deployer.invoke(FunctionName=ACCESS_DRIFT, Payload=b"{}")["Payload"].read())
        assert f'"AccessDrift":[{answer["count"]}' in stack.logs_of("access_drift").replace(" ", "")
        return {(drift["kind"], drift["object"]) for drift in answer["drifts"]}

    assert named() == set()
    with stack.superuser() as connection:
        for statement in IN_THE_DATABASE:
            connection.execute(b"set role rendio_local_database_admin" if statement in BY_THE_MASTER else b"reset role")
            connection.execute(statement.encode())
        connection.execute(b"reset role")
    made = in_the_buckets(stack.root("s3"))
    for change in made.values():
        change()
    injected = {*IN_THE_DATABASE.values(), *made}
    found = named()
    assert injected - found == set()
    log = stack.logs_of("access_drift")
    assert [name for _, name in injected if json.dumps(name)[1:-1] not in log] == []
    with stack.superuser() as connection:
        for statement in MENDED_BY_HAND:
            connection.execute(statement.encode())
    stack.cloud.up()
    assert named() == set()


def test_a_deployment_is_no_invocation_to_page_for_and_a_repetition_is(stack: Deployed) -> None:
    functions = stack.cloud.deployer_credentials.client("lambda", stack.aws_url)
    name = f"{PREFIX}-database-admin"
    before = _unplanned(stack)
    assert before[0] == "0", "the first invocation of all is the stack's own deployment"
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    assert "PlanRefused" in answer["Payload"].read().decode()
    assert _unplanned(stack) == [*before, "1"]


def _unplanned(stack: Deployed) -> list[str]:
    """What each invocation of database_admin so far counted itself as; other tests page on purpose, too."""
    logged = stack.logs_of("database_admin").replace(" ", "")
    return re.findall(r'"DatabaseAdminInvocationsUnplanned":\[(\d)', logged)
