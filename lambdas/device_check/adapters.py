"""Apple, Postgres and KMS, as this function uses them."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.device_check.apple import AppleDeviceCheck
from lambdas.device_check.devices import PostgresDevices
from lambdas.device_check.sessions import KmsSessions, SessionSettings
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.secrets import Secret


@dataclass(frozen=True)
class Settings:
    apple_devicecheck_url: str
    apple_team_id: str
    apple_secret: str
    device_hash_secret: str
    free_credits: int


@dataclass(frozen=True)
class DeviceCheckAdapters:
    apple: AppleDeviceCheck
    devices: PostgresDevices
    sessions: KmsSessions
    free_credits: int

    @classmethod
    def build(cls) -> DeviceCheckAdapters:
        settings = read_settings(Settings)
        return cls(
            apple=AppleDeviceCheck(
                url=settings.apple_devicecheck_url, team_id=settings.apple_team_id, apple=Secret(settings.apple_secret)
            ),
            devices=PostgresDevices(Database(read_settings(DatabaseSettings)), Secret(settings.device_hash_secret)),
            sessions=KmsSessions(read_settings(SessionSettings)),
            free_credits=settings.free_credits,
        )
