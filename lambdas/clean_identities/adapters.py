"""The clean-up of identities, with S3 and Postgres behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lambdas.clean_identities.accounts import PostgresAccounts
from lambdas.clean_identities.objects import S3UserObjects
from lambdas.runtime import clients
from lambdas.runtime.clean_up import CleanUpSettings
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.object_removal import ObjectRemoval
from lambdas.runtime.switches import Switch, Watched

# The issuer's clock and the database's may differ; so much is far more than they do.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    videos_bucket: str
    identity_days: int
    session_lifetime_seconds: int
    account_settling_minutes: int


@dataclass(frozen=True)
class Adapters:
    accounts: PostgresAccounts
    objects: S3UserObjects
    settings: CleanUpSettings
    pause: Watched

    @classmethod
    def build(cls) -> Adapters:
        settings, how = read_settings(Settings), read_settings(CleanUpSettings)
        database = Database(read_settings(DatabaseSettings))
        return cls(
            accounts=PostgresAccounts(
                database,
                age=how.age(settings.identity_days),
                session=timedelta(seconds=settings.session_lifetime_seconds) + CLOCK_SKEW,
                settling=timedelta(minutes=settings.account_settling_minutes),
            ),
            objects=S3UserObjects(
                ObjectRemoval(clients.s3(), settings.images_bucket), ObjectRemoval(clients.s3(), settings.videos_bucket)
            ),
            settings=how,
            pause=Watched.build(database, Switch.PAUSE_CLEAN_UPS),
        )
