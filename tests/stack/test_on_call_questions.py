"""People on call ask the database of the deployed stack named questions, as a role that may do nothing else."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from local import insights, questions
from local.accounts import Keys
from local.errors import Refused
from local.operations import on_laptop
from local.people import Person
from tests.stack.deployed import PREFIX, Deployed, eventually


@pytest.fixture
def reader(stack: Deployed) -> Person:
    return Person("local", "on-call", on_laptop(stack.aws_url))


@pytest.mark.plan("M16")
def test_a_users_problem_is_looked_at_without_a_bastion(stack: Deployed, reader: Person) -> None:
    phone = stack.phone()
    job, content = stack.new_video(phone)
    answer = questions.ask(reader, "user", {"id": phone.auth_user_id})
    (user,) = json.loads(questions.as_json(answer))["rows"]
    assert (user["id"], user["credits_remaining"]) == (phone.session["user_id"], phone.me()["credits_remaining"])
    (row,) = json.loads(questions.as_json(questions.ask(reader, "job", {"id": job})))["rows"]
    assert (row["plays"], row["stored_bytes"]) == ("from own storage", len(content))
    with pytest.raises(Refused, match="There is no query"):
        questions.ask(reader, "drop", {})


@pytest.mark.plan("M16")
def test_who_asked_what_is_in_the_log(stack: Deployed, reader: Person) -> None:
    phone = stack.phone()
    user = phone.session["user_id"]
    asked_by = questions.ask(reader, "ledger", {"id": user})["asked_by"]
    assert asked_by == f"arn:aws:sts::000000000000:assumed-role/{PREFIX}-on-call/root"

    def noted() -> list[dict[str, object]]:
        lines = [json.loads(line) for line in stack.logs_of("ask_database").splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("parameters") == {"id": user}]

    (line,) = eventually(noted)
    assert (line["asked_by"], line["query"]) == (asked_by, "ledger")


@pytest.mark.plan("X1")
def test_a_proof_of_another_function_or_of_nobody_is_refused(stack: Deployed, reader: Person) -> None:
    functions, name = reader.client("lambda"), f"{PREFIX}-ask-database"
    for proof in (None, reader._proof(f"{PREFIX}-me"), "arn:aws:iam::000000000000:user/boss"):
        answer = functions.invoke(FunctionName=name, Payload=json.dumps({"name": "storage", "caller": proof}).encode())
        assert "not proven" in json.loads(answer["Payload"].read())["error"]
    assert reader.call("ask-database", {"name": "storage"})["rows"]


@pytest.mark.plan("X1")
def test_the_role_asks_and_reads_logs_and_does_nothing_else(stack: Deployed, reader: Person) -> None:
    assert insights.ask(reader.client("logs"), "local", "failures-by-service", identifier="", hours=1) is not None
    assert reader.client("cloudwatch").describe_alarms()["MetricAlarms"]
    functions = reader.client("lambda")
    for function in ("me", "database-admin", "backfill-videos", "clean-videos"):
        with pytest.raises(ClientError, match="AccessDenied"):
            functions.invoke(FunctionName=f"{PREFIX}-{function}", Payload=b"{}")
    queue = stack.root("sqs").get_queue_url(QueueName=f"{PREFIX}-video-migration-dlq")["QueueUrl"]
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.client("sqs").receive_message(QueueUrl=queue)
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.client("s3").list_objects_v2(Bucket=stack.videos_bucket)
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.client("cloudwatch").set_alarm_state(AlarmName="x", StateValue="OK", StateReason="x")


@pytest.mark.plan("X1")
@pytest.mark.parametrize("who", ["auditor", "deployer", "function"])
def test_whom_the_configuration_does_not_name_does_not_become_on_call(stack: Deployed, who: str) -> None:
    def clients_of(keys: Keys) -> Person:
        return Person("local", "on-call", lambda service, **_: keys.client(service, stack.aws_url))

    session = stack.role("me")
    keys = {
        "auditor": stack.cloud.auditor_credentials,
        "deployer": stack.cloud.deployer_credentials,
        "function": Keys(session.access_key, session.secret_key, session.token),
    }[who]
    with pytest.raises(Refused, match=f"may not act as {PREFIX}-on-call"):
        clients_of(keys).client("lambda")
