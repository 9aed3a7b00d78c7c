"""The values of the local stack's secrets. On AWS people put them; a laptop's are made up here.

The stack makes empty secrets; their values never pass through its state, config or logs.
"""

from __future__ import annotations

import base64
import json
import secrets as random
from typing import Any

from local import accounts
from local.standins import keys
from local.state import STACK, State, read_json, write_json

PREFIX = f"rendio/{STACK}"


def values(state: State, *, pager_url: str) -> dict[str, dict[str, Any]]:
    """The value of each secret, by the last part of its name; the stand-ins check against the same keys."""
    apple = keys.apple(state)
    return {
        "apple-devicecheck": {"key_id": apple.key_id, "private_key": apple.private_pem},
        "device-hash-keys": _device_hash_keys(state),
        "fal": {"key": keys.fal(state)},
        "pager": {"url": pager_url},
        "heartbeat": {"url": f"{pager_url.rpartition('/')[0]}/heartbeat"},
    }


def put(state: State, endpoint: str, *, pager_url: str) -> list[str]:
    """Put each value that its secret does not hold yet; secrets that the stack does not have are passed over.

    Returns:
        The names of the secrets that got a value.
    """
    client = accounts.ROOT.client("secretsmanager", endpoint)
    done: list[str] = []
    for name, value in values(state, pager_url=pager_url).items():
        wanted = json.dumps(value, sort_keys=True)
        try:
            held = client.get_secret_value(SecretId=f"{PREFIX}/{name}").get("SecretString")
        except client.exceptions.ResourceNotFoundException:
            held = None
            if not _exists(client, f"{PREFIX}/{name}"):
                continue
        if held != wanted:
            client.put_secret_value(SecretId=f"{PREFIX}/{name}", SecretString=wanted)
            done.append(name)
    if "pager" in done:
        _forget_calls(endpoint)
    return done


def _forget_calls(endpoint: str) -> None:
    """Calls of alarms that were raised while the stack was still being made, before anybody's address was known.

    On AWS people read them: docs/runbooks/HEARTBEAT-MISSED.md.
    """
    queues = accounts.ROOT.client("sqs", endpoint)
    try:
        queues.purge_queue(QueueUrl=queues.get_queue_url(QueueName=f"{accounts.PREFIX}-page-dlq")["QueueUrl"])
    except queues.exceptions.QueueDoesNotExist:
        return  # a stack that is not complete


def _exists(client: Any, name: str) -> bool:
    """AWS answers alike for a secret that does not exist and one that has no value yet."""
    try:
        client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _device_hash_keys(state: State) -> dict[str, Any]:
    """Kept: with another key no known device would be recognised."""
    stored = read_json(state.secrets)
    if "device-hash-keys" not in stored:
        key = base64.b64encode(random.token_bytes(32)).decode()
        stored["device-hash-keys"] = {"current": "k1", "keys": {"k1": key}}
        write_json(state.secrets, stored)
    kept: dict[str, Any] = stored["device-hash-keys"]
    return kept
