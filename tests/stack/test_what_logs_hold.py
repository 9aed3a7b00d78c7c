"""Everything the run logged, searched for what must never be logged.

The last file by name: it reads what the others left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local.journey.photograph import photograph
from tests.stack.deployed import PREFIX, Deployed, eventually

LEAST = 12


def canaries(stack: Deployed) -> dict[str, str]:
    """Secret -> what it is: of every phone of the run, and of the stack itself."""
    found: dict[str, str] = {}
    for phone in stack.phones:
        found[phone.device_id] = "a device id"
        if phone.token:
            found[phone.token] = "a session token"
            found[phone.token.rpartition(".")[2]] = "a token's signature"
    for name in ("apple-devicecheck", "device-hash-keys", "fal", "pager"):
        value = stack.root("secretsmanager").get_secret_value(SecretId=f"rendio/local/{name}")["SecretString"]
        for leaf in leaves(json.loads(value)):
            if len(leaf) >= LEAST:
                found[leaf] = f"the secret {name}"
    for secret in stack.root("secretsmanager").list_secrets()["SecretList"]:
        if "rds" in secret["Name"]:
            value = stack.root("secretsmanager").get_secret_value(SecretId=secret["ARN"])["SecretString"]
            found[json.loads(value)["password"]] = "the master's password"
    for keys in (stack.cloud.deployer_credentials, stack.cloud.auditor_credentials):
        found[keys.secret_key] = "an IAM user's secret key"
    return found


def leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, str):
        yield value
        # A PEM is broken into lines by whoever prints it.
        yield from (line for line in value.splitlines() if len(line) > 40)


def logged(stack: Deployed) -> dict[str, str]:
    """Name of a log -> its whole text: the programs' files, Postgres's included, and every log group."""
    texts = {
        str(path.relative_to(stack.cloud.state.root)): path.read_text(errors="replace") for path in stack.log_files()
    }
    client = stack.root("logs")
    for page in client.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            events = client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            texts[group["logGroupName"]] = "\n".join(event["message"] for one in events for event in one["events"])
    return texts


@pytest.mark.plan("M14")
def test_no_log_of_the_run_holds_a_token_a_key_a_device_id_or_a_password(stack: Deployed) -> None:
    planted = stack.phone()
    token = planted.device_token()
    planted.check_in(token)
    planted.upload(photograph(6, width=320, height=240))
    prompt = "canary-prompt-of-a-user-0b6e"
    planted.call("POST", "/v1/images", json={"content_type": prompt, "content_length": 10, "prompt": prompt})
    planted.call(
        "POST", "/v1/device-check", token="", json={"device_id": planted.device_id, "device_token": "!" + token}
    )
    planted.call("GET", "/v1/me", token=planted.token[:-4] + "AAAA")
    form = planted.request_upload(10)
    url = planted.image(planted.upload_direct(photograph(7, width=32, height=32)).json()["image_id"])["image_url"]

    wanted = {
        **canaries(stack),
        token: "a device token",
        prompt: "a prompt",
        planted.token[:-4] + "AAAA": "a refused token",
        form["upload"]["fields"]["x-amz-signature"]: "a form's signature",
        url.partition("X-Amz-Signature=")[2].partition("&")[0]: "an address's signature",
    }
    group = f"/aws/lambda/{PREFIX}-device-check"
    eventually(lambda: planted.auth_user_id in stack.logs_of("device_check"))
    texts = logged(stack)
    # The twin: the logs are there and say who did what.
    assert planted.auth_user_id in texts[group]
    assert "logs/ministack.log" in texts
    assert "logs/postgres.log" in texts
    assert all(wanted), "a canary is empty, and would be found anywhere"
    found = {(name, what) for name, text in texts.items() for canary, what in wanted.items() if canary in text}
    assert found == set()
    assert len(wanted) > 15
