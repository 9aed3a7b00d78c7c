"""Only device_check signs sessions; when it cannot, the device is checked in all the same."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pytest_httpserver import HTTPServer

from tests.stack.deployed import PREFIX, Deployed, eventually
from tests.stack.tokens import Mint

FUNCTION = f"{PREFIX}-device-check"
OTHERS = (
    "session_authorizer",
    "session_issuer",
    "me",
    "upload_image",
    "view_image",
    "upload_image_direct",
    "upload_image_anonymous",
    "inspect_image",
    "database_admin",
    "access_drift",
)


def key_alias(stack: Deployed) -> str:
    return f"alias/{PREFIX}-session-{stack.phone().call('GET', '/.well-known/jwks.json').json()['keys'][0]['kid']}"


def may_sign(kms: Any, alias: str, **changed: str) -> bool:
    how = {"MessageType": "DIGEST", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256", **changed}
    try:
        kms.sign(KeyId=alias, Message=b"x" * 32, **how)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True


@pytest.mark.plan("M1")
def test_every_role_but_device_checks_is_refused_the_signing_key(stack: Deployed) -> None:
    alias, cloud = key_alias(stack), stack.cloud
    sessions = {function: stack.role(function).client("kms") for function in ("device_check", *OTHERS)}
    sessions["user-storage"] = stack.user_storage(stack.phone().auth_user_id).client("kms")
    sessions["deployer"] = cloud.deployer_credentials.client("kms", stack.aws_url)
    sessions["auditor"] = cloud.auditor_credentials.client("kms", stack.aws_url)
    signing = {name for name, kms in sessions.items() if may_sign(kms, alias)}
    assert signing == {"device_check"}


def test_device_check_signs_digests_with_one_algorithm_alone(stack: Deployed) -> None:
    kms, alias = stack.role("device_check").client("kms"), key_alias(stack)
    assert may_sign(kms, alias)
    assert not may_sign(kms, alias, SigningAlgorithm="RSASSA_PSS_SHA_256")
    assert not may_sign(kms, alias, MessageType="RAW")


@pytest.mark.plan("M1")
@pytest.mark.parametrize("trouble", ["disabled", "throttled", "slow"])
def test_without_the_key_a_device_is_checked_in_with_no_session_and_the_next_time_with_one(
    stack: Deployed, httpserver: HTTPServer, trouble: str
) -> None:
    phone = stack.phone()
    user, before = phone.session["user_id"], failures(stack)
    with TROUBLES[trouble](stack, httpserver):
        started = time.monotonic()
        answer = phone.check_in()
        took = time.monotonic() - started
    assert (answer["session_token"], answer["session_expires_at"]) == (None, None)
    assert (answer["user_id"], answer["is_new"]) == (user, False)
    assert took < 15
    assert eventually(lambda: failures(stack) > before), "no metric counted it"
    assert "session not opened" in stack.logs_of("device_check")

    repaired = phone.check_in()
    assert repaired["session_token"]
    assert phone.call("GET", "/v1/me").status_code == 200


def failures(stack: Deployed) -> float:
    now = time.time()
    found = stack.root("cloudwatch").get_metric_statistics(
        Namespace="Rendio",
        MetricName="SessionOpenFailed",
        Dimensions=[{"Name": "service", "Value": "device_check"}, {"Name": "stack", "Value": "local"}],
        StartTime=now - 3600,
        EndTime=now + 60,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in found))


@contextmanager
def disabled(stack: Deployed, _server: HTTPServer) -> Iterator[None]:
    kms, alias = stack.root("kms"), key_alias(stack)
    key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    try:
        yield
    finally:
        kms.enable_key(KeyId=key)


@contextmanager
def throttled(stack: Deployed, server: HTTPServer) -> Iterator[None]:
    server.expect_request("/", method="POST").respond_with_json(
        {"__type": "ThrottlingException", "message": "Rate exceeded"}, status=400
    )
    with kms_elsewhere(stack, server.url_for("").rstrip("/")):
        yield


@contextmanager
def slow(stack: Deployed, _server: HTTPServer) -> Iterator[None]:
    """A KMS that takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=accept, args=(listening, accepted), daemon=True)
        thread.start()
        with kms_elsewhere(stack, f"http://127.0.0.1:{listening.getsockname()[1]}"):
            yield
        for connection in accepted:
            connection.close()


def accept(listening: socket.socket, accepted: list[socket.socket]) -> None:
    while True:
        try:
            accepted.append(listening.accept()[0])
        except OSError:
            return


@contextmanager
def kms_elsewhere(stack: Deployed, url: str) -> Iterator[None]:
    """The function asks another address for KMS: as slow or as busy as the scene wants it."""
    client = stack.root("lambda")
    variables = client.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    changed = {**variables, "AWS_ENDPOINT_URL_KMS": url}
    client.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": changed})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": variables})


TROUBLES = {"disabled": disabled, "throttled": throttled, "slow": slow}


def test_a_token_of_the_stacks_own_key_is_taken(stack: Deployed) -> None:
    """The twin of every refused token: made the same way, with nothing wrong."""
    phone = stack.phone()
    assert phone.call("GET", "/v1/me", token=Mint(stack, phone.auth_user_id).signed()).status_code == 200
