"""The Lambda functions: what each does, needs and is told through its environment."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi

from infra.config import Config
from infra.database import Database
from infra.names import DATABASE_NAME, FunctionId, Names
from infra.sessions import Sessions

SECONDS_AN_HOUR = 3600
IMAGE_UPLOAD_SECONDS = 300
IMAGE_URL_SECONDS = 900
# libpq reads this by itself; the bundle lies in the zip (docs/adr/0023-packaging.md).
RDS_CERTIFICATES = "/var/task/lambdas/certificates/rds-ca-rsa2048-g1.pem"

Environment = dict[str, pulumi.Input[str]]


@dataclass(frozen=True)
class FunctionSpec:
    """One function. Seconds and MB; `wheels` names lambdas/requirements/<wheels>.txt.

    A function that uses the database is in the VPC, and has a login and a certificate bundle; the others are not.
    """

    id: FunctionId
    does: str
    timeout: int
    memory: int
    wheels: str
    uses_database: bool = True
    publish: bool = False


# A request through the HTTP API has 30 s at most. Memory buys CPU: 1769 MB is one core, and images need it.
CATALOGUE = (
    FunctionSpec(FunctionId.DEVICE_CHECK, "Checks a device in and opens its session (M1)", 20, 512, "device_check"),
    FunctionSpec(
        FunctionId.SESSION_AUTHORIZER, "Verifies session tokens for the HTTP API", 5, 512, "tokens", uses_database=False
    ),
    FunctionSpec(
        FunctionId.SESSION_ISSUER, "Publishes the issuer's public keys", 10, 256, "tokens", uses_database=False
    ),
    FunctionSpec(FunctionId.ME, "Tells a user about itself", 10, 512, "database"),
    FunctionSpec(FunctionId.UPLOAD_IMAGE, "Signs an upload form for a user (M3)", 10, 512, "database"),
    FunctionSpec(FunctionId.VIEW_IMAGE, "Tells about an image and signs its address", 10, 512, "database"),
    FunctionSpec(
        FunctionId.UPLOAD_IMAGE_DIRECT, "Checks and stores an image in one request (M5)", 25, 1769, "database_images"
    ),
    FunctionSpec(
        FunctionId.UPLOAD_IMAGE_ANONYMOUS,
        "Stores an image of a caller with no session (M4)",
        25,
        1769,
        "images",
        uses_database=False,
    ),
    FunctionSpec(FunctionId.INSPECT_IMAGE, "Checks uploads and accepts them into images/", 60, 1769, "database_images"),
    FunctionSpec(
        FunctionId.DATABASE_ADMIN,
        "Applies schema versions and the access model",
        300,
        512,
        "database",
        publish=True,  # the invocation names the version it was made for, so that old code never applies a new model
    ),
    FunctionSpec(FunctionId.ACCESS_DRIFT, "Compares the database with the access model", 60, 512, "database"),
)


class Environments:
    """The environment variables of each function. No secret is among them: functions read those by name."""

    def __init__(self, *, names: Names, config: Config, database: Database, sessions: Sessions) -> None:
        self._names, self._config = names, config
        self._database, self._sessions = database, sessions

    def of(self, spec: FunctionSpec) -> Environment:
        environment: Environment = {
            "STACK": self._names.stack,
            "POWERTOOLS_SERVICE_NAME": str(spec.id),
            "POWERTOOLS_METRICS_NAMESPACE": "Rendio",
            "POWERTOOLS_LOG_LEVEL": self._config.functions.log_level,
        }
        if spec.uses_database:
            environment |= self._database_of(spec.id)
        return environment | self._own(spec.id)

    def _database_of(self, function: FunctionId) -> Environment:
        return {
            "DATABASE_HOST": self._database.address,
            "DATABASE_PORT": self._database.port.apply(str),
            "DATABASE_NAME": DATABASE_NAME,
            "DATABASE_USER": self._names.login(function),
            "DATABASE_SSLMODE": self._config.database.sslmode,
            "PGSSLROOTCERT": RDS_CERTIFICATES,
        }

    def _own(self, function: FunctionId) -> Environment:
        images_bucket, maximum = self._names.images_bucket, str(self._config.storage.image_max_bytes)
        match function:
            case FunctionId.DEVICE_CHECK:
                return self._device_check()
            case FunctionId.SESSION_AUTHORIZER:
                return {
                    "SESSION_ISSUER": self._sessions.issuer,
                    "SESSION_AUDIENCE": self._names.prefix,
                    "SESSION_KEYS": self._session_keys(),
                }
            case FunctionId.SESSION_ISSUER:
                return {"SESSION_ISSUER": self._sessions.issuer, "SESSION_KEYS": self._session_keys()}
            case FunctionId.UPLOAD_IMAGE:
                return {
                    "IMAGES_BUCKET": images_bucket,
                    "USER_STORAGE_ROLE_ARN": self._names.arn.role(self._names.user_storage_role),
                    "IMAGE_MAX_BYTES": maximum,
                    "IMAGE_UPLOAD_SECONDS": str(IMAGE_UPLOAD_SECONDS),
                }
            case FunctionId.VIEW_IMAGE:
                return {
                    "IMAGES_BUCKET": images_bucket,
                    "USER_STORAGE_ROLE_ARN": self._names.arn.role(self._names.user_storage_role),
                    "IMAGE_URL_SECONDS": str(IMAGE_URL_SECONDS),
                }
            case FunctionId.UPLOAD_IMAGE_DIRECT:
                return {
                    "IMAGES_BUCKET": images_bucket,
                    "USER_IMAGE_WRITER_ROLE_ARN": self._names.arn.role(self._names.user_image_writer_role),
                }
            case FunctionId.UPLOAD_IMAGE_ANONYMOUS:
                return {"IMAGES_BUCKET": images_bucket, "IMAGE_URL_SECONDS": str(IMAGE_URL_SECONDS)}
            case FunctionId.INSPECT_IMAGE:
                return {
                    "IMAGES_BUCKET": images_bucket,
                    "IMAGE_MAX_BYTES": maximum,
                    "IMAGE_UPLOAD_SECONDS": str(IMAGE_UPLOAD_SECONDS),
                }
            case FunctionId.DATABASE_ADMIN:
                return {"DATABASE_MASTER_SECRET_ARN": self._database.master_secret_arn}
            case _:
                return {}

    def _device_check(self) -> Environment:
        check, sessions = self._config.device_check, self._config.sessions
        return {
            "SESSION_ISSUER": self._sessions.issuer,
            "SESSION_AUDIENCE": self._names.prefix,
            "SESSION_LIFETIME_SECONDS": str(sessions.lifetime_hours * SECONDS_AN_HOUR),
            "SESSION_SIGNING_KEY_ID": self._sessions.signing_key_id,
            "SESSION_SIGNING_KEY_ARN": self._sessions.signing_key_arn,
            "APPLE_DEVICECHECK_URL": check.apple_url,
            "APPLE_TEAM_ID": check.team_id,
            "APPLE_SECRET": self._names.secret("apple-devicecheck"),
            "DEVICE_HASH_SECRET": self._names.secret("device-hash-keys"),
            "FREE_CREDITS": str(check.free_credits),
        }

    def _session_keys(self) -> pulumi.Output[str]:
        return pulumi.Output.all(**self._sessions.key_arns).apply(lambda arns: json.dumps(arns, sort_keys=True))
