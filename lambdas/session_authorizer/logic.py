"""Is this a session of ours?"""

from __future__ import annotations

from lambdas.runtime.claims import Claims
from lambdas.runtime.tokens import TokenRefused, Verifier

_SCHEME = "bearer"


def session_of(authorization: str, verifier: Verifier) -> Claims:
    """The claims of an `Authorization` header.

    Raises:
        TokenRefused: it holds no valid token of ours.
        KeyUnreachable: it cannot be told now; the caller must not take this for a refusal.
    """
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != _SCHEME or not token:
        raise TokenRefused("no bearer token")
    return verifier.verify(token.strip())
