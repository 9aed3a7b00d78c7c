"""The services the product leans on, asked by roles: what must be refused is, and its twin is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.ministack.emulator import ACCOUNT, REGION, Emulator, allow, refused, role_arn
from tests.local.ministack.emulator import policy as document

SIGN = {"Message": b"0" * 32, "MessageType": "DIGEST", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def key(emulator: Emulator, *statements: dict[str, Any]) -> str:
    """A signing key that root may manage, but nobody may use unless a statement says so."""
    manage = allow(["kms:Put*", "kms:Describe*", "kms:GetPublicKey", "kms:Enable*", "kms:Disable*"], "*",
                   Principal={"AWS": ROOT})  # fmt: skip
    made = emulator.root_client("kms").create_key(
        KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", Policy=document(manage, *statements)
    )
    return str(made["KeyMetadata"]["Arn"])


def kms_of(emulator: Emulator, role: str) -> Any:
    return emulator.client("kms", emulator.session(role))


def test_a_key_policy_that_names_the_role_by_condition_needs_no_iam_statement(
    emulator: Emulator,
) -> None:
    """AWS KMS Developer Guide, "Creating a key policy", Principal: the asterisk is every identity, which the
    condition narrows; IAM need not allow again in the key's own account."""
    signer, other = emulator.role(), emulator.role(allow("kms:*", "*"))
    granted = allow("kms:Sign", "*", Principal={"AWS": "*"},
                    Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT},
                               "ArnEquals": {"aws:PrincipalArn": role_arn(signer)}})  # fmt: skip
    arn = key(emulator, granted)
    assert not refused(kms_of(emulator, signer).sign, KeyId=arn, **SIGN)
    assert refused(kms_of(emulator, other).sign, KeyId=arn, **SIGN), "IAM alone opens no key"


def test_a_key_policy_that_names_the_account_only_lets_iam_decide(emulator: Emulator) -> None:
    """AWS KMS Developer Guide, "Default key policy": the account principal gives no user or role permission;
    it lets IAM policies give it. A condition on the role narrows that, and still gives nothing by itself."""
    without, with_iam = emulator.role(), emulator.role(allow("kms:Sign", "*"))
    for role, denied in ((without, True), (with_iam, False)):
        delegated = allow("kms:Sign", "*", Principal={"AWS": ROOT},
                          Condition={"ArnEquals": {"aws:PrincipalArn": role_arn(role)}})  # fmt: skip
        assert refused(kms_of(emulator, role).sign, KeyId=key(emulator, delegated), **SIGN) is denied


def test_key_policies_know_the_conditions_of_signing(emulator: Emulator, unpatched: Emulator) -> None:
    for running, denied in ((emulator, False), (unpatched, True)):
        role = running.role()
        conditions = {"kms:SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256", "kms:MessageType": "DIGEST",
                      "kms:CallerAccount": ACCOUNT}  # fmt: skip
        arn = key(
            running, allow("kms:Sign", "*", Principal={"AWS": role_arn(role)}, Condition={"StringEquals": conditions})
        )
        assert refused(kms_of(running, role).sign, KeyId=arn, **SIGN) is denied, "fixed: drop kms_conditions"
        assert refused(kms_of(running, role).sign, KeyId=arn, **SIGN | {"MessageType": "RAW"})
        assert refused(kms_of(running, role).sign, KeyId=arn, **SIGN | {"SigningAlgorithm": "RSASSA_PSS_SHA_256"})


def test_a_key_is_the_same_by_its_alias(emulator: Emulator) -> None:
    signer, other = emulator.role(), emulator.role(allow("kms:*", "*"))
    arn = key(emulator, allow("kms:Sign", "*", Principal={"AWS": role_arn(signer)}))
    emulator.root_client("kms").create_alias(AliasName="alias/session", TargetKeyId=arn)
    assert not refused(kms_of(emulator, signer).sign, KeyId="alias/session", **SIGN)
    assert refused(kms_of(emulator, other).sign, KeyId="alias/session", **SIGN)


def test_a_disabled_key_signs_no_more_until_it_is_enabled(emulator: Emulator) -> None:
    role = emulator.role(allow("kms:Sign", "*"))
    arn = key(emulator, allow("kms:Sign", "*", Principal={"AWS": role_arn(role)}))
    kms, root = kms_of(emulator, role), emulator.root_client("kms")
    assert kms.sign(KeyId=arn, **SIGN)["Signature"]
    root.disable_key(KeyId=arn)
    with pytest.raises(ClientError, match="DisabledException"):
        kms.sign(KeyId=arn, **SIGN)
    root.enable_key(KeyId=arn)
    assert kms.sign(KeyId=arn, **SIGN)["Signature"]


def test_secrets_open_by_the_name_with_six_question_marks(emulator: Emulator) -> None:
    secrets = emulator.root_client("secretsmanager")
    for name in ("rendio/local/fal", "rendio/local/pager"):
        secrets.create_secret(Name=name, SecretString="s")
    fal = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rendio/local/fal-??????"
    reader = emulator.client(
        "secretsmanager", emulator.session(emulator.role(allow("secretsmanager:GetSecretValue", fal)))
    )
    assert not refused(reader.get_secret_value, SecretId="rendio/local/fal")
    assert refused(reader.get_secret_value, SecretId="rendio/local/pager")
    assert refused(reader.put_secret_value, SecretId="rendio/local/fal", SecretString="t")


def test_queues_and_topics_open_to_the_role_that_may(emulator: Emulator) -> None:
    queue = emulator.root_client("sqs").create_queue(QueueName="one")["QueueUrl"]
    other = emulator.root_client("sqs").create_queue(QueueName="two")["QueueUrl"]
    topic = emulator.root_client("sns").create_topic(Name="one")["TopicArn"]
    role = emulator.role(allow("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:one"), allow("sns:Publish", topic))
    session = emulator.session(role)
    sqs, sns = emulator.client("sqs", session), emulator.client("sns", session)
    assert not refused(sqs.send_message, QueueUrl=queue, MessageBody="m")
    assert refused(sqs.send_message, QueueUrl=other, MessageBody="m")
    assert refused(sqs.receive_message, QueueUrl=queue)
    assert not refused(sns.publish, TopicArn=topic, Message="m")
    assert refused(sns.delete_topic, TopicArn=topic)


def test_copying_one_version_copies_that_version(emulator: Emulator) -> None:
    bucket = emulator.bucket(versioned=True)
    root = emulator.root_client("s3")
    first = root.put_object(Bucket=bucket, Key="incoming/1", Body=b"first")["VersionId"]
    root.put_object(Bucket=bucket, Key="incoming/1", Body=b"second")
    role = emulator.role(
        allow("s3:GetObjectVersion", f"arn:aws:s3:::{bucket}/incoming/*"),
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/images/*"),
    )
    inspector = emulator.client("s3", emulator.session(role))
    source = {"Bucket": bucket, "Key": "incoming/1", "VersionId": first}
    assert not refused(inspector.copy_object, Bucket=bucket, Key="images/1", CopySource=source)
    assert root.get_object(Bucket=bucket, Key="images/1")["Body"].read() == b"first"
    assert inspector.get_object(Bucket=bucket, Key="incoming/1", VersionId=first)["Body"].read() == b"first"
    assert refused(inspector.get_object, Bucket=bucket, Key="incoming/1"), "GetObject was not granted"
    assert refused(inspector.copy_object, Bucket=bucket, Key="other/1", CopySource=source)


RECORD = "import json\ndef handler(event, context):\n    print('seen ' + json.dumps(event))\n"


def seen(emulator: Emulator, function: str) -> list[Any]:
    return [json.loads(line[5:]) for line in emulator.lines(function) if line.startswith("seen ")]


def test_an_upload_reaches_the_function_with_its_version(emulator: Emulator) -> None:
    bucket, function = emulator.bucket(versioned=True), emulator.function(RECORD)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    root = emulator.root_client("s3")
    emulator.root_client("lambda").add_permission(
        FunctionName=function, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )  # fmt: skip
    rule = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}}}  # fmt: skip
    root.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
    )
    root.put_object(Bucket=bucket, Key="images/1", Body=b"x")
    version = root.put_object(Bucket=bucket, Key="incoming/a b", Body=b"x")["VersionId"]
    events = emulator.wait_until(lambda: seen(emulator, function), "the notification")
    assert [r["s3"]["object"]["key"] for e in events for r in e.get("Records", []) if "s3" in r] == ["incoming/a+b"]
    assert events[0]["Records"][0]["s3"]["object"]["versionId"] == version


def test_a_schedule_calls_its_function(emulator: Emulator) -> None:
    function = emulator.function(RECORD)
    scheduler, soon = emulator.root_client("scheduler"), datetime.now(UTC) + timedelta(seconds=1)
    scheduler.create_schedule(
        Name="once", ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}", "RoleArn": role_arn(emulator.role()),
                "Input": '{"dry_run": true}'},
    )  # fmt: skip
    events = emulator.wait_until(lambda: seen(emulator, function), "the schedule", 5)
    assert events == [{"dry_run": True}]


def test_an_asynchronous_failure_ends_in_its_destination(emulator: Emulator) -> None:
    queue = emulator.root_client("sqs").create_queue(QueueName="failed")["QueueUrl"]
    function = emulator.function("def handler(event, context):\n    raise RuntimeError('no')\n")
    client = emulator.root_client("lambda")
    client.put_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed"}},
    )  # fmt: skip
    client.invoke(FunctionName=function, InvocationType="Event", Payload=b'{"n": 1}')

    def message() -> Any:
        return emulator.root_client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")

    body = json.loads(emulator.wait_until(message, "the message")[0]["Body"])
    assert body["requestPayload"] == {"n": 1}
    assert body["responsePayload"]["errorMessage"] == "no"
