"""Rules between values: of one stack, of one region, and the wall between the local stack and AWS.

They work on the unparsed document, so that one mistyped value does not hide the other mistakes.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.loaders import Loader

from infra.config_problems import did_you_mean, mask
from infra.errors import Problem
from infra.function_ids import FunctionId

# A session of a user's storage lasts an hour (lambdas/runtime/user_storage.py): nothing signed in it lasts longer.
SETTLING_MINUTES = 60
# Lambda's quota of an account (Service Quotas, L-B99A9384), and how much of it nobody can reserve
# (Lambda API Reference, PutFunctionConcurrency).
CONCURRENCY_QUOTA = 1000
UNRESERVED = 100
MIGRATIONS_AT_ONCE = 10
STACKS = ("local", "dev", "prod")
LOCAL_ACCOUNT = "000000000000"
APPLE_PRODUCTION_HOST = "api.devicecheck.apple.com"
APPLE_HOSTS = frozenset({APPLE_PRODUCTION_HOST, "api.development.devicecheck.apple.com"})
DEBUG_PROVIDERS = "PULUMI_DEBUG_PROVIDERS"
_ORIGIN = re.compile(r"https://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_MIGRATION_SECONDS = ("download_seconds", "upload_seconds", "total_seconds")
_ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}
_PRIVATE_RANGES = tuple(ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


class StackRules:
    """What must hold between the values of `document` on stack `stack`, in the environment of this process."""

    def __init__(
        self, stack: str, document: Mapping[str, Any], environment: Mapping[str, str], hidden: Collection[str]
    ) -> None:
        self._stack = stack
        self._document = document
        self._environment = environment
        self._hidden = hidden

    def problems(self) -> Iterator[Problem]:
        yield from self._stack_name()
        yield from self._local_and_cloud()
        yield from self._place()
        yield from self._network()
        yield from self._sessions()
        yield from self._functions()
        yield from self._reserved_concurrency()
        yield from self._plain_text()
        yield from self._generator()
        yield from self._video_migration()
        yield from self._clean_up()
        if self._stack == "prod":
            yield from self._production()

    def _stack_name(self) -> Iterator[Problem]:
        if self._stack not in STACKS:
            yield Problem("stack", self._stack, f"is no stack of this program: {', '.join(STACKS)}")

    def _local_and_cloud(self) -> Iterator[Problem]:
        """`endpoints` and an attached provider belong together, and to the local stack alone."""
        attached = bool(self._environment.get(DEBUG_PROVIDERS))
        endpoints = self._endpoints()
        account = self._value("account_id")
        if self._stack == "local" and not endpoints:
            yield self._problem(
                "aws.endpoints", "the local stack needs the endpoints of the local cloud; use `make up`"
            )
        if self._stack != "local" and endpoints:
            yield self._problem("aws.endpoints", f"belongs to the local stack; {self._stack} is on AWS. Remove it")
        if endpoints and not attached:
            fix = "is set, so this is the local stack, but no local provider is attached. Use `./rendio pulumi`"
            yield Problem(DEBUG_PROVIDERS, "(unset)", f"aws.endpoints {fix}")
        if attached and not endpoints:
            fix = f"a stand-in for the AWS provider is attached; unset it to run stack {self._stack}"
            yield Problem(DEBUG_PROVIDERS, self._environment[DEBUG_PROVIDERS], fix)
        for url in endpoints:
            if not is_loopback(url):
                yield Problem("aws.endpoints", url, "must be on loopback: endpoints are for the local cloud alone")
        if endpoints and account not in (None, LOCAL_ACCOUNT):
            yield self._problem("account_id", f"must be {LOCAL_ACCOUNT} where aws.endpoints is set")
        if not endpoints:
            yield from self._cloud_alone(account)

    def _cloud_alone(self, account: object) -> Iterator[Problem]:
        for name in sorted(self._environment):
            if name.startswith("AWS_ENDPOINT_URL"):
                fix = f"sends AWS calls elsewhere; unset it to run stack {self._stack}"
                yield Problem(name, self._environment[name], fix)
        if self._stack == "local":
            return
        if account == LOCAL_ACCOUNT:
            yield self._problem("account_id", "is the local cloud's account; give the AWS account of this stack")
        if self._value("aws", "allowedAccountIds") != [account]:
            fix = "must be a list of exactly account_id, so that no other account's credentials are used"
            yield self._problem("aws.allowedAccountIds", fix)
        for name in ("accessKey", "secretKey"):
            if self._value("aws", name) is not None:
                yield self._problem(f"aws.{name}", "must not be in a stack's file; sign in with a profile or SSO")

    def _place(self) -> Iterator[Problem]:
        region, zones = self._value("aws", "region"), self._value("network", "zones")
        regions = aws_regions()
        if isinstance(region, str) and region not in regions:
            yield self._problem("aws.region", f"is no AWS region.{did_you_mean(region, regions)}")
            return
        if not isinstance(region, str) or not isinstance(zones, list):
            return
        for zone in zones:
            if not isinstance(zone, str) or not (zone[:-1] == region and zone[-1:].islower()):
                yield Problem("network.zones", str(zone), f"must be a zone of {region}, such as {region}a")
        if len(set(map(str, zones))) != len(zones):
            yield self._problem("network.zones", "must name each zone once")

    def _network(self) -> Iterator[Problem]:
        zones, gateways = self._value("network", "zones"), self._value("network", "nat_gateways")
        if isinstance(zones, list) and isinstance(gateways, int) and 1 < gateways != len(zones):
            yield self._problem("network.nat_gateways", f"must be 1, or one for each of the {len(zones)} zones")
        try:
            cidr = ipaddress.IPv4Network(str(self._value("network", "cidr")))
        except ValueError:
            return
        if not 16 <= cidr.prefixlen <= 22:
            fix = "must be between /16 and /22: the functions' network interfaces need addresses in every zone"
            yield self._problem("network.cidr", fix)
        elif not any(cidr.subnet_of(private) for private in _PRIVATE_RANGES):
            yield self._problem("network.cidr", "must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")

    def _sessions(self) -> Iterator[Problem]:
        keys, signing = self._value("sessions", "keys"), self._value("sessions", "signing_key")
        if isinstance(keys, list) and isinstance(signing, str) and signing not in keys:
            known = ", ".join(map(str, keys))
            yield self._problem("sessions.signing_key", f"must be one of sessions.keys ({known}), or no token verifies")
        if isinstance(keys, list) and len(set(map(str, keys))) != len(keys):
            yield self._problem("sessions.keys", "must name each key once")
        issuer = self._value("sessions", "issuer")
        if isinstance(issuer, str) and (issuer.endswith("/") or urlsplit(issuer).query):
            yield self._problem(
                "sessions.issuer", "must have no slash at its end and no query: `iss` is compared exactly"
            )

    def _functions(self) -> Iterator[Problem]:
        architecture, wheels = self._value("functions", "architecture"), self._value("functions", "wheels")
        if not isinstance(wheels, str) or architecture not in _ARCHITECTURES:
            return
        if not wheels.startswith(f"{_ARCHITECTURES[architecture]}-"):
            yield self._problem("functions.wheels", f"must be a platform of functions.architecture ({architecture})")
        elif "manylinux" not in wheels and self._stack != "local":
            yield self._problem("functions.wheels", "must be a manylinux platform: Lambda runs Amazon Linux")

    def _reserved_concurrency(self) -> Iterator[Problem]:
        """Every function reserves the same. AWS would refuse the first that is too many half-way through an `up`."""
        key, reserved = "functions.reserved_concurrency", self._value("functions", "reserved_concurrency")
        quota = self._value("functions", "concurrency_quota") or CONCURRENCY_QUOTA
        copies = self._value("video_migration", "concurrency") or MIGRATIONS_AT_ONCE
        if not all(isinstance(number, int) for number in (reserved, quota, copies)):
            return
        functions = len(FunctionId) - (self._value("rollout", "image_uploads") == "removed")
        most = (quota - UNRESERVED) // functions
        if reserved > most:
            fix = f"must be {most} or less" if most > 0 else "must be removed"
            left = f"{functions} functions share functions.concurrency_quota ({quota}) less {UNRESERVED} that AWS keeps"
            yield self._problem(key, f"{fix}: {left}")
        if reserved < copies:
            why = "a video that finds the worker throttled five times is a dead letter"
            yield self._problem(key, f"must be {copies} or more: video_migration.concurrency is; {why}")

    def _plain_text(self) -> Iterator[Problem]:
        """Nothing travels unencrypted but on loopback, and only the local stack has a loopback."""
        generator = (("generator", name) for name in ("queue_url", "storage_url", "jwks_url"))
        for path in (("device_check", "apple_url"), ("sessions", "issuer"), *generator):
            url = self._value(*path)
            if url is None or (self._stack == "local" and is_loopback(url)):
                continue
            if not isinstance(url, str) or urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
                yield self._problem(".".join(path), "must be an https URL; http is for the local stack on loopback")
        apple = self._value("device_check", "apple_url")
        if self._stack != "local" and isinstance(apple, str) and apple.startswith("https:"):
            host = urlsplit(apple).hostname
            if host is not None and host not in APPLE_HOSTS:
                yield self._problem("device_check.apple_url", f"must be on {' or '.join(sorted(APPLE_HOSTS))}")
        if self._value("database", "sslmode") == "disable" and self._stack != "local":
            yield self._problem("database.sslmode", "must be verify-full: only a loopback database goes without TLS")

    def _generator(self) -> Iterator[Problem]:
        """Whatever an origin of the list names is fetched: so it is one host, by https, and loopback only here."""
        origins = self._value("generator", "video_origins")
        for origin in origins if isinstance(origins, list) else []:
            if self._stack == "local" and is_loopback(origin) and urlsplit(origin).path == "":
                continue
            if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin):
                fix = "must be exact origins such as https://v3.fal.media: no port, path or wildcard"
                yield Problem("generator.video_origins", str(origin), fix)

    def _video_migration(self) -> Iterator[Problem]:
        seconds = [self._value("video_migration", name) for name in _MIGRATION_SECONDS]
        if all(isinstance(each, int) for each in seconds) and not max(seconds[:2]) <= seconds[2] <= sum(seconds[:2]):
            fix = "must be between the longer of download_seconds and upload_seconds and their sum"
            yield self._problem("video_migration.total_seconds", fix)

    def _clean_up(self) -> Iterator[Problem]:
        minutes = self._value("clean_up", "account_settling_minutes")
        if isinstance(minutes, int) and minutes < SETTLING_MINUTES and self._stack != "local":
            fix = f"must be {SETTLING_MINUTES} or more: so long a session may still store objects of a closed account"
            yield self._problem("clean_up.account_settling_minutes", fix)

    def _production(self) -> Iterator[Problem]:
        if self._value("storage", "force_destroy") is True:
            yield self._problem("storage.force_destroy", "must be false: users' videos would go with the bucket")
        if self._value("database", "deletion_protection") is False:
            yield self._problem("database.deletion_protection", "must be true: the database holds users and credits")
        if self._value("database", "final_snapshot") is False:
            yield self._problem("database.final_snapshot", "must be true: it is what is left when the database goes")
        if self._value("database", "multi_az") is False:
            yield self._problem("database.multi_az", "must be true: users do not wait for a zone to come back")
        backup_days = self._value("database", "backup_days")
        if isinstance(backup_days, int) and backup_days < 7:
            yield self._problem("database.backup_days", "must be 7 or more")
        recovery_days = self._value("secrets", "recovery_days")
        if isinstance(recovery_days, int) and recovery_days < 7:
            yield self._problem("secrets.recovery_days", "must be 7 or more: vendors' keys are not in any backup")
        if not self._value("on_call", "notify_endpoints"):
            fix = "must name one at least: SNS takes an alarm for a topic that nobody subscribed, and drops it"
            yield self._problem("on_call.notify_endpoints", fix)
        apple = self._value("device_check", "apple_url")
        if isinstance(apple, str) and urlsplit(apple).hostname == "api.development.devicecheck.apple.com":
            yield self._problem("device_check.apple_url", f"must be on {APPLE_PRODUCTION_HOST}: users' bits are there")

    def _endpoints(self) -> list[str]:
        maps = self._value("aws", "endpoints")
        if not isinstance(maps, list):
            return []
        return [str(url) for services in maps if isinstance(services, dict) for url in services.values()]

    def _value(self, *path: str) -> Any:
        value: Any = self._document
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                return None
            value = value[name]
        return value

    def _problem(self, key: str, fix: str) -> Problem:
        value = self._value(*key.split("."))
        return Problem(key, "(missing)" if value is None else mask(key, value, self._hidden), fix)


def is_loopback(url: object) -> bool:
    """Whether `url` is http or https on an address of this machine; names are not resolved."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or host is None or parts.username is not None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@functools.cache
def aws_regions() -> frozenset[str]:
    """The regions of the `aws` partition, from the data that botocore ships; nothing is asked."""
    partitions = Loader().load_data("endpoints")["partitions"]
    return frozenset(partitions[0]["regions"])
