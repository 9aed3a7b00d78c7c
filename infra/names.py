"""Every physical name and ARN, known before anything exists.

Policies are rendered from these, so that a preview shows them whole (docs/adr/0020-known-names.md).
What AWS generates (API, key, RDS resource id, secret suffix) is not here, and never enters a policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NewType

from infra.config import Config
from infra.function_ids import FunctionId as FunctionId

BucketName = NewType("BucketName", str)
FunctionName = NewType("FunctionName", str)
RoleName = NewType("RoleName", str)
QueueName = NewType("QueueName", str)
TopicName = NewType("TopicName", str)
SecretName = NewType("SecretName", str)
Login = NewType("Login", str)
Arn = NewType("Arn", str)

DATABASE_NAME = "rendio"


@dataclass(frozen=True)
class Arns:
    """ARNs of things with known names, in the stack's account and region."""

    region: str
    account: str

    def bucket(self, bucket: str) -> Arn:
        return Arn(f"arn:aws:s3:::{bucket}")

    def object(self, bucket: str, key: str) -> Arn:
        return Arn(f"arn:aws:s3:::{bucket}/{key}")

    def role(self, role: str) -> Arn:
        return Arn(f"arn:aws:iam::{self.account}:role/{role}")

    @property
    def account_root(self) -> Arn:
        return Arn(f"arn:aws:iam::{self.account}:root")

    def function(self, function: str) -> Arn:
        return self._regional("lambda", f"function:{function}")

    def log_group(self, log_group: str) -> Arn:
        return self._regional("logs", f"log-group:{log_group}")

    def queue(self, queue: str) -> Arn:
        return self._regional("sqs", queue)

    def topic(self, topic: str) -> Arn:
        return self._regional("sns", topic)

    def secret(self, name: str) -> Arn:
        """AWS adds a hyphen and six random characters to a secret's name; six `?` match exactly those."""
        return self._regional("secretsmanager", f"secret:{name}-??????")

    def schedule_group(self, group: str) -> Arn:
        return self._regional("scheduler", f"schedule-group/{group}")

    def schedule(self, group: str, schedule: str) -> Arn:
        return self._regional("scheduler", f"schedule/{group}/{schedule}")

    def alarm(self, alarm: str) -> Arn:
        return self._regional("cloudwatch", f"alarm:{alarm}")

    @property
    def any_key(self) -> Arn:
        """AWS makes up a key's id; a statement on keys says by their alias which are meant."""
        return self._regional("kms", "key/*")

    def database(self, identifier: str) -> Arn:
        return self._regional("rds", f"db:{identifier}")

    def database_login(self, login: str) -> Arn:
        """The resource id of the instance is generated, so `*`; logins carry the stack's name, so no other matches."""
        return self._regional("rds-db", f"dbuser:*/{login}")

    def _regional(self, service: str, resource: str) -> Arn:
        return Arn(f"arn:aws:{service}:{self.region}:{self.account}:{resource}")


@dataclass(frozen=True)
class Names:
    """The names of one stack, all under `rendio-{stack}`."""

    stack: str
    region: str
    account: str

    @classmethod
    def of(cls, config: Config) -> Names:
        return cls(stack=config.stack, region=config.region, account=config.account_id)

    @property
    def prefix(self) -> str:
        return f"rendio-{self.stack}"

    @property
    def arn(self) -> Arns:
        return Arns(region=self.region, account=self.account)

    @property
    def images_bucket(self) -> BucketName:
        return BucketName(f"{self.prefix}-images-{self.account}")

    @property
    def videos_bucket(self) -> BucketName:
        return BucketName(f"{self.prefix}-videos-{self.account}")

    def function(self, function: FunctionId | str) -> FunctionName:
        return FunctionName(f"{self.prefix}-{FunctionId(function).replace('_', '-')}")

    def function_role(self, function: FunctionId | str) -> RoleName:
        return RoleName(self.function(function))

    def function_logs(self, function: FunctionId | str) -> str:
        return f"/aws/lambda/{self.function(function)}"

    @property
    def api_logs(self) -> str:
        return f"/aws/http-api/{self.prefix}"

    def login(self, function: FunctionId | str) -> Login:
        """The Postgres role a function logs in as."""
        return Login(f"rendio_{self.stack}_{FunctionId(function)}")

    @property
    def user_storage_role(self) -> RoleName:
        return RoleName(f"{self.prefix}-user-storage")

    @property
    def user_image_writer_role(self) -> RoleName:
        return RoleName(f"{self.prefix}-user-image-writer")

    @property
    def user_video_remover_role(self) -> RoleName:
        return RoleName(f"{self.prefix}-user-video-remover")

    @property
    def on_call_role(self) -> RoleName:
        """What a person on call looks at a stack as."""
        return RoleName(f"{self.prefix}-on-call")

    @property
    def operator_role(self) -> RoleName:
        """What a person on call changes what a stack does as."""
        return RoleName(f"{self.prefix}-operator")

    @property
    def scheduler_role(self) -> RoleName:
        return RoleName(f"{self.prefix}-scheduler")

    @property
    def schedule_group(self) -> str:
        return self.prefix

    @property
    def database(self) -> str:
        """The identifier of the RDS instance."""
        return self.prefix

    def session_key_alias(self, key_id: str) -> str:
        return f"alias/{self.prefix}-session-{key_id}"

    def secret(self, what: str) -> SecretName:
        return SecretName(f"rendio/{self.stack}/{what}")

    @property
    def inspect_image_dlq(self) -> QueueName:
        return QueueName(f"{self.prefix}-inspect-image-dlq")

    @property
    def video_migration_queue(self) -> QueueName:
        return QueueName(f"{self.prefix}-video-migration")

    @property
    def video_migration_dlq(self) -> QueueName:
        return QueueName(f"{self.prefix}-video-migration-dlq")

    @property
    def make_thumbnail_dlq(self) -> QueueName:
        return QueueName(f"{self.prefix}-make-thumbnail-dlq")

    @property
    def schedules_dlq(self) -> QueueName:
        return QueueName(f"{self.prefix}-schedules-dlq")

    @property
    def page_dlq(self) -> QueueName:
        """Calls that the on-call service did not take."""
        return QueueName(f"{self.prefix}-page-dlq")

    @property
    def page_topic(self) -> TopicName:
        return TopicName(f"{self.prefix}-page")

    @property
    def notify_topic(self) -> TopicName:
        return TopicName(f"{self.prefix}-notify")

    def alarm(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    @property
    def dashboard(self) -> str:
        return self.prefix

    @property
    def tags(self) -> dict[str, str]:
        """On everything that takes tags. Never `auth_user_id`: on a role that would be a principal's tag."""
        return {"project": "rendioai", "stack": self.stack, "managed-by": "pulumi"}

    def context(self) -> dict[str, Any]:
        """What the templates of policies/ may use."""
        return {"names": self, "arn": self.arn, "account": self.account, "region": self.region, "stack": self.stack}
