"""Opening sessions: RS256 tokens signed by a KMS key whose private half nobody has."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import OctKey

from lambdas.device_check.logic import Session
from lambdas.runtime import clients
from lambdas.runtime.claims import ROLE
from lambdas.runtime.observability import count, log

ALGORITHM = "RS256"
# joserfc wants some key in hand; the real one never leaves KMS, and `_KmsRs256` does not look at this.
_NO_KEY = OctKey.import_key(bytes(32))


@dataclass(frozen=True)
class SessionSettings:
    session_issuer: str
    session_audience: str
    session_lifetime_seconds: int
    session_signing_key_id: str
    session_signing_key_arn: str


Sign = Callable[[str, bytes], bytes]


def sign_with_kms(key_arn: str, message: bytes) -> bytes:
    """Sign the digest of `message` (RSASSA-PKCS1-v1_5, SHA-256): the message itself does not leave this process."""
    signature: bytes = clients.kms().sign(
        KeyId=key_arn,
        Message=hashlib.sha256(message).digest(),
        MessageType="DIGEST",
        SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
    )["Signature"]
    return signature


class _KmsRs256(jws.JWSAlgModel):  # type: ignore[name-defined,misc]  # there, but not in its __all__
    """joserfc's RS256, with the private key's operation done elsewhere."""

    name = ALGORITHM
    description = "RSASSA-PKCS1-v1_5 using SHA-256, signed by KMS"
    key_type = "RSA"

    def __init__(self, key_arn: str, sign: Sign) -> None:
        self._key_arn, self._sign = key_arn, sign

    def check_key(self, key: Any) -> None:
        """The key is KMS's."""

    def sign(self, msg: bytes, key: Any) -> bytes:  # noqa: ARG002  # joserfc's signature
        return self._sign(self._key_arn, msg)

    def verify(self, msg: bytes, sig: bytes, key: Any) -> bool:
        raise NotImplementedError("verify with the public key (lambdas/runtime/tokens.py)")


class _KmsRegistry(jws.JWSRegistry):
    def __init__(self, algorithm: _KmsRs256) -> None:
        super().__init__(algorithms=[ALGORITHM])
        self._algorithm = algorithm

    def get_alg(self, name: str) -> Any:  # noqa: ARG002  # joserfc's signature; there is one algorithm
        return self._algorithm


class KmsSessions:
    """Opens sessions for users who have just proved their device."""

    def __init__(
        self, settings: SessionSettings, sign: Sign = sign_with_kms, now: Callable[[], float] = time.time
    ) -> None:
        self._settings, self._now = settings, now
        self._registry = _KmsRegistry(_KmsRs256(settings.session_signing_key_arn, sign))

    def try_open(self, auth_user_id: uuid.UUID) -> Session | None:
        """A session, or None when it cannot be opened now: that never fails a check-in (plan M1)."""
        try:
            return self.open(auth_user_id)
        except Exception:  # whatever keeps KMS from signing: the device is checked in all the same
            log().exception("session not opened")
            count("SessionOpenFailed")
            return None

    def open(self, auth_user_id: uuid.UUID) -> Session:
        """A session of the configured lifetime, from now."""
        issued = int(self._now())
        expires = issued + self._settings.session_lifetime_seconds
        claims = {
            "iss": self._settings.session_issuer,
            "aud": self._settings.session_audience,
            "sub": str(auth_user_id),
            "role": ROLE,
            "is_anonymous": True,
            "iat": issued,
            "exp": expires,
            "jti": str(uuid.uuid4()),
        }
        header = {"alg": ALGORITHM, "kid": self._settings.session_signing_key_id}
        token = jwt.encode(header, claims, _NO_KEY, registry=self._registry)
        return Session(token, datetime.fromtimestamp(expires, tz=UTC))
