"""Metrics out of logs, alarms, database logins, the pinned version, and what a kill leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3

from local.errors import LocalError
from local.ministack import release
from local.ministack.alarms import judge
from local.ministack.embedded_metrics import read
from tests.local.ministack.emulator import ACCOUNT, REGION, Emulator, allow, policy, zipped

EMF = json.dumps(
    {
        "_aws": {"Timestamp": 0, "CloudWatchMetrics": [
            {"Namespace": "Rendio", "Dimensions": [["service", "stack"]],
             "Metrics": [{"Name": "Opened", "Unit": "Count"}]}
        ]},
        "service": "device_check", "stack": "local", "Opened": [1.0, 2.0],
    }
)  # fmt: skip
DIMENSIONS = [{"Name": "service", "Value": "device_check"}, {"Name": "stack", "Value": "local"}]


def opened(running: Emulator, dimensions: list[dict[str, str]] = DIMENSIONS) -> float:
    now = time.time()
    points = running.root_client("cloudwatch").get_metric_statistics(
        Namespace="Rendio", MetricName="Opened", Dimensions=dimensions, Period=60, Statistics=["Sum"],
        StartTime=now - 300, EndTime=now + 60,
    )["Datapoints"]  # fmt: skip
    return float(sum(point["Sum"] for point in points))


def test_metrics_in_log_lines_are_metrics(emulator: Emulator, unpatched: Emulator) -> None:
    for running, total in ((emulator, 3.0), (unpatched, 0.0)):
        running.invoke(running.function(f"def handler(e, c): print({EMF!r})\n"))
        assert opened(running) == total, "fixed: drop embedded_metrics"
    assert opened(emulator, [{"Name": "service", "Value": "me"}, DIMENSIONS[1]]) == 0


@pytest.mark.parametrize(
    "line", ["", "no json _aws", '{"_aws": 1}', '{"_aws": {"CloudWatchMetrics": [{"Metrics": 1}]}}']
)
def test_other_lines_are_left_alone(line: str) -> None:
    assert list(read(line)) == []


def alarm(running: Emulator, name: str, **settings: Any) -> None:
    running.root_client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name, "Namespace": "Own", "MetricName": name, "Statistic": "Sum", "Period": 10,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold", **settings,
        }
    )  # fmt: skip


def state(running: Emulator, name: str) -> str:
    return str(running.root_client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def test_an_alarm_looks_at_its_own_dimensions(emulator: Emulator, unpatched: Emulator) -> None:
    for running, expected in ((emulator, "INSUFFICIENT_DATA"), (unpatched, "ALARM")):
        alarm(running, "dimensions", Dimensions=[{"Name": "stack", "Value": "local"}])
        cloudwatch = running.root_client("cloudwatch")
        other = {"MetricName": "dimensions", "Value": 5, "Dimensions": [{"Name": "stack", "Value": "other"}]}
        cloudwatch.put_metric_data(Namespace="Own", MetricData=[other])
        assert state(running, "dimensions") == expected, "fixed: drop alarms"
        cloudwatch.put_metric_data(
            Namespace="Own", MetricData=[{**other, "Dimensions": [{"Name": "stack", "Value": "local"}]}]
        )
        assert state(running, "dimensions") == "ALARM"


def test_an_alarm_fires_on_silence_and_calls_its_topic(emulator: Emulator) -> None:
    sns, sqs = emulator.root_client("sns"), emulator.root_client("sqs")
    topic, queue_arn = sns.create_topic(Name="page")["TopicArn"], f"arn:aws:sqs:{REGION}:{ACCOUNT}:paged"
    deliver = allow("sqs:SendMessage", queue_arn, Principal={"Service": "sns.amazonaws.com"})
    queue = sqs.create_queue(QueueName="paged", Attributes={"Policy": policy(deliver)})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    alarm(emulator, "silence", Period=1, TreatMissingData="breaching", AlarmActions=[topic])

    def page() -> Any:
        return sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")

    message = emulator.wait_until(page, "the page", 8)[0]
    assert json.loads(json.loads(message["Body"])["Message"])["NewStateValue"] == "ALARM"
    assert state(emulator, "silence") == "ALARM"


BASE = {"Period": 60, "Threshold": 1, "Statistic": "Sum", "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "StateValue": "OK", "AlarmConfigurationUpdatedTimestamp": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "periods", "expected"),
    [
        ({"EvaluationPeriods": 1}, [2], "ALARM"),
        ({"EvaluationPeriods": 1}, [0], "OK"),
        ({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, [2, 0, 2], "ALARM"),
        ({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, [2, 0, 0], "OK"),
        ({"EvaluationPeriods": 3}, [2, 2, 0], "OK"),
        ({"EvaluationPeriods": 1}, [None], "INSUFFICIENT_DATA"),
        ({"EvaluationPeriods": 1, "TreatMissingData": "breaching"}, [None], "ALARM"),
        ({"EvaluationPeriods": 1, "TreatMissingData": "notBreaching", "StateValue": "ALARM"}, [None], "OK"),
        ({"EvaluationPeriods": 1, "TreatMissingData": "ignore", "StateValue": "ALARM"}, [None], "ALARM"),
        ({"EvaluationPeriods": 2, "TreatMissingData": "breaching"}, [2, None], "ALARM"),
    ],
)
def test_alarms_count_periods_as_cloudwatch_does(
    settings: dict[str, Any], periods: list[float | None], expected: str
) -> None:
    now = 1_000_000.0
    points = [
        {"Timestamp": now - 60 * index - 30, "Value": value} for index, value in enumerate(periods) if value is not None
    ]
    assert judge(BASE | settings, points, now=now)[0] == expected


def ask(running: Emulator, token: str, **changes: Any) -> dict[str, Any]:
    question = {"token": token, "hostname": "127.0.0.1", "port": 5432, "user": "rendio_local_me", "region": REGION,
                "account_id": ACCOUNT} | changes  # fmt: skip
    answer = urllib3.request("POST", f"{running.url}/_rendio/rds-connect", json=question)
    assert answer.status == 200, answer.data
    return dict(answer.json())


def token(running: Emulator, keys: tuple[str, str, str | None], user: str = "rendio_local_me") -> str:
    return str(running.client("rds", keys).generate_db_auth_token("127.0.0.1", 5432, user))


CONNECT = allow("rds-db:connect", f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:*/rendio_local_me")


def test_a_database_login_is_for_the_user_that_the_role_may_connect_as(emulator: Emulator) -> None:
    may, may_not = (emulator.session(emulator.role(*statements)) for statements in ((CONNECT,), ()))
    assert ask(emulator, token(emulator, may)) == {"allowed": True, "reason": "Allowed"}
    assert ask(emulator, token(emulator, may_not))["reason"] == "ImplicitDeny"
    admin = token(emulator, may, "rendio_local_database_admin")
    assert ask(emulator, admin, user="rendio_local_database_admin")["reason"] == "ImplicitDeny"
    assert not ask(emulator, token(emulator, may), user="rendio_local_database_admin")["allowed"]
    assert not ask(emulator, token(emulator, may), port=5433)["allowed"]
    signed = token(emulator, may)
    tampered = signed[:-1] + ("0" if signed[-1] != "0" else "1")
    assert not ask(emulator, tampered)["allowed"]
    assert not ask(emulator, "password")["allowed"]


def test_a_function_logs_in_with_its_own_role(emulator: Emulator) -> None:
    source = (
        "import boto3\ndef handler(e, c):\n"
        "    return boto3.client('rds').generate_db_auth_token('127.0.0.1', 5432, 'rendio_local_me')\n"
    )
    assert ask(emulator, emulator.invoke(emulator.function(source, CONNECT)))["allowed"] is True
    assert ask(emulator, emulator.invoke(emulator.function(source)))["allowed"] is False


def test_upstream_still_lets_a_functions_session_never_end() -> None:
    """Its verifier refuses database tokens of such sessions."""
    ask_upstream = (
        "from ministack.core.lambda_runtime import execution_credentials as e; from ministack.services import sts\n"
        "e({'FunctionName': 'f', 'Role': 'r', 'FunctionArn': 'arn:aws:lambda:us-east-1:000000000000:function:f'})\n"
        "print([s.get('Expiration') for s in sts._sessions.values()])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", ask_upstream], env={"AUTH": "true"}, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[None]", "fixed: drop function_credentials"


def test_what_is_no_question_about_a_login_is_refused_without_repeating_it(emulator: Emulator) -> None:
    for body in (b"", b"[]", b'{"token": "secret"}', json.dumps({"token": 1}).encode()):
        answer = urllib3.request("POST", f"{emulator.url}/_rendio/rds-connect", body=body)
        assert answer.status == 400
        assert b"secret" not in answer.data


def test_another_version_of_ministack_is_refused() -> None:
    release.require()
    with pytest.raises(
        LocalError, match=r"MiniStack .* is installed, but the fixes in local/ministack are for 9\.9\.9"
    ):
        release.require("9.9.9")


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    running = Emulator(tmp_path)
    running.start()
    try:
        bucket, role = running.bucket(versioned=True), running.role(allow("s3:*", "*"))
        s3, kms = running.root_client("s3"), running.root_client("kms")
        versions = [s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"1", b"2")]
        session = running.client("s3", running.session(role))
        function = running.function("def handler(e, c):\n    print('seen')\n    return e\n")
        assert running.invoke(function, 1) == 1
        pid = running.invoke(running.function("import os\ndef handler(e, c): return os.getpid()\n"))
        time.sleep(2)  # what is promised of data: two seconds after a change it is on disk
        # Of resources: when the call has returned.
        key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        running.root_client("lambda").update_function_code(
            FunctionName=function, ZipFile=zipped("def handler(e, c):\n    print('seen')\n    return ['new', e]\n")
        )
        last = running.role(allow("s3:*", "*"))
        running.end(signal.SIGKILL)

        running.wait_until(lambda: not psutil.pid_exists(pid), "functions end with the server")
        (tmp_path / "state" / "iam.json.tmp").write_text("half a fi")
        running.start()
        assert running.root_client("iam").get_role_policy(RoleName=last, PolicyName="own")["PolicyDocument"]
        assert kms.get_public_key(KeyId=key)["PublicKey"]
        assert running.invoke(function, 2) == ["new", 2]
        assert [s3.get_object(Bucket=bucket, Key="k", VersionId=v)["Body"].read() for v in versions] == [b"1", b"2"]
        assert session.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
        assert running.lines(function) == ["seen", "seen"]
    finally:
        running.end()


def test_upstream_still_loses_everything_at_a_kill(tmp_path: Path) -> None:
    running = Emulator(tmp_path, module="ministack")
    running.start()
    try:
        role = running.role()
        running.end(signal.SIGKILL)
        running.start()
        with pytest.raises(running.root_client("iam").exceptions.NoSuchEntityException):
            running.root_client("iam").get_role(RoleName=role)
    finally:
        running.end()


def test_the_servers_log_holds_no_credentials(emulator: Emulator) -> None:
    """Runs last of its file: whatever the tests sent before counts as well."""
    bucket = emulator.bucket()
    login = token(emulator, emulator.session(emulator.role(CONNECT)))
    ask(emulator, login)
    ask(emulator, login + "x")
    user = emulator.client("s3", emulator.user(allow("s3:*", "*")))
    url = user.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "missing"})
    assert urllib3.request("GET", url, headers={"Cookie": "canary-of-a-header"}).status == 404
    written = emulator.log()
    for secret in ("X-Amz-Signature", "X-Amz-Security-Token", "canary-of-a-header", "Bearer "):
        assert secret not in written


def test_an_e_mail_address_waits_until_its_owner_confirms(emulator: Emulator, unpatched: Emulator) -> None:
    for running, waits in ((emulator, True), (unpatched, False)):
        sns = running.root_client("sns")
        topic = sns.create_topic(Name="mailed")["TopicArn"]
        asked = {"TopicArn": topic, "Protocol": "email", "Endpoint": "on-call@example.org"}
        arn = sns.subscribe(**asked, ReturnSubscriptionArn=True)["SubscriptionArn"]
        [listed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert (listed["SubscriptionArn"] == "PendingConfirmation") is waits, "fixed: drop subscriptions"
        told = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        assert told["PendingConfirmation"] == str(waits).lower()
    sns, topic = emulator.root_client("sns"), f"arn:aws:sns:{REGION}:{ACCOUNT}:mailed"
    assert sns.subscribe(**asked)["SubscriptionArn"] == "pending confirmation"
    token = (emulator.root / "log").read_text().rpartition("Token=")[2].split()[0]
    confirmed = sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"]
    [listed] = [each for each in sns.list_subscriptions()["Subscriptions"] if each["TopicArn"] == topic]
    assert listed["SubscriptionArn"] == confirmed
