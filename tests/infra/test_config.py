"""Wrong configurations are all found at once, offline, with key, value and fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest

from infra.config import Switch, parse_config
from infra.config_rules import DEBUG_PROVIDERS, is_loopback
from infra.errors import ConfigError
from infra.function_catalogue import CATALOGUE
from infra.names import FunctionId
from lambdas.runtime import switches
from tests.infra.resource_tree import STACKS, stack_config, stack_environment, stack_values

Change = Callable[[dict[str, str]], None]


def put(key: str, value: Any) -> Change:
    """Set `key`, where "rendio:network.cidr" is a key inside a block; None removes it."""
    outer, _, inner = key.partition(".")

    def change(values: dict[str, str]) -> None:
        if not inner:
            values[outer] = value if isinstance(value, str) else json.dumps(value)
            return
        block = json.loads(values.get(outer, "{}"))
        block[inner] = value
        if value is None:
            del block[inner]
        values[outer] = json.dumps(block)

    return change


def problems(stack: str, *changes: Change, environment: dict[str, str] | None = None) -> list[str]:
    """The problems' lines of the stack's committed file with `changes`."""
    values = stack_values(stack)
    for change in changes:
        change(values)
    with pytest.raises(ConfigError) as caught:
        parse_config(
            stack, values, environment={**stack_environment(stack), **({} if environment is None else environment)}
        )
    lines = str(caught.value).splitlines()
    assert lines[-1] == "Nothing was changed."
    return lines[1:-1]


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_files_are_right(stack: str) -> None:
    config = stack_config(stack)
    assert config.stack == stack
    assert config.region in config.network.zones[0]


WRONG: list[tuple[str, Change, str, str]] = [
    ("dev", put("rendio:netwrok", {"cidr": "10.0.0.0/20"}), "netwrok", "Did you mean network?"),
    ("dev", put("rendio:database.multi_azz", True), "database.multi_azz", "Did you mean multi_az?"),
    ("dev", put("rendio:stack", "prod"), "stack", "is no key of this program"),
    ("dev", put("aws:regoin", "us-east-1"), "aws.regoin", "Did you mean region?"),
    ("dev", put("rendio:network.cidr", None), "network.cidr = (missing)", "is required"),
    ("dev", put("rendio:database.storage_gb", "20"), "database.storage_gb = 20", "without quotes"),
    ("dev", put("rendio:database.multi_az", "false"), "database.multi_az = false", "true or false, without quotes"),
    ("dev", put("rendio:database.engine_version", 18), "database.engine_version = 18", "in quotes"),
    ("dev", put("rendio:database.engine_version", "12"), "database.engine_version", "Postgres version"),
    ("dev", put("rendio:database.backup_days", 36), "database.backup_days = 36", "35 or less"),
    ("dev", put("rendio:database.max_connections", 49), "database.max_connections = 49", "50 or more"),
    ("dev", put("rendio:database.instance_class", "t4g.micro"), "database.instance_class", "RDS instance class"),
    ("dev", put("rendio:database.sslmode", "disable"), "database.sslmode", "verify-full"),
    ("dev", put("rendio:database.sslmode", "prefer"), "database.sslmode", "must be one of"),
    ("dev", put("rendio:storage.noncurrent_days", 0), "storage.noncurrent_days = 0", "1 or more"),
    ("dev", put("rendio:storage", "everything"), "storage = everything", "block of keys"),
    ("dev", put("rendio:network.cidr", "10.20.0.0/28"), "network.cidr", "between /16 and /22"),
    ("dev", put("rendio:network.cidr", "10.20.0.1/20"), "network.cidr", "no bits set after the prefix"),
    ("dev", put("rendio:network.cidr", "8.8.0.0/20"), "network.cidr", "10.0.0.0/8"),
    ("dev", put("rendio:network.zones", ["us-east-1a"]), "network.zones", "2 entries or more"),
    ("dev", put("rendio:network.zones", ["us-east-1a", "us-east-1a"]), "network.zones", "each zone once"),
    ("dev", put("rendio:network.zones", ["us-east-1a", "us-west-2a"]), "network.zones = us-west-2a", "of us-east-1"),
    ("prod", put("rendio:network.nat_gateways", 2), "network.nat_gateways = 2", "one for each of the 3 zones"),
    ("dev", put("aws:region", "us-esat-1"), "aws.region = us-esat-1", "Did you mean us-east-1?"),
    ("dev", put("rendio:account_id", "1234"), "account_id = 1234", "12 digits"),
    ("dev", put("rendio:account_id", "000000000000"), "account_id", "local cloud's account"),
    ("dev", put("aws:allowedAccountIds", ["333333333333"]), "aws.allowedAccountIds", "exactly account_id"),
    ("dev", put("aws:allowedAccountIds", ["arn:aws:iam::1:root"]), "aws.allowedAccountIds", "12-digit"),
    ("dev", put("aws:accessKey", "AKIAEXAMPLE"), "aws.accessKey = ***", "profile or SSO"),
    ("dev", put("rendio:sessions.signing_key", "2027a"), "sessions.signing_key = 2027a", "one of sessions.keys"),
    ("dev", put("rendio:sessions.keys", []), "sessions.keys = []", "1 entries or more"),
    ("dev", put("rendio:sessions.keys", ["2026A"]), "sessions.keys = 2026A", "lower-case"),
    ("dev", put("rendio:sessions.lifetime_hours", 0), "sessions.lifetime_hours = 0", "1 or more"),
    ("dev", put("rendio:sessions.issuer", "http://issuer.example"), "sessions.issuer", "https"),
    ("dev", put("rendio:sessions.issuer", "https://issuer.example/"), "sessions.issuer", "no slash"),
    ("dev", put("rendio:device_check.apple_url", "http://127.0.0.1:1"), "device_check.apple_url", "https"),
    ("dev", put("rendio:device_check.apple_url", "https://apple.example"), "device_check.apple_url", "devicecheck"),
    ("dev", put("rendio:device_check.team_id", "team"), "device_check.team_id = team", "10 letters and digits"),
    ("dev", put("rendio:functions.runtime", "python2.7"), "functions.runtime", "python3.11"),
    ("dev", put("rendio:functions.architecture", "x86_64"), "functions.wheels", "platform of functions.architecture"),
    ("dev", put("rendio:functions.wheels", "aarch64-apple-darwin"), "functions.wheels", "Amazon Linux"),
    ("dev", put("rendio:functions.log_days", 8), "functions.log_days = 8", "must be one of"),
    ("dev", put("rendio:functions.reserved_concurrency", 30), "functions.reserved_concurrency = 30", "29 or less"),
    ("dev", put("rendio:functions.reserved_concurrency", 9), "functions.reserved_concurrency = 9", "10 or more"),
    ("dev", put("rendio:functions.concurrency_quota", 9), "functions.concurrency_quota = 9", "10 or more"),
    ("dev", put("rendio:rollout.image_uploads", "open"), "rollout.image_uploads = open", "compatible"),
    ("dev", put("rendio:on_call.page_endpoints", ["https://page.example/k"]), "on_call.page_endpoints", "e-mail"),
    ("dev", put("rendio:on_call.readers", ["ada"]), "on_call.readers", "ARNs"),
    ("dev", put("rendio:on_call.readers", []), "on_call.readers", ""),
    ("prod", put("rendio:on_call.notify_endpoints", []), "on_call.notify_endpoints = []", "one at least"),
    ("prod", put("rendio:storage.force_destroy", True), "storage.force_destroy", "must be false"),
    ("prod", put("rendio:database.final_snapshot", False), "database.final_snapshot", "must be true"),
    ("prod", put("rendio:database.deletion_protection", False), "database.deletion_protection", "must be true"),
    ("prod", put("rendio:database.multi_az", False), "database.multi_az", "must be true"),
    ("prod", put("rendio:database.backup_days", 1), "database.backup_days = 1", "7 or more"),
    ("prod", put("rendio:secrets.recovery_days", 0), "secrets.recovery_days = 0", "7 or more"),
    (
        "prod",
        put("rendio:device_check.apple_url", "https://api.development.devicecheck.apple.com"),
        "device_check.apple_url",
        "api.devicecheck.apple.com",
    ),
    ("local", put("rendio:account_id", "111111111111"), "account_id", "000000000000"),
    ("local", put("aws:endpoints", [{"s3": "https://s3.amazonaws.com"}]), "aws.endpoints", "on loopback"),
    ("local", put("rendio:device_check.apple_url", "http://apple.example"), "device_check.apple_url", "https"),
]


@pytest.mark.parametrize(
    ("stack", "change", "key", "fix"), WRONG, ids=[f"{wrong[0]}-{wrong[2]}-{wrong[3]}" for wrong in WRONG]
)
def test_a_wrong_value_is_named_with_its_fix(stack: str, change: Change, key: str, fix: str) -> None:
    found = problems(stack, change)
    assert any(line.strip().startswith(key) and fix in line for line in found), found
    assert len(found) <= 2, found


def test_every_mistake_of_a_run_is_reported_at_once() -> None:
    changes = [change for stack, change, _, _ in WRONG if stack == "prod"]
    found = problems("prod", *changes, put("aws:region", "us-esat-1"), put("rendio:databse", {}))
    assert len(found) == len(changes) + 2


def test_a_stack_that_pages_says_who_is_notified() -> None:
    """SNS takes an alarm for a topic without subscribers, and nothing tells that nobody got it."""
    (found,) = problems("prod", put("rendio:on_call.notify_endpoints", None))
    assert found.split()[0] == "on_call.notify_endpoints"
    assert stack_config("prod").on_call.notify_endpoints
    assert not stack_config("dev").on_call.notify_endpoints


def test_a_secret_value_is_never_shown() -> None:
    values = {**stack_values("dev"), "rendio:netwrok": "hunter2", "aws:secretKey": "wJalrXUtnFEMI"}
    with pytest.raises(ConfigError) as caught:
        parse_config("dev", values, environment={}, secret_keys={"rendio:netwrok"})
    assert "***" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "wJalrXUtnFEMI" not in str(caught.value)


def test_an_unknown_stack_is_refused() -> None:
    with pytest.raises(ConfigError, match="staging"):
        parse_config("staging", stack_values("dev"), environment={})


class TestLocalAndCloudNeverCross:
    def test_the_local_stack_does_not_run_on_the_real_provider(self) -> None:
        with pytest.raises(ConfigError, match=DEBUG_PROVIDERS):
            parse_config("local", stack_values("local"), environment={})
        assert stack_config("local").stack == "local"  # with the stand-in attached it does

    @pytest.mark.parametrize("stack", ["dev", "prod"])
    def test_a_stack_on_aws_does_not_run_on_the_stand_in(self, stack: str) -> None:
        found = problems(stack, environment={DEBUG_PROVIDERS: "aws:4000"})
        assert any(line.strip().startswith(DEBUG_PROVIDERS) for line in found)
        assert stack_config(stack).stack == stack  # without it, it does

    @pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SECRETS_MANAGER"])
    def test_a_stack_on_aws_does_not_run_under_another_endpoint(self, name: str) -> None:
        found = problems("prod", environment={name: "http://127.0.0.1:4566"})
        assert [line.split()[0] for line in found] == [name]

    def test_a_stack_on_aws_takes_no_endpoints(self) -> None:
        assert problems("prod", put("aws:endpoints", [{"s3": "http://127.0.0.1:4566"}]))

    def test_the_local_stack_takes_endpoints_on_loopback_alone(self) -> None:
        values = stack_values("local")
        del values["aws:endpoints"]
        with pytest.raises(ConfigError, match=r"aws\.endpoints"):
            parse_config("local", values, environment=stack_environment("local"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "https://localhost", "http://[::1]:1", "http://127.9.9.9"])
def test_loopback_is_loopback(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://user@127.0.0.1",
        "http://localhost.example.com",
        "http://0.0.0.0",
        "http://169.254.169.254",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "127.0.0.1",
        "http://[::1",
        "",
        None,
    ],
)
def test_what_only_looks_like_loopback_is_not(url: object) -> None:
    assert not is_loopback(url)


def test_the_configuration_throws_the_switches_that_the_functions_know() -> None:
    assert set(get_args(Switch)) == set(switches.Switch)


class TestReservedConcurrency:
    """Lambda keeps 100 of the account's quota for whoever reserves none, and refuses who takes of them."""

    @staticmethod
    def found(*changes: Change) -> list[str]:
        values = stack_values("prod")
        for change in changes:
            change(values)
        try:
            parse_config("prod", values, environment={})
        except ConfigError as error:
            return str(error).splitlines()[1:-1]
        return []

    @pytest.mark.parametrize(("reserved", "quota"), [(29, None), (10, 410), (30, 1030), (None, 10)])
    def test_what_the_quota_holds_is_taken(self, reserved: int | None, quota: int | None) -> None:
        wanted = {"reserved_concurrency": reserved, "concurrency_quota": quota}
        assert not self.found(*(put(f"rendio:functions.{key}", value) for key, value in wanted.items() if value))

    @pytest.mark.parametrize(
        ("reserved", "quota", "fix"),
        [(30, None, "29 or less: 31 functions"), (10, 409, "functions.concurrency_quota"), (10, 10, "must be removed")],
    )
    def test_more_is_refused_before_the_first_function_is_made(
        self, reserved: int, quota: int | None, fix: str
    ) -> None:
        changes = [put("rendio:functions.reserved_concurrency", reserved)]
        changes += [put("rendio:functions.concurrency_quota", quota)] if quota else []
        assert any(fix in line for line in self.found(*changes)), self.found(*changes)

    def test_a_function_that_is_gone_needs_none(self) -> None:
        changes = [put("rendio:rollout.image_uploads", "removed"), put("rendio:functions.reserved_concurrency", 30)]
        assert not self.found(*changes)

    def test_the_worker_gets_what_its_queue_may_ask_of_it(self) -> None:
        """A message that finds it throttled counts as received; five times is a dead letter."""
        changes = [put("rendio:functions.reserved_concurrency", 12), put("rendio:video_migration.concurrency", 13)]
        assert any("13 or more: video_migration.concurrency" in line for line in self.found(*changes))
        assert not self.found(*changes, put("rendio:video_migration.concurrency", 12))

    def test_functions_are_counted_as_they_are_made(self) -> None:
        assert {spec.id for spec in CATALOGUE} == set(FunctionId)
