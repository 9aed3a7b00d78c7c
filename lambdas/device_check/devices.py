"""Devices, their users and identities, in Postgres. Each method is one transaction, or a few that stand alone."""

from __future__ import annotations

import uuid

from psycopg.errors import UniqueViolation

from lambdas.device_check.device_hash import Hashes, Keyring
from lambdas.device_check.logic import Device, GrantState
from lambdas.runtime.database import Cursor, Database
from lambdas.runtime.secrets import Secret

# A new user is only made with keys read this recently: with an older set, a device that another process has already
# hashed under a newer key would look unknown.
_FRESH_SECONDS = 10.0

_DEVICE = """
select d.id, d.user_id, d.grant_state, d.hash_key_id, u.auth_user_id, u.credits_remaining, u.blocked_at
from public.devices d join public.users u on u.id = d.user_id
"""


class _OtherWasFirst(Exception):
    """The device was created by a concurrent call: leave the transaction with nothing done."""


class PostgresDevices:
    """`hash_keys` is the secret that `Keyring` reads."""

    def __init__(self, database: Database, hash_keys: Secret) -> None:
        self._database, self._hash_keys = database, hash_keys

    def find_or_create(self, device_id: str) -> tuple[Device, bool]:
        """The device, and whether this call created it, with its user and identity, in one transaction."""
        known = self._find(self._keyring().device(device_id))
        if known:
            return known, False
        hashes = self._keyring(no_older_than=_FRESH_SECONDS).device(device_id)
        known = self._find(hashes)
        if known:
            return known, False
        try:
            return self._create(hashes), True
        except _OtherWasFirst:
            known = self._find(hashes)
            if known is None:  # created and deleted within milliseconds
                raise
            return known, False

    def claim(self, device: Device, device_token: str) -> Device:
        """Claim the free credits with this token, once a token; refuse them when it has claimed for another device."""
        hashes = self._keyring().token(device_token)
        try:
            with self._database.transaction() as cursor:
                used = cursor.execute(
                    "select 1 from public.devices where claim_token_hash = any(%s) and id <> %s",
                    (hashes.under_any, device.id),
                ).fetchone()
                if not used:
                    cursor.execute(
                        "update public.devices set grant_state = 'claimed', claim_token_hash = %s"
                        " where id = %s and grant_state = 'unclaimed'",
                        (hashes.under_current, device.id),
                    )
                    return _read(cursor, device)
        except UniqueViolation:
            pass  # another device claimed with this token meanwhile
        return self.refuse(device)

    def refuse(self, device: Device) -> Device:
        """No free credits for this device, ever."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "update public.devices set grant_state = 'refused' where id = %s and grant_state = 'unclaimed'",
                (device.id,),
            )
            return _read(cursor, device)

    def grant(self, device: Device, amount: int) -> tuple[Device, bool]:
        """Grant the claimed credits: state, balance and ledger in one transaction.

        Of many calls, one grants: the second value says whether it was this one.
        """
        with self._database.transaction() as cursor:
            cursor.execute(
                "update public.devices set grant_state = 'granted', granted_at = now()"
                " where id = %s and grant_state = 'claimed'",
                (device.id,),
            )
            won = cursor.rowcount == 1
            if won:
                cursor.execute(
                    "update public.users set credits_remaining = credits_remaining + %s, updated_at = now()"
                    " where id = %s",
                    (amount, device.user_id),
                )
                cursor.execute(
                    "insert into public.credit_ledger (user_id, amount, reason) values (%s, %s, 'free_grant')",
                    (device.user_id, amount),
                )
            return _read(cursor, device), won

    def _keyring(self, **freshness: float) -> Keyring:
        return Keyring.of(self._hash_keys.value(**freshness))

    def _find(self, hashes: Hashes) -> Device | None:
        """The device, marked as seen, and hashed under the current key if it was not."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                _DEVICE + " where d.device_hash = any(%s) order by d.created_at limit 1", (hashes.under_any,)
            ).fetchone()
            if row is None:
                return None
            # The user's row first: a clean-up that is closing this account has it, and lets go of the device with it.
            cursor.execute(
                "update public.users set last_active_at = now()"
                " where id = %s and last_active_at < now() - interval '1 hour'",
                (row["user_id"],),
            )
            seen = cursor.execute("update public.devices set last_seen_at = now() where id = %s", (row["id"],))
            if seen.rowcount == 0:  # closed meanwhile: the device is nobody's, and begins anew
                return None
            cursor.execute("update auth.users set last_sign_in_at = now() where id = %s", (row["auth_user_id"],))
            if row["hash_key_id"] != hashes.key_id:
                cursor.execute(
                    "update public.devices set device_hash = %s, hash_key_id = %s where id = %s"
                    " and not exists (select 1 from public.devices where device_hash = %s)",
                    (hashes.under_current, hashes.key_id, row["id"], hashes.under_current),
                )
            return _device(row)

    def _create(self, hashes: Hashes) -> Device:
        identity, user, device = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
        with self._database.transaction() as cursor:
            cursor.execute("insert into auth.users (id, last_sign_in_at) values (%s, now())", (identity,))
            cursor.execute("insert into public.users (id, auth_user_id) values (%s, %s)", (user, identity))
            made = cursor.execute(
                "insert into public.devices (id, user_id, device_hash, hash_key_id, last_seen_at)"
                " values (%s, %s, %s, %s, now()) on conflict (device_hash) do nothing",
                (device, user, hashes.under_current, hashes.key_id),
            )
            if made.rowcount == 0:
                raise _OtherWasFirst
        return Device(device, user, identity, GrantState.UNCLAIMED, credits_remaining=0, blocked=False)


def _read(cursor: Cursor, device: Device) -> Device:
    row = cursor.execute(_DEVICE + " where d.id = %s", (device.id,)).fetchone()
    if row is None:
        raise LookupError("the device was deleted while it checked in")
    return _device(row)


def _device(row: dict[str, object]) -> Device:
    return Device(
        id=uuid.UUID(str(row["id"])),
        user_id=uuid.UUID(str(row["user_id"])),
        auth_user_id=uuid.UUID(str(row["auth_user_id"])),
        grant_state=GrantState(str(row["grant_state"])),
        credits_remaining=int(str(row["credits_remaining"])),
        blocked=row["blocked_at"] is not None,
    )
