"""Keys and tokens for tests: ours, an attacker's, and tokens nobody should accept."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER, AUDIENCE, KEY_ID = "https://issuer.test", "rendio-local", "2026a"


@dataclass(frozen=True)
class SigningKey:
    private: rsa.RSAPrivateKey

    @classmethod
    def made(cls) -> SigningKey:
        return cls(rsa.generate_private_key(65537, 2048))

    def sign(self, _arn: str, message: bytes) -> bytes:
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    @property
    def public_der(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token with ours as its defaults; a claim of None is left out. Built by hand: libraries refuse to."""
        message = unsigned({"alg": "RS256", "kid": KEY_ID, "typ": "JWT", **(header or {})}, **claims)
        return f"{message}.{b64(self.sign('', message.encode()))}"


def good_claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid.uuid4()),
        "role": "authenticated",
        "is_anonymous": True,
        "iat": now,
        "exp": now + 3600,
        "jti": str(uuid.uuid4()),
    }


def unsigned(header: dict[str, Any], **claims: Any) -> str:
    payload = {name: value for name, value in {**good_claims(), **claims}.items() if value is not None}
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}"


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
