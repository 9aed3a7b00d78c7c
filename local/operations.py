"""Calls a function of any stack by its name: what the tools of people on call are made of.

On `local` the caller is the laptop cloud's own administrator. On AWS it is whoever the shell's credentials belong to,
and only in the account that the stack's file allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.accounts import ROOT, Keys
from local.cloud import Cloud
from local.errors import LocalError, Refused
from local.invocation import invoke
from local.people import NewClient, Person
from local.state import REPOSITORY, STACK, State

# The longest limit of the functions that people call, and a cold start on top: who gives up sooner leaves one running.
READ_SECONDS = 150
Invoke = Callable[[Mapping[str, Any]], dict[str, Any]]


def function(stack: str, name: str, *, role: str = "") -> Invoke:
    """Call the function `name` of `stack`, such as `backfill-videos`: payload to answer, waiting for it.

    `role` is that of people to call it as, such as `operator`; none: as whoever runs this.

    Raises:
        Refused: the shell's credentials are another account's.
        LocalError: there is no such stack, or the function cannot be called, or it failed.
    """
    new_client = _clients(stack)
    clients = Person(stack, role, new_client).client if role else new_client
    full_name = f"rendio-{stack}-{name}"
    # A client for each call: a role's session ends sooner than a long back-fill.
    return lambda payload: invoke(lambda: clients("lambda"), full_name, lambda: payload)


def client(stack: str, service: str) -> Any:
    """A client of `service` for `stack`, as whoever runs this.

    Raises:
        Refused: the shell's credentials are another account's.
        LocalError: there is no such stack.
    """
    return _clients(stack)(service)


def person(stack: str, role: str) -> Person:
    """Whoever runs this, acting as a role of people of `stack`: `on-call`.

    Raises:
        Refused: the shell's credentials are another account's.
        LocalError: there is no such stack.
    """
    return Person(stack, role, _clients(stack))


def _clients(stack: str) -> NewClient:
    if stack == STACK:
        cloud = Cloud(State.default())
        cloud.outputs()  # says so when nothing is deployed
        return on_laptop(cloud.url)
    file = REPOSITORY / f"Pulumi.{stack}.yaml"
    if not stack.isidentifier() or not file.exists():
        raise LocalError(f"There is no stack {stack!r}.", fix="Name one that has a Pulumi.<stack>.yaml here.")
    config = yaml.safe_load(file.read_text())["config"]
    session = _session(stack, config["aws:region"], [str(account) for account in config["aws:allowedAccountIds"]])
    patient = Config(read_timeout=READ_SECONDS, connect_timeout=5, retries={"total_max_attempts": 1})
    regional = f"https://sts.{config['aws:region']}.amazonaws.com"

    def new_client(service: str, **credentials: str) -> Any:
        # The proof of who asks is for the region's STS, which the functions ask.
        place = {"endpoint_url": regional} if service == "sts" else {}
        return session.client(service, config=patient, **place, **credentials)

    return new_client


def on_laptop(url: str) -> NewClient:
    """Clients of the laptop cloud: of its root, unless credentials are given."""

    def new_client(service: str, **credentials: str) -> Any:
        keys = ROOT if not credentials else Keys(
            credentials["aws_access_key_id"], credentials["aws_secret_access_key"], credentials["aws_session_token"]
        )  # fmt: skip
        return keys.client(service, url, read_timeout=READ_SECONDS)

    return new_client


def _session(stack: str, region: str, allowed: list[str]) -> boto3.Session:
    """The shell's own, in one of the accounts `allowed`."""
    try:
        session = boto3.Session(region_name=region)
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise LocalError(
            "AWS does not know who you are.", why=str(error), fix="Log in, or set AWS_PROFILE, and run it again."
        ) from error
    if account not in allowed:
        raise Refused(
            f"These credentials are of account {account}; stack {stack} is in {', '.join(allowed)}.",
            fix="Use credentials of the stack's account.",
        )
    return session
