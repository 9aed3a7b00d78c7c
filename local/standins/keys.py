"""Keys the stand-ins and the stack's secrets share: made once for a state folder, kept there, printed nowhere."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from local.errors import LocalError
from local.stack_config import read
from local.state import REPOSITORY, STACK, State, read_json

# While the stack's config names no account.
FAL_USER_ID = "rendioai-local"


@dataclass(frozen=True, repr=False)
class AppleKey:
    """A DeviceCheck key as Apple's developer site hands it out.

    Attributes:
        key_id: ten characters; the JWT's `kid`.
        private_pem: PKCS #8, for ES256. Apple keeps the public half.
    """

    key_id: str
    private_pem: str

    @property
    def public_pem(self) -> str:
        private = serialization.load_pem_private_key(self.private_pem.encode(), password=None)
        return (
            private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


def apple(state: State) -> AppleKey:
    """The key that secret `apple-devicecheck` holds and the Apple stand-in knows."""
    return AppleKey(**_stored(state)["apple"])


def fal(state: State) -> str:
    """The API key, `id:secret`, that secret `fal` holds and the fal stand-in accepts."""
    return str(_stored(state)["fal"])


def fal_webhook(state: State) -> ed25519.Ed25519PrivateKey:
    """The key with which the fal stand-in signs its webhooks; its public half is in the stand-in's JWKS."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_stored(state)["fal_webhook"]))


def team_id(state: State) -> str:
    """The Apple team that the stack's config names: the JWT's `iss`.

    Raises:
        LocalError: no config names one.
    """
    team = _configured(state, "rendio:device_check", "team_id")
    if team:
        return team
    raise LocalError(
        "The stand-in for Apple does not know which team may ask.",
        why=f"Pulumi.{STACK}.yaml has no rendio:device_check with a team_id.",
        fix="Restore the file with git.",
    )


def fal_user_id(state: State) -> str:
    """The fal account that the stack's config names, whose call-backs are the product's own."""
    return _configured(state, "rendio:generator", "webhook_user_id") or FAL_USER_ID


def _configured(state: State, block: str, key: str) -> str:
    """A value of the stack's config; empty when no config has it."""
    for path in (state.config, REPOSITORY / f"Pulumi.{STACK}.yaml"):
        value = read(path).get("config", {}).get(block, {}).get(key)
        if value:
            return str(value)
    return ""


def _stored(state: State) -> dict[str, Any]:
    path = state.root / "standins" / "keys.json"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, _new())
    return read_json(path)


def _new() -> dict[str, Any]:
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "apple": {"key_id": secrets.token_hex(5).upper(), "private_pem": private.decode()},
        "fal": f"{secrets.token_hex(16)}:{secrets.token_hex(32)}",
        "fal_webhook": secrets.token_hex(32),
    }


def _write_once(path: Path, content: dict[str, Any]) -> None:
    """Write the file unless another process just did: the runner and the stand-ins may both come first."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
