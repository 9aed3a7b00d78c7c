"""A stack's configuration: read once, checked whole, before anything is touched.

The only reader of Pulumi's configuration and of the environment. Everything else gets a `Config`.
The rules one value cannot know are in `config_rules.py`.
"""

# ruff: noqa: N815  the `aws:` keys are spelt as the provider spells them
from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime import config as pulumi_config
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from infra.config_problems import mask, problems_of, unknown_key
from infra.config_rules import CONCURRENCY_QUOTA, MIGRATIONS_AT_ONCE, StackRules
from infra.errors import ConfigError, Problem

NAMESPACE = "rendio"
SECRET_KEYS = frozenset({"aws:secretKey", "aws:accessKey"})

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
# Who may take on a role of people, by ARN; `*` for what IAM Identity Center makes up.
PersonArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::\d{12}:(root|user/[^\s*]+|role/\S{3,})$")]
EmailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s:/]+@[^@\s:/]+\.[^@\s:/]+$")]
ImageUploads = Literal["compatible", "enforced", "removed"]
# Switched off for good, until the next deployment says otherwise; `make switch` throws the same at once.
Switch = Literal["stop_submits", "pause_video_migration", "pause_clean_ups"]
LogDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096]


def _network_of(value: object) -> object:
    return ipaddress.IPv4Network(value) if isinstance(value, str) else value


class Section(BaseModel):
    """One block of the stack's file. Unknown keys are errors: a misspelt protection would protect nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class Network(Section):
    """The VPC. A NAT gateway costs some 33 dollars a month; one for each zone survives the loss of a zone."""

    cidr: Annotated[ipaddress.IPv4Network, BeforeValidator(_network_of)]
    zones: list[str] = Field(min_length=2, max_length=3)
    nat_gateways: int = Field(ge=1, le=3)


class Database(Section):
    """The Postgres instance. `sslmode: disable` is for a loopback database alone.

    RDS's own `max_connections` is some 110 for each GiB of memory, 5,000 at most; more takes memory from all else.
    """

    engine_version: str = Field(pattern=r"^1[678](\.\d+)?$")
    instance_class: str = Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")
    storage_gb: int = Field(ge=20, le=65536)
    multi_az: bool
    deletion_protection: bool
    final_snapshot: bool = True
    backup_days: int = Field(ge=0, le=35)
    max_connections: int = Field(default=100, ge=50, le=5000)
    sslmode: Literal["verify-full", "disable"] = "verify-full"


class Storage(Section):
    """The two buckets, and for how long what lies there is kept.

    Days count from when a video was finished, an image was made or refused; `noncurrent_days` is for how long what was
    deleted can still be restored, and weighs. `budget_gb` (of 1000^3 bytes) is what alarms about storage go by.
    `force_destroy` deletes users' objects together with a bucket: never in production.
    """

    image_max_bytes: int = Field(default=15 * 1024 * 1024, ge=1024, le=50 * 1024 * 1024)
    video_max_bytes: int = Field(default=500 * 1024 * 1024, ge=1024, le=500 * 1024 * 1024)
    incoming_hours: int = Field(default=24, ge=1, le=168)
    anonymous_hours: int = Field(default=24, ge=1, le=168)
    video_days: int = Field(default=90, ge=1, le=3650)
    image_days: int = Field(default=90, ge=1, le=3650)
    refused_image_days: int = Field(default=30, ge=1, le=3650)
    noncurrent_days: int = Field(ge=1, le=90)
    budget_gb: int = Field(default=1, ge=1, le=1_000_000)
    force_destroy: bool = False


class Sessions(Section):
    """Session tokens. `keys` are all that verify; `signing_key` is the one of them that signs."""

    lifetime_hours: int = Field(default=24, ge=1, le=168)
    keys: list[KeyId] = Field(min_length=1, max_length=3)
    signing_key: str
    issuer: str | None = None


class DeviceCheck(Section):
    """Apple's DeviceCheck and what a new device is given."""

    apple_url: str
    team_id: str = Field(pattern=r"^[A-Z0-9]{10}$")
    free_credits: int = Field(default=10, ge=0, le=1000)


class Generator(Section):
    """fal.ai: where it is asked, who we are there, where its videos may come from.

    `video_origins` are exact: a video of any other origin is not fetched. `result_days` is asked for at submit: it
    outlasts the retries of a video migration and the days in which somebody looks after a failed one.
    """

    queue_url: str
    storage_url: str
    jwks_url: str
    webhook_user_id: str = Field(pattern=r"^[A-Za-z0-9|_.-]{3,64}$")
    video_origins: list[str] = Field(min_length=1, max_length=8)
    result_days: int = Field(default=7, ge=2, le=90)


class VideoMigration(Section):
    """The copy of a finished video into own storage (plan M6, M7). Seconds are of the plan.

    `inline` asks the worker within the status call and waits for it at most `inline_seconds`; `queued` never waits.
    `concurrency` bounds the copies under way at once.
    """

    mode: Literal["queued", "inline"] = "queued"
    inline_seconds: int = Field(default=5, ge=1, le=15)
    download_seconds: int = Field(default=15, ge=1, le=60)
    upload_seconds: int = Field(default=15, ge=1, le=60)
    total_seconds: int = Field(default=30, ge=2, le=100)
    retry_seconds: int = Field(default=30, ge=1, le=300)
    concurrency: int = Field(default=MIGRATIONS_AT_ONCE, ge=2, le=1000)


class CleanUp(Section):
    """The clean-ups (plan M11, M13). A run takes at most `cap_a_run`, `batch` at a time, the oldest first.

    Nothing goes before its retention and `grace_hours` are over. `dry_run` says what would go.
    `account_settling_minutes`: for so long after an account was closed, what had begun before may still store objects
    (a signed upload form, a copy under way, a session of the user's storage); then it is looked through once more and
    its identity goes.
    """

    identity_days: int = Field(default=90, ge=8, le=3650)
    grace_hours: int = Field(default=24, ge=1, le=720)
    batch: int = Field(default=500, ge=1, le=500)
    cap_a_run: int = Field(default=20_000, ge=1, le=1_000_000)
    account_settling_minutes: int = Field(default=60, ge=0, le=1440)
    dry_run: bool = False


class Functions(Section):
    """What every Lambda function runs on. `wheels` is the platform uv installs third-party wheels for.

    `concurrency_quota` is what AWS allows the account; `reserved_concurrency` is what each function gets of it.
    """

    runtime: str = Field(pattern=r"^python3\.1[1-4]$")
    architecture: Literal["x86_64", "arm64"]
    wheels: str = Field(pattern=r"^(x86_64|aarch64)-(manylinux2014|manylinux_2_\d\d|unknown-linux-gnu|apple-darwin)$")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_days: LogDays = 30
    concurrency_quota: int = Field(default=CONCURRENCY_QUOTA, ge=10)
    reserved_concurrency: int | None = Field(default=None, ge=1, le=1000)


class Rollout(Section):
    """The phase of the move to authenticated uploads (plan M4)."""

    image_uploads: ImageUploads


class Secrets(Section):
    """Days in which a deleted secret can still be restored; 0 deletes at once."""

    recovery_days: int = Field(default=30, ge=0, le=30)


class OnCall(Section):
    """Who is on call, which e-mail addresses alarms reach, and where people read runbooks.

    `readers` look at the stack, `operators` change what it does by switches and the like. A pager's URL is a
    capability: it lives in Secrets Manager, not here. `users_a_day` (new ones) and `videos_a_day` are the traffic
    that is usual; what is many times that is told.
    """

    runbooks_url: str = Field(pattern=r"^https://[^\s?#]+[^/\s?#]$")
    readers: list[PersonArn] = Field(min_length=1)
    operators: list[PersonArn] = Field(min_length=1)
    page_endpoints: list[EmailAddress] = Field(default_factory=list)
    notify_endpoints: list[EmailAddress] = Field(default_factory=list)
    users_a_day: int = Field(default=1000, ge=10)
    videos_a_day: int = Field(default=3000, ge=10)


class Aws(Section):
    """The `aws:` keys of a stack's file: the provider reads them, this program checks them."""

    region: str
    allowedAccountIds: list[AccountId] = Field(default_factory=list)
    endpoints: list[dict[str, str]] = Field(default_factory=list)
    accessKey: str | None = None
    secretKey: str | None = Field(default=None, repr=False)
    profile: str | None = None
    s3UsePathStyle: bool = False
    skipCredentialsValidation: bool = False
    skipMetadataApiCheck: bool = False
    skipRegionValidation: bool = False
    skipRequestingAccountId: bool = False


class Config(Section):
    """A whole stack. Account, region and zones are given, so that previews need no credentials."""

    stack: Literal["local", "dev", "prod"]
    aws: Aws
    account_id: AccountId
    network: Network
    database: Database
    storage: Storage
    sessions: Sessions
    device_check: DeviceCheck
    generator: Generator
    video_migration: VideoMigration = Field(default_factory=VideoMigration)
    clean_up: CleanUp = Field(default_factory=CleanUp)
    functions: Functions
    rollout: Rollout
    switches: list[Switch] = Field(default_factory=list)
    on_call: OnCall
    secrets: Secrets = Field(default_factory=Secrets)

    @property
    def region(self) -> str:
        return self.aws.region


def load_config() -> Config:
    """Read the configuration of the stack that the engine runs.

    Raises:
        ConfigError: with every mistake; nothing was touched.
    """
    values = pulumi_config.CONFIG.get() or pulumi_config.get_config_env()
    secret = {key for key in values if pulumi_config.is_config_secret(key)}
    return parse_config(pulumi.get_stack(), values, secret_keys=secret, environment=os.environ)


def parse_config(
    stack: str,
    values: Mapping[str, str],
    *,
    environment: Mapping[str, str],
    secret_keys: set[str] | frozenset[str] = frozenset(),
) -> Config:
    """Check `values`, as the engine hands them over: "namespace:key" to a string, JSON for anything structured.

    Raises:
        ConfigError: with every mistake of this run, secrets shown as ***.
    """
    hidden = SECRET_KEYS | set(secret_keys)
    problems: list[Problem] = []
    document: dict[str, Any] = {"stack": stack, "aws": {}}
    for key, text in values.items():
        namespace, _, name = key.partition(":")
        if namespace not in (NAMESPACE, "aws"):
            continue
        known = Aws.model_fields if namespace == "aws" else Config.model_fields
        if name not in known or (namespace == NAMESPACE and name in ("stack", "aws")):
            known_names = set(known) - {"stack", "aws"}
            problems.append(unknown_key(_written(namespace, name), mask(key, text, hidden), name, known_names))
            continue
        target = document["aws"] if namespace == "aws" else document
        target[name] = _plain(text, known[name].annotation)
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        problems += problems_of(error, Config, hidden)
        config = None
    rules = StackRules(stack, document, environment, hidden)
    broken = {problem.key for problem in problems}
    problems += [problem for problem in rules.problems() if problem.key not in broken]
    if problems or config is None:
        raise ConfigError(f"Pulumi.{stack}.yaml", problems)
    return config


def _written(namespace: str, name: str) -> str:
    """A key as the reader knows it: `aws.region`, and `network.cidr` without the project's own namespace."""
    return f"aws.{name}" if namespace == "aws" else name


def _plain(text: object, annotation: object) -> object:
    """Undo the engine's flattening: it hands every value over as a string, structures and booleans as JSON."""
    if not isinstance(text, str) or annotation in (str, AccountId, str | None) or re.fullmatch(r"\d{12}", text):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
