"""Who is asking: the claims of a verified session token, as the authorizer hands them on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from lambdas.runtime.errors import SessionExpired, SessionRequired

ROLE = "authenticated"


@dataclass(frozen=True)
class Claims:
    """A session. `sub` is the `auth_user_id`; `exp` is in seconds since 1970."""

    sub: UUID
    is_anonymous: bool
    exp: int
    jti: str

    @classmethod
    def of_session(cls, session: Mapping[str, str], *, now: float | None = None) -> Claims:
        """Read the authorizer's context (all strings).

        The gateway caches the authorizer's answer for some minutes, beyond a token's end: so its end is checked here.

        Raises:
            SessionRequired: there is no context, or not ours: the route has lost its authorizer.
            SessionExpired: the token has ended since the authorizer saw it.
        """
        try:
            claims = cls(
                sub=canonical_uuid(session["sub"]),
                is_anonymous={"true": True, "false": False}[session["is_anonymous"]],
                exp=int(session["exp"]),
                jti=session["jti"],
            )
            role = session["role"]
        except (KeyError, ValueError):
            raise SessionRequired from None
        if role != ROLE:
            raise SessionRequired
        if claims.exp <= (time.time() if now is None else now):
            raise SessionExpired
        return claims

    def for_authorizer(self) -> dict[str, str]:
        """The authorizer's context: strings only, whatever the gateway makes of other types."""
        return {
            "sub": str(self.sub),
            "role": ROLE,
            "is_anonymous": "true" if self.is_anonymous else "false",
            "exp": str(self.exp),
            "jti": self.jti,
        }

    def for_postgres(self) -> dict[str, object]:
        """What `auth.uid()`, `auth.role()` and `auth.jwt()` read."""
        return {"sub": str(self.sub), "role": ROLE, "is_anonymous": self.is_anonymous, "exp": self.exp}


def canonical_uuid(text: str) -> UUID:
    """A UUID in its one canonical spelling: it becomes part of object keys and of session tags.

    Raises:
        ValueError: it is none, or is spelled another way.
    """
    value = UUID(text)
    if str(value) != text:
        raise ValueError("not a canonical UUID")
    return value
