"""Session tokens as an attacker would make them, and as only the stack's own key can."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey

from local.journey.client import REQUEST_SECONDS
from tests.stack.deployed import PREFIX, Deployed

ATTACKER = rsa.generate_private_key(65537, 2048)


def encode(part: bytes | dict[str, Any]) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Mint:
    """Makes tokens for a user, right in all but what a test names."""

    def __init__(self, stack: Deployed, auth_user_id: str) -> None:
        self._stack, self._auth_user_id = stack, auth_user_id
        self._key_id = next(iter(self.published()))["kid"]

    def published(self) -> list[dict[str, Any]]:
        address = f"{self._stack.api_url}/.well-known/jwks.json"
        keys: list[dict[str, Any]] = httpx.get(address, timeout=REQUEST_SECONDS, trust_env=False).json()["keys"]
        return keys

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self._stack.outputs["session_issuer"],
            "aud": PREFIX,
            "sub": self._auth_user_id,
            "role": "authenticated",
            "is_anonymous": True,
            "iat": now,
            "exp": now + 3600,
            "jti": str(uuid.uuid4()),
            **changed,
        }

    def header(self, **changed: Any) -> dict[str, Any]:
        return {"alg": "RS256", "typ": "JWT", "kid": self._key_id, **changed}

    def signed(self, **changed: Any) -> str:
        """Signed by the stack's own key, as device_check's role may."""
        content = f"{encode(self.header())}.{encode(self.claims(**changed))}"
        signature = (
            self._stack.role("device_check")
            .client("kms")
            .sign(
                KeyId=f"alias/{PREFIX}-session-{self._key_id}",
                Message=hashlib.sha256(content.encode()).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
            )["Signature"]
        )
        return f"{content}.{encode(signature)}"

    def forged(self, **header: Any) -> str:
        """Signed by the attacker's key."""
        content = f"{encode(self.header(**header))}.{encode(self.claims())}"
        signature = ATTACKER.sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{content}.{encode(signature)}"

    def unsigned(self) -> str:
        return f"{encode(self.header(alg='none'))}.{encode(self.claims())}."

    def symmetric(self) -> str:
        """HS256 with the published public key as the secret."""
        pem = RSAKey.import_key(self.published()[0]).as_pem(private=False)
        content = f"{encode(self.header(alg='HS256'))}.{encode(self.claims())}"
        return f"{content}.{encode(hmac.digest(pem, content.encode(), 'sha256'))}"

    def wrong(self) -> dict[str, str]:
        """What must be refused, by what is wrong with it."""
        own = RSAKey.import_key(
            ATTACKER.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).as_dict(private=False)
        now = int(time.time())
        good = self.signed()
        head, payload, signature = good.split(".")
        return {
            "expired": self.signed(iat=now - 7200, exp=now - 1),
            "tampered": f"{head}.{encode(self.claims(sub=str(uuid.uuid4())))}.{signature}",
            "tampered signature": f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
            "alg=none": self.unsigned(),
            "HS256 with the public key": self.symmetric(),
            "attacker's key": self.forged(),
            "attacker's key in the header": self.forged(jwk=own),
            "attacker's key set in the header": self.forged(jku="http://127.0.0.1:1/jwks.json"),
            "other issuer": self.signed(iss="https://example.com"),
            "other audience": self.signed(aud="rendio-prod"),
            "issued in the future": self.signed(iat=now + 3600, exp=now + 7200),
            "another role": self.signed(role="service_role"),
            "no user": self.signed(sub="*"),
        }
