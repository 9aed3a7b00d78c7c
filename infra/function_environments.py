"""The environment variables of each function. No secret is among them: functions read those by name."""

from __future__ import annotations

import json

import pulumi

from infra.config import Config
from infra.database import Database
from infra.function_catalogue import FunctionSpec
from infra.names import DATABASE_NAME, FunctionId, Names
from infra.sessions import Sessions
from infra.video_migration_queue import VideoMigrationQueue

SECONDS_AN_HOUR = 3600
BYTES_A_GB = 1000**3
IMAGE_UPLOAD_SECONDS = 300
IMAGE_URL_SECONDS = 900
# Of the page topic: the function page_on_call, which calls the on-call service.
PAGERS = 1
VIDEO_URL_SECONDS = 900
WEBHOOK_PATH = "/v1/webhooks/fal"
# libpq reads this by itself; the bundle lies in the zip (docs/adr/0023-packaging.md).
RDS_CERTIFICATES = "/var/task/lambdas/certificates/rds-ca-rsa2048-g1.pem"

# Who looks at a switch, and who throws them (lambdas/runtime/switches.py).
SWITCHED = frozenset(
    {
        FunctionId.SUBMIT_VIDEO,
        FunctionId.MIGRATE_VIDEO,
        FunctionId.SWEEP_VIDEOS,
        FunctionId.CLEAN_VIDEOS,
        FunctionId.CLEAN_IMAGES,
        FunctionId.CLEAN_IDENTITIES,
        FunctionId.THROW_SWITCH,
    }
)

Environment = dict[str, pulumi.Input[str]]


class Environments:
    """What each function is told, from the configuration and from what was made before it."""

    def __init__(
        self,
        *,
        names: Names,
        config: Config,
        database: Database,
        sessions: Sessions,
        api_url: pulumi.Output[str],
        video_migrations: VideoMigrationQueue,
    ) -> None:
        self._names, self._config = names, config
        self._database, self._sessions = database, sessions
        self._api_url, self._video_migrations = api_url, video_migrations

    def of(self, spec: FunctionSpec) -> Environment:
        environment: Environment = {
            "STACK": self._names.stack,
            "POWERTOOLS_SERVICE_NAME": str(spec.id),
            "POWERTOOLS_METRICS_NAMESPACE": "Rendio",
            "POWERTOOLS_LOG_LEVEL": self._config.functions.log_level,
        }
        if spec.uses_database:
            environment |= self._database_of(spec.id)
        if spec.id in SWITCHED:
            environment["SWITCHES_STANDING"] = json.dumps(self._config.switches)
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
            case FunctionId.SUBMIT_VIDEO:
                return {
                    **self._generator(),
                    "IMAGES_BUCKET": images_bucket,
                    "IMAGE_MAX_BYTES": maximum,
                    "USER_STORAGE_ROLE_ARN": self._names.arn.role(self._names.user_storage_role),
                    "FAL_STORAGE_URL": self._config.generator.storage_url,
                    "FAL_RESULT_DAYS": str(self._config.generator.result_days),
                    "WEBHOOK_URL": self._api_url.apply(lambda url: f"{url}{WEBHOOK_PATH}"),
                }
            case FunctionId.VIEW_VIDEO:
                migration = self._config.video_migration
                return {
                    **self._generator(),
                    **self._video_migration_queue(),
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "USER_STORAGE_ROLE_ARN": self._names.arn.role(self._names.user_storage_role),
                    "VIDEO_URL_SECONDS": str(VIDEO_URL_SECONDS),
                    "FAL_RESULT_DAYS": str(self._config.generator.result_days),
                    "VIDEO_MIGRATION_MODE": migration.mode,
                    "VIDEO_MIGRATION_INLINE_SECONDS": str(migration.inline_seconds),
                    "VIDEO_MIGRATION_FUNCTION": self._names.function(FunctionId.MIGRATE_VIDEO),
                }
            case FunctionId.DELETE_VIDEO:
                return {
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "USER_VIDEO_REMOVER_ROLE_ARN": self._names.arn.role(self._names.user_video_remover_role),
                }
            case FunctionId.FAL_WEBHOOK:
                return {
                    **self._generator(),
                    **self._video_migration_queue(),
                    "FAL_JWKS_URL": self._config.generator.jwks_url,
                    "FAL_WEBHOOK_USER_ID": self._config.generator.webhook_user_id,
                    "FAL_RESULT_DAYS": str(self._config.generator.result_days),
                }
            case FunctionId.SWEEP_VIDEOS:
                return {
                    **self._generator(),
                    **self._video_migration_queue(),
                    **self._video_migration_seconds(),
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "FAL_RESULT_DAYS": str(self._config.generator.result_days),
                }
            case FunctionId.MIGRATE_VIDEO:
                return {
                    **self._video_migration_queue(),
                    **self._video_migration_seconds(),
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "VIDEO_ORIGINS": json.dumps(self._config.generator.video_origins),
                    "VIDEO_MAX_BYTES": str(self._config.storage.video_max_bytes),
                }
            case FunctionId.BACKFILL_VIDEOS:
                return self._video_migration_queue()
            case FunctionId.MAKE_THUMBNAIL:
                return {"VIDEOS_BUCKET": self._names.videos_bucket}
            case FunctionId.DELETE_ME:
                return {"ACCOUNT_REMOVAL_FUNCTION": self._names.function(FunctionId.CLEAN_IDENTITIES)}
            case FunctionId.CLEAN_VIDEOS:
                return {
                    **self._clean_up(),
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "VIDEO_DAYS": str(self._config.storage.video_days),
                }
            case FunctionId.CLEAN_IMAGES:
                return {
                    **self._clean_up(),
                    "IMAGES_BUCKET": images_bucket,
                    "IMAGE_DAYS": str(self._config.storage.image_days),
                    "REFUSED_IMAGE_DAYS": str(self._config.storage.refused_image_days),
                    "ANONYMOUS_HOURS": str(self._config.storage.anonymous_hours),
                }
            case FunctionId.CLEAN_IDENTITIES:
                return {
                    **self._clean_up(),
                    "IMAGES_BUCKET": images_bucket,
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "IDENTITY_DAYS": str(self._config.clean_up.identity_days),
                    "SESSION_LIFETIME_SECONDS": str(self._config.sessions.lifetime_hours * SECONDS_AN_HOUR),
                    "ACCOUNT_SETTLING_MINUTES": str(self._config.clean_up.account_settling_minutes),
                }
            case FunctionId.MONITOR_STORAGE:
                return {
                    "IMAGES_BUCKET": images_bucket,
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "STORAGE_BUDGET_BYTES": str(self._config.storage.budget_gb * BYTES_A_GB),
                }
            case FunctionId.REDRIVE_DEAD_LETTERS:
                return {**self._video_migration_queue(), "DEAD_LETTERS_URL": self._video_migrations.dlq_url}
            case FunctionId.RESTORE_VIDEOS:
                return {
                    "VIDEOS_BUCKET": self._names.videos_bucket,
                    "NONCURRENT_DAYS": str(self._config.storage.noncurrent_days),
                }
            case FunctionId.ASK_DATABASE:
                return {
                    "VIDEO_DAYS": str(self._config.storage.video_days),
                    "IMAGE_DAYS": str(self._config.storage.image_days),
                    "REFUSED_IMAGE_DAYS": str(self._config.storage.refused_image_days),
                    "IDENTITY_DAYS": str(self._config.clean_up.identity_days),
                    "CLEAN_UP_GRACE_HOURS": str(self._config.clean_up.grace_hours),
                    "NONCURRENT_DAYS": str(self._config.storage.noncurrent_days),
                }
            case FunctionId.DATABASE_ADMIN:
                return {"DATABASE_MASTER_SECRET_ARN": self._database.master_secret_arn}
            case FunctionId.PAGE_ON_CALL:
                return {"PAGER_SECRET": self._names.secret("pager")}
            case FunctionId.HEARTBEAT:
                return {
                    "PAGE_TOPIC_ARN": self._names.arn.topic(self._names.page_topic),
                    "NOTIFY_TOPIC_ARN": self._names.arn.topic(self._names.notify_topic),
                    "PAGE_DLQ": self._names.page_dlq,
                    "HEARTBEAT_SECRET": self._names.secret("heartbeat"),
                    **self._subscribers(),
                }
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

    def _subscribers(self) -> Environment:
        """How many each topic of infra/on_call.py has."""
        on_call = self._config.on_call
        return {
            "PAGE_SUBSCRIBERS": str(len(on_call.page_endpoints) + PAGERS),
            "NOTIFY_SUBSCRIBERS": str(len(on_call.notify_endpoints)),
        }

    def _clean_up(self) -> Environment:
        how = self._config.clean_up
        return {
            "CLEAN_UP_GRACE_HOURS": str(how.grace_hours),
            "CLEAN_UP_BATCH": str(how.batch),
            "CLEAN_UP_CAP": str(how.cap_a_run),
            "CLEAN_UP_DRY_RUN": str(how.dry_run).lower(),
        }

    def _generator(self) -> Environment:
        return {"FAL_QUEUE_URL": self._config.generator.queue_url, "FAL_SECRET": self._names.secret("fal")}

    def _video_migration_queue(self) -> Environment:
        return {"VIDEO_MIGRATION_QUEUE_URL": self._video_migrations.url}

    def _video_migration_seconds(self) -> Environment:
        migration = self._config.video_migration
        return {
            "VIDEO_MIGRATION_DOWNLOAD_SECONDS": str(migration.download_seconds),
            "VIDEO_MIGRATION_UPLOAD_SECONDS": str(migration.upload_seconds),
            "VIDEO_MIGRATION_TOTAL_SECONDS": str(migration.total_seconds),
            "VIDEO_MIGRATION_RETRY_SECONDS": str(migration.retry_seconds),
        }

    def _session_keys(self) -> pulumi.Output[str]:
        return pulumi.Output.all(**self._sessions.key_arns).apply(lambda arns: json.dumps(arns, sort_keys=True))
