"""Who acts in the laptop cloud: a deployer and a read-only auditor, as IAM users with policies of their own.

Root is used here alone, to make the two. The emulator lets root do everything, so a stack that root deployed
would say nothing about the rights a deployment needs.
"""

from __future__ import annotations

import functools
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import jinja2
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError
from local.state import ACCOUNT, REGION, REPOSITORY, STACK, State, read_json, write_json

PREFIX = f"rendio-{STACK}"
DEPLOYER = "rendio-deployer"
AUDITOR = "rendio-auditor"
POLICIES = {DEPLOYER: "iam/deployer.json.j2", AUDITOR: "iam/auditor.json.j2"}
POLICY_NAME = "access"

# botocore reads these from the environment and from files in HOME unless it is told where else: nowhere.
_NO_SHELL = {
    "profile": (None, None, None, None),
    "config_file": (None, None, "/dev/null", None),
    "credentials_file": (None, None, "/dev/null", None),
}

# Clients may be used by many threads; making one may not.
_MAKING = threading.Lock()


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=_NO_SHELL))


@dataclass(frozen=True, repr=False)
class Keys:
    """An access key of the laptop cloud; worth nothing anywhere else. Never printed by repr."""

    access_key: str
    secret_key: str
    session_token: str | None = None

    def client(self, service: str, endpoint: str, **more: Any) -> Any:
        """A boto3 client of this user on the laptop cloud, whatever the shell and its profiles say."""
        with _MAKING:
            return self._client(service, endpoint, **more)

    def _client(self, service: str, endpoint: str, **more: Any) -> Any:
        return _session().client(
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.session_token,
            # Loopback never goes through a proxy.
            config=Config(
                proxies={}, ignore_configured_endpoint_urls=True, retries={"max_attempts": 2}, connect_timeout=5, **more
            ),
        )


# The emulator's own root key, the same for everybody.
ROOT = Keys("test", "test")


@dataclass(frozen=True, repr=False)
class Accounts:
    """The users of one state folder, and the passphrase of its stack's secrets."""

    deployer: Keys
    auditor: Keys
    passphrase: str


def stored(state: State) -> Accounts | None:
    """What the last start left; None before the first."""
    content = read_json(state.credentials)
    try:
        return Accounts(Keys(**content[DEPLOYER]), Keys(**content[AUDITOR]), content["passphrase"])
    except (KeyError, TypeError):
        return None


def ensure(state: State, endpoint: str) -> Accounts:
    """Have both users with their policies and a working key each; keys are kept as long as they work.

    Raises:
        LocalError: the emulator refuses, or a policy cannot be rendered.
    """
    content = read_json(state.credentials)
    content.setdefault("passphrase", secrets.token_urlsafe(24))
    before = dict(content)
    iam = ROOT.client("iam", endpoint)
    with _emulator_errors():
        for user, template in POLICIES.items():
            _ensure_user(iam, user)
            iam.put_user_policy(UserName=user, PolicyName=POLICY_NAME, PolicyDocument=render(template))
            content[user] = _ensure_key(iam, user, content.get(user))
    if content != before or not state.credentials.exists():
        write_json(state.credentials, content)
    return Accounts(Keys(**content[DEPLOYER]), Keys(**content[AUDITOR]), content["passphrase"])


def render(template: str) -> str:
    """A user's policy from its template under policies/, as compact JSON."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(REPOSITORY / "policies"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # JSON, parsed at once; the values are constants of this module
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = SimpleNamespace(stack=STACK, account=ACCOUNT, region=REGION, prefix=PREFIX)
    try:
        text = environment.get_template(template).render(names=names, buckets_that_go=[f"{PREFIX}-*"])
        return json.dumps(json.loads(text), separators=(",", ":"))
    except (jinja2.TemplateError, ValueError) as error:
        raise LocalError(
            f"policies/{template} cannot be rendered.", why=str(error), fix="Correct the template."
        ) from error


def _ensure_user(iam: Any, user: str) -> None:
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=user)


def _ensure_key(iam: Any, user: str, known: object) -> dict[str, str]:
    existing = [key["AccessKeyId"] for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]]
    if isinstance(known, dict) and known.get("access_key") in existing:
        return {"access_key": known["access_key"], "secret_key": known["secret_key"]}
    for key in existing:
        # Its secret is known to nobody any more.
        iam.delete_access_key(UserName=user, AccessKeyId=key)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}


@contextmanager
def _emulator_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise LocalError(
            "The users of the local cloud could not be made.",
            why=str(error),
            fix="Run `make down`, then `make up`.",
        ) from error
