"""Phones, and an Apple that keeps two bits for each, whatever token it presents."""

from __future__ import annotations

import base64
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lambdas.device_check.device_hash import Keyring
from lambdas.device_check.devices import PostgresDevices
from lambdas.device_check.logic import CheckIn, DeviceBits, DeviceCheckRequest, Session, check_in
from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.errors import DeviceCheckUnavailable, DeviceNotGenuine
from tests.database.scene import STACK, Person
from tests.database.scene import Database as Scene

FREE_CREDITS = 10
_KEYS = {f"k{number}": base64.b64encode(bytes([number]) * 32).decode() for number in range(1, 4)}


class Killed(BaseException):
    """The process ended here; no `except Exception` sees it."""


@dataclass
class Apple:
    """`before` is called with the name of each operation, before it takes effect; `after` after it."""

    bits: dict[str, DeviceBits] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    unreachable: bool = False
    marks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self, phone: str) -> str:
        token = uuid.uuid4().hex
        self.phones[token] = phone
        return token

    def query(self, device_token: str) -> DeviceBits:
        self.before("query")
        phone = self._phone(device_token)
        with self._lock:
            bits = self.bits.get(phone, DeviceBits(bit0=False, bit1=False))
        self.after("query")
        return bits

    def mark_granted(self, device_token: str, bits: DeviceBits) -> None:
        self.before("mark")
        phone = self._phone(device_token)
        with self._lock:
            self.bits[phone] = DeviceBits(bit0=True, bit1=bits.bit1)
            self.marks += 1
        self.after("mark")

    def _phone(self, device_token: str) -> str:
        if self.unreachable:
            raise DeviceCheckUnavailable
        if device_token not in self.phones:
            raise DeviceNotGenuine
        return self.phones[device_token]


class NoSessions:
    """Sessions are proven elsewhere."""

    def try_open(self, _: uuid.UUID) -> Session | None:
        return None


@dataclass
class HashKeys:
    """In place of the secret in Secrets Manager."""

    current: str = "k1"
    known: tuple[str, ...] = ("k1",)

    def value(self, *, no_older_than: float = 0) -> dict[str, Any]:
        return {"current": self.current, "keys": {name: _KEYS[name] for name in self.known}}

    def keyring(self) -> Keyring:
        return Keyring.of(self.value())


@dataclass
class DeviceCheck:
    """The function of one process: its own connection, everybody's Apple."""

    apple: Any
    devices: Any
    sessions: Any = field(default_factory=NoSessions)
    free_credits: int = FREE_CREDITS

    def check_in(self, device_id: str, device_token: str) -> CheckIn:
        return check_in(DeviceCheckRequest(device_id, device_token), self)


def function_database(scene: Scene, function: str) -> Database:
    """`lambdas.runtime`'s database, logged in as this function's role."""
    return Database(
        DatabaseSettings(
            database_host=str(scene.server.sockets),
            database_port=5432,
            database_name="rendio",
            database_user=f"rendio_{STACK}_{function}",
            database_sslmode="disable",
        )
    )


def device_check(scene: Scene, apple: Apple, keys: HashKeys | None = None) -> DeviceCheck:
    secret: Any = keys or HashKeys()
    return DeviceCheck(apple, PostgresDevices(function_database(scene, "device_check"), secret))


def device_id() -> str:
    return uuid.uuid4().hex


def claims_of(person: Person) -> Claims:
    return Claims(sub=person.auth_user_id, is_anonymous=True, exp=int(time.time()) + 60, jti="j")


@dataclass(frozen=True)
class Books:
    """What the database says of a device."""

    users: int
    identities: int
    credits: int
    grants: int
    states: tuple[str, ...]


def books(scene: Scene, *device_ids: str, keys: HashKeys | None = None) -> Books:
    """Users, identities, credits and grants of these devices, counted as superuser."""
    ring = (keys or HashKeys()).keyring()
    hashes = [found for name in device_ids for found in ring.device(name).under_any]
    with scene.superuser() as connection:
        rows = connection.execute(
            "select d.grant_state, u.credits_remaining, u.auth_user_id, count(l.id) as grants,"
            " coalesce(sum(l.amount), 0) as ledger from public.devices d join public.users u on u.id = d.user_id"
            " left join public.credit_ledger l on l.user_id = u.id"
            " where d.device_hash = any(%s) group by d.id, u.id",
            (hashes,),
        ).fetchall()
    assert all(row["credits_remaining"] == row["ledger"] for row in rows), "the ledger adds up"
    return Books(
        users=len(rows),
        identities=len({row["auth_user_id"] for row in rows}),
        credits=sum(row["credits_remaining"] for row in rows),
        grants=sum(row["grants"] for row in rows),
        states=tuple(sorted(row["grant_state"] for row in rows)),
    )


def totals(scene: Scene) -> tuple[int, int]:
    """Users and identities in the whole database: an abandoned attempt would show here."""
    with scene.superuser() as connection:
        row = connection.execute(
            "select (select count(*) from public.users) as users, (select count(*) from auth.users) as identities"
        ).fetchone()
    assert row
    return row["users"], row["identities"]
