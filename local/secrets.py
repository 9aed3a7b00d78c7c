"""The values of the local stack's secrets. On AWS people put them; a laptop's are made up here.

The stack makes empty secrets; their values never pass through its state, config or logs.
"""

from __future__ import annotations

import base64
import json
import secrets as random
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local import accounts
from local.state import STACK, State, read_json, write_json

PREFIX = f"rendio/{STACK}"


def prepare(state: State) -> dict[str, Any]:
    """The values of this state folder by secret, made once and kept; the stand-ins check against them."""
    stored = read_json(state.secrets)
    made = {name: make() for name, make in _MAKERS.items() if name not in stored}
    if made:
        write_json(state.secrets, {**stored, **made})
    return {**stored, **made}


def put(state: State, endpoint: str, *, pager_url: str) -> list[str]:
    """Put each value that its secret does not hold yet; secrets that the stack does not have are passed over.

    Returns:
        The names of the secrets that got a value.
    """
    client = accounts.ROOT.client("secretsmanager", endpoint)
    done: list[str] = []
    for name, value in {**prepare(state), "pager": {"url": pager_url}}.items():
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
    return done


def _exists(client: Any, name: str) -> bool:
    """AWS answers alike for a secret that does not exist and one that has no value yet."""
    try:
        client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _apple() -> dict[str, str]:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"key_id": "LOCAL" + random.token_hex(3).upper()[:5], "private_key": pem.decode()}


def _device_hash_keys() -> dict[str, Any]:
    return {"current": "k1", "keys": {"k1": base64.b64encode(random.token_bytes(32)).decode()}}


def _fal() -> dict[str, str]:
    return {"key": f"{random.token_hex(8)}:{random.token_hex(16)}"}


_MAKERS = {"apple-devicecheck": _apple, "device-hash-keys": _device_hash_keys, "fal": _fal}
