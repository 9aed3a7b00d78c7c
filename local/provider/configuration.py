"""The provider's configuration, and the boto3 clients made of it and of nothing else."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from local.provider.errors import ProviderRefused
from local.state import STACK

# What is understood, and what changes nothing on the laptop.
_USED = frozenset({"region", "accessKey", "secretKey", "endpoints", "allowedAccountIds"})
_IGNORED = frozenset(
    {
        "version", "s3UsePathStyle", "skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation",
        "skipRequestingAccountId", "maxRetries", "retryMode", "pluginDownloadURL",
    }
)  # fmt: skip
_FIX = "Run the stack `local` through `make up` or `./rendio pulumi …`, which configure all of it."
READ_SECONDS = 60
INVOKE_SECONDS = 900  # the longest a Lambda function may run


def stack_of(urn: str) -> str:
    """The stack in a URN: `urn:pulumi:<stack>::<project>::<type>::<name>`."""
    return urn.removeprefix("urn:pulumi:").partition("::")[0]


def refuse_other_stacks(urn: str) -> None:
    """Raises ProviderRefused unless the URN belongs to the stack `local`."""
    stack = stack_of(urn)
    if stack != STACK:
        raise ProviderRefused(
            f"This is the AWS provider of the laptop cloud; the stack {stack!r} is not its own.",
            why="PULUMI_DEBUG_PROVIDERS attaches it to the engine.",
            fix="Unset PULUMI_DEBUG_PROVIDERS and run the command again.",
        )


@dataclass(frozen=True)
class Configuration:
    """Where and as whom the provider works. Everything is explicit; nothing comes from the environment."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    accounts: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Configuration:
        """From what the engine sends: structured values as JSON text, or as they are.

        Raises:
            ProviderRefused: something is missing, unknown, or leads away from loopback.
        """
        known = {name: _structured(value) for name, value in values.items() if not name.startswith("__")}
        unknown = sorted(
            name for name in known if name not in _USED | _IGNORED and known[name] not in (None, [], {}, False)
        )
        if unknown:
            raise ProviderRefused(
                f"The AWS provider of the laptop cloud does not know aws:{', aws:'.join(unknown)}.",
                fix="Remove it from Pulumi.local.yaml.",
            )
        missing = [name for name in ("region", "accessKey", "secretKey", "endpoints") if not known.get(name)]
        if missing:
            raise ProviderRefused(
                f"The AWS provider of the laptop cloud lacks aws:{', aws:'.join(missing)}.",
                why="It never looks for credentials or endpoints anywhere else.",
                fix=_FIX,
            )
        accounts = known.get("allowedAccountIds") or []
        return cls(
            endpoint=_only_endpoint(known["endpoints"]),
            region=str(known["region"]),
            access_key=str(known["accessKey"]),
            secret_key=str(known["secretKey"]),
            accounts=tuple(str(account) for account in accounts),
        )


def _structured(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _only_endpoint(endpoints: Any) -> str:
    """The one URL that every service uses."""
    maps = endpoints if isinstance(endpoints, list) else [endpoints]
    urls = {
        str(url).rstrip("/") for services in maps if isinstance(services, Mapping) for url in services.values() if url
    }
    away = sorted(url for url in urls if not _is_loopback(url))
    if away:
        raise ProviderRefused(
            f"The endpoint {away[0]} is not on this machine.",
            why="The provider of the laptop cloud calls loopback alone.",
            fix=_FIX,
        )
    if len(urls) != 1:
        raise ProviderRefused(
            f"aws:endpoints must name one URL for all services, not {len(urls)}.",
            why="The laptop cloud listens on one port.",
            fix=_FIX,
        )
    return urls.pop()


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


class Aws:
    """Clients of the laptop cloud, one a service, made on first use. Safe for threads."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.region = configuration.region
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        # A session of its own: the default one reads profiles and the environment.
        self._session = boto3.Session(
            aws_access_key_id=configuration.access_key,
            aws_secret_access_key=configuration.secret_key,
            region_name=configuration.region,
        )
        self._account = ""

    def client(self, service: str) -> Any:
        """The client of a service."""
        return self._client(service, service, READ_SECONDS, attempts=3)

    def invoker(self) -> Any:
        """The Lambda client that invokes: one attempt, as long as a function may run."""
        return self._client("invoker", "lambda", INVOKE_SECONDS, attempts=1)

    @property
    def account(self) -> str:
        """The account's id, asked once. Raises ProviderRefused when it is not an allowed one."""
        if not self._account:
            account = str(self.client("sts").get_caller_identity()["Account"])
            if self.configuration.accounts and account not in self.configuration.accounts:
                raise ProviderRefused(
                    f"The keys belong to account {account}, which aws:allowedAccountIds does not name.", fix=_FIX
                )
            self._account = account
        return self._account

    def refuse_other_accounts(self) -> None:
        """Raises ProviderRefused when the keys belong to an account that is not allowed; asked once."""
        _ = self.account

    def _client(self, name: str, service: str, seconds: int, *, attempts: int) -> Any:
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._session.client(
                    service,
                    endpoint_url=self.configuration.endpoint,
                    config=Config(
                        proxies={},  # loopback never goes through a proxy
                        ignore_configured_endpoint_urls=True,
                        signature_version="s3v4" if service == "s3" else None,
                        s3={"addressing_style": "path"},
                        retries={"mode": "standard", "total_max_attempts": attempts},
                        connect_timeout=5,
                        read_timeout=seconds,
                        max_pool_connections=32,
                        parameter_validation=True,
                    ),
                )
            return self._clients[name]
