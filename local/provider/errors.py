"""What the provider refuses or cannot do, in words that reach the person through the engine."""

from __future__ import annotations

from local.errors import LocalError, Refused


class ProviderError(LocalError):
    """A resource, a property or a call that does not work out."""


class ProviderRefused(Refused):
    """The provider would leave the laptop, or serve a stack that is not the laptop's."""


class Gone(ProviderError):
    """The resource is not there (any more)."""

    def __init__(self, what: str = "It does not exist.") -> None:
        super().__init__(what)


class AlreadyExists(ProviderError):
    """A physical name is taken."""
