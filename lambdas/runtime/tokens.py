"""Verifying session tokens, and reading the public keys that verify them.

RS256 and nothing else. The key is chosen among ours by `kid`; keys and key addresses inside a token are refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from lambdas.runtime import clients
from lambdas.runtime.claims import ROLE, Claims, canonical_uuid
from lambdas.runtime.errors import FunctionError

ALGORITHM = "RS256"
LEEWAY_SECONDS = 30  # between the clocks of two Lambda hosts; only for "issued in the future"
MAXIMUM_TOKEN_CHARACTERS = 4096
_HEADER_MEMBERS = {"alg", "kid", "typ"}


class TokenRefused(FunctionError):
    """The token opens nothing; the message says why, for the log."""


class KeyUnreachable(FunctionError):
    """A key of ours could not be read now. Its tokens are neither good nor bad."""


class PublicKeys:
    """The public halves of the session keys, each read from KMS at its first use and kept for the process's life."""

    def __init__(self, arns: Mapping[str, str], fetch: Callable[[str], bytes] | None = None) -> None:
        """`arns` maps key ids (`kid`) to KMS keys; `fetch` gives a key's public half as DER."""
        self._arns = dict(arns)
        self._fetch = fetch or _public_key_from_kms
        self._keys: dict[str, RSAKey] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._arns)

    def get(self, key_id: str) -> RSAKey:
        """The key of `key_id`.

        Raises:
            TokenRefused: it is none of ours.
            KeyUnreachable: it is ours, and cannot be read now.
        """
        if key_id not in self._arns:
            raise TokenRefused("signed with a key that is not ours")
        if key_id not in self._keys:
            try:
                self._keys[key_id] = RSAKey.import_key(self._fetch(self._arns[key_id]))
            except Exception as error:  # botocore's and the parser's alike: whatever it is, this key alone is missing
                raise KeyUnreachable(f"public key {key_id} cannot be read: {type(error).__name__}") from error
        return self._keys[key_id]


def _public_key_from_kms(arn: str) -> bytes:
    public: bytes = clients.kms().get_public_key(KeyId=arn)["PublicKey"]
    return public


@dataclass(frozen=True)
class Verifier:
    """Verifies tokens of one issuer for one audience."""

    issuer: str
    audience: str
    keys: PublicKeys

    def verify(self, token: str, *, now: float | None = None) -> Claims:
        """The claims of `token`.

        Raises:
            TokenRefused: it is not ours, not for us, not valid now, or malformed.
            KeyUnreachable: its key cannot be read now.
        """
        if len(token) > MAXIMUM_TOKEN_CHARACTERS or token.count(".") != 2:
            raise TokenRefused("no compact token")
        moment = int(time.time() if now is None else now)
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
            self._check_header(header)
            claims = jwt.decode(token, self.keys.get(str(header["kid"])), algorithms=[ALGORITHM]).claims
            self._rules(moment).validate({name: value for name, value in claims.items() if name != "iat"})
        except (JoseError, UnicodeError, ValueError, TypeError) as error:
            # A broken token breaks the parser in many ways; the type says enough, the text may quote the token.
            raise TokenRefused(type(error).__name__) from error
        return _read(claims, moment)

    @staticmethod
    def _check_header(header: Mapping[str, Any]) -> None:
        if header.get("alg") != ALGORITHM:
            raise TokenRefused("another algorithm")
        if not isinstance(header.get("kid"), str):
            raise TokenRefused("no key id")
        if set(header) - _HEADER_MEMBERS:
            raise TokenRefused("header members we never send")  # jwk, jku, x5u, x5c, crit…

    def _rules(self, moment: int) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=moment,
            leeway=0,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
            role={"essential": True, "value": ROLE},
        )


def _read(claims: Mapping[str, Any], moment: int) -> Claims:
    issued, anonymous = claims.get("iat"), claims.get("is_anonymous")
    if isinstance(issued, bool) or not isinstance(issued, int) or not isinstance(anonymous, bool):
        raise TokenRefused("claims of the wrong type")
    if issued > moment + LEEWAY_SECONDS:  # here, since the leeway is for this claim alone
        raise TokenRefused("issued in the future")
    try:
        subject = canonical_uuid(str(claims["sub"]))
    except ValueError:
        raise TokenRefused("subject is no UUID") from None
    return Claims(sub=subject, is_anonymous=anonymous, exp=int(claims["exp"]), jti=str(claims["jti"]))
