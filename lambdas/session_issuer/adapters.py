"""Which keys this issuer signs with, and which of them can be read now."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.runtime.environment import read_settings
from lambdas.runtime.errors import Unavailable
from lambdas.runtime.observability import count, log
from lambdas.runtime.tokens import KeyUnreachable, PublicKeys


@dataclass(frozen=True)
class Settings:
    session_issuer: str
    session_keys: dict[str, str]


@dataclass(frozen=True)
class Adapters:
    issuer: str
    keys: PublicKeys

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(settings.session_issuer, PublicKeys(settings.session_keys))

    def readable_keys(self) -> list[str]:
        """The ids of the keys that can be published. One that cannot be read does not hide the others.

        Raises:
            Unavailable: none can be read.
        """
        readable = [key_id for key_id in self.keys.ids if self._is_readable(key_id)]
        if not readable:
            raise Unavailable("The keys cannot be read right now. Try again in a moment.", code="keys_unavailable")
        return readable

    def _is_readable(self, key_id: str) -> bool:
        try:
            self.keys.get(key_id)
        except KeyUnreachable:
            log().exception("session key unreachable")
            count("SessionKeyUnreachable")
            return False
        return True
