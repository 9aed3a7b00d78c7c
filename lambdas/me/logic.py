"""What a user may know about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from lambdas.runtime.claims import Claims
from lambdas.runtime.users import User


class Users(Protocol):
    def get(self, claims: Claims) -> User: ...


@dataclass(frozen=True)
class Me:
    user: User

    def as_json(self) -> dict[str, Any]:
        return {"user_id": str(self.user.id), "credits_remaining": self.user.credits_remaining}


def me(claims: Claims, users: Users) -> Me:
    """The user of this session.

    Raises:
        UserUnknown, UserBlocked: the session is valid, its user is not.
    """
    return Me(users.get(claims))
