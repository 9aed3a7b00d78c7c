"""Checking a device in (plan M1), and granting its free credits once (plan M17).

The order of the steps is the protocol; docs/adr/0031-free-credits.md has its reasons and its residual risk. A kill
between any two of them leaves a state from which the next check-in goes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from lambdas.runtime.errors import InvalidRequest, UserBlocked

# 22 characters of base64url hold 128 bits, the least a credential may have.
_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{22,128}")
_DEVICE_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{1,8192}")


class GrantState(StrEnum):
    """How far a device's free credits are. `claimed` may be left by a kill; whoever finds it finishes it."""

    UNCLAIMED = "unclaimed"
    CLAIMED = "claimed"
    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True)
class DeviceCheckRequest:
    """`device_id` is the app's own random credential; `device_token` is Apple's, good for a short time."""

    device_id: str
    device_token: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> DeviceCheckRequest:
        """Read a request's body.

        Raises:
            InvalidRequest: a member is missing or malformed. Its value is not repeated: it is a credential.
        """
        return cls(
            _matching(
                body, "device_id", _DEVICE_ID, "22 to 128 characters of A-Z a-z 0-9 _ -, at least 128 random bits"
            ),
            _matching(body, "device_token", _DEVICE_TOKEN, "the base64 text that DCDevice.generateToken gave"),
        )


def _matching(body: Mapping[str, Any], name: str, pattern: re.Pattern[str], meaning: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidRequest(f"{name} must be {meaning}.", code="invalid_field", field=name)
    return value


@dataclass(frozen=True)
class DeviceBits:
    """What Apple keeps about a device for us. bit0: free credits were granted. bit1 is unused and kept as it is."""

    bit0: bool
    bit1: bool


@dataclass(frozen=True)
class Device:
    """A device as the database knows it."""

    id: UUID
    user_id: UUID
    auth_user_id: UUID
    grant_state: GrantState
    credits_remaining: int
    blocked: bool


@dataclass(frozen=True)
class Session:
    token: str
    expires_at: datetime


class Apple(Protocol):
    def query(self, device_token: str) -> DeviceBits: ...
    def mark_granted(self, device_token: str, bits: DeviceBits) -> None: ...


class Devices(Protocol):
    def find_or_create(self, device_id: str) -> tuple[Device, bool]: ...
    def claim(self, device: Device, device_token: str) -> Device: ...
    def refuse(self, device: Device) -> Device: ...
    def grant(self, device: Device, amount: int) -> tuple[Device, bool]: ...


class Sessions(Protocol):
    def try_open(self, auth_user_id: UUID) -> Session | None: ...


class Adapters(Protocol):
    @property
    def apple(self) -> Apple: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def free_credits(self) -> int: ...


@dataclass(frozen=True)
class CheckIn:
    """`granted` says that this very call granted the free credits."""

    device: Device
    is_new: bool
    session: Session | None
    granted: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "user_id": str(self.device.user_id),
            "credits_remaining": self.device.credits_remaining,
            "is_new": self.is_new,
            "session_token": self.session.token if self.session else None,
            "session_expires_at": self.session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ") if self.session else None,
        }


def check_in(request: DeviceCheckRequest, adapters: Adapters) -> CheckIn:
    """Find or create the device's user, settle its free credits, open a session.

    Raises:
        DeviceNotGenuine: Apple does not know the device token; nothing was written.
        DeviceCheckUnavailable: Apple cannot be asked now; nothing was granted.
        UserBlocked: the device's user may not use the service.
    """
    bits = adapters.apple.query(request.device_token)  # before any write: it is what proves the device
    found, is_new = adapters.devices.find_or_create(request.device_id)
    if found.blocked:
        raise UserBlocked
    settled, granted = _settle_free_credits(found, bits, request.device_token, adapters)
    return CheckIn(
        device=settled,
        is_new=is_new,
        session=adapters.sessions.try_open(settled.auth_user_id),
        granted=granted,
    )


def _settle_free_credits(
    device: Device, bits: DeviceBits, device_token: str, adapters: Adapters
) -> tuple[Device, bool]:
    """Grant once a device: claim here, mark at Apple, then grant here. Says whether this call granted.

    Marked before granted: a kill between the two leaves a claim, which the next check-in turns into the grant.
    Granted before marked, the kill would leave a device that reinstalls and is granted again.
    """
    if adapters.free_credits == 0:
        return device, False
    if device.grant_state is GrantState.UNCLAIMED:
        if bits.bit0:
            return adapters.devices.refuse(device), False
        device = adapters.devices.claim(device, device_token)
    if device.grant_state is GrantState.CLAIMED:
        if not bits.bit0:
            adapters.apple.mark_granted(device_token, bits)
        return adapters.devices.grant(device, adapters.free_credits)
    return device, False
