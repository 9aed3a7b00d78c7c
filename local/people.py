"""A person on call, who acts on a stack as one of its roles (docs/adr/0074-questions-without-a-bastion.md).

Every call of a function carries a proof of who makes it: a signed question to STS, which the function sends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError, Refused
from local.invocation import invoke

PROOF_HEADER = "x-rendio-function"  # lambdas/runtime/callers.py
PROOF_SECONDS = 60  # STS takes no notice of it; lambdas/runtime/callers.py holds who asks to it
# AWS's limit for a role that was taken on by a role. Whoever acts longer takes it on again before it ends.
SESSION_SECONDS = 3600
_DENIED = ("AccessDeniedException", "AccessDenied")
NewClient = Callable[..., Any]
"""`(service, **credentials)`: a client; with no credentials, as whoever runs this."""


class Person:
    """Acts as `rendio-<stack>-<role>`; a shell that is that role already stays what it is."""

    def __init__(self, stack: str, role: str, new_client: NewClient) -> None:
        self.stack, self.role, self._new_client = stack, f"rendio-{stack}-{role}", new_client

    def client(self, service: str) -> Any:
        """A client of `service` in the role's session: for one call, or for some minutes, since the session ends.

        Raises:
            Refused: the role may not be taken on.
        """
        if self._session is None:
            return self._new_client(service)
        now = self._session.get_frozen_credentials()
        return self._new_client(
            service,
            aws_access_key_id=now.access_key,
            aws_secret_access_key=now.secret_key,
            aws_session_token=now.token,
        )

    def call(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of the stack's function, such as `ask-database`.

        Raises:
            Refused: the role, or the function, refuses.
            LocalError: it cannot be called, or it failed.
        """
        name = f"rendio-{self.stack}-{function}"
        try:
            content = invoke(lambda: self.client("lambda"), name, lambda: {**payload, "caller": self._proof(name)})
        except LocalError as error:
            if not isinstance(error, Refused) and _denied(error.__cause__):
                raise Refused(f"{self.role} may not call {name}.", fix="Another role may: see the runbook.") from error
            raise
        if "error" in content:
            raise Refused(str(content["error"]))
        return content

    @cached_property
    def _session(self) -> DeferredRefreshableCredentials | None:
        """Takes the role on at first use and again a quarter of an hour before it ends; none for a shell that is it."""
        with self._refusals():
            asking = self._new_client("sts").get_caller_identity()
        if f":assumed-role/{self.role}/" in asking["Arn"]:
            return None
        return DeferredRefreshableCredentials(lambda: self._take_on(asking), "assume-role")

    def _take_on(self, asking: Mapping[str, str]) -> dict[str, str]:
        with self._refusals():
            given = self._new_client("sts").assume_role(
                RoleArn=f"arn:aws:iam::{asking['Account']}:role/{self.role}",
                RoleSessionName=_session_name(str(asking["Arn"])),
                DurationSeconds=SESSION_SECONDS,
            )["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise Refused(
                f"You may not act as {self.role}.",
                why=str(error),
                fix="The stack's file names who may (rendio:on_call); a user of IAM needs a second factor."
                if _denied(error)
                else "Log in again, and run the same command again.",
            ) from error

    def _proof(self, function: str) -> str:
        """GetCallerIdentity, signed for this function alone and not sent."""
        sts = self.client("sts")

        def name_function(request: Any, **_: Any) -> None:
            request.headers[PROOF_HEADER] = function

        sts.meta.events.register("before-sign.sts.GetCallerIdentity", name_function)
        return str(sts.generate_presigned_url("get_caller_identity", ExpiresIn=PROOF_SECONDS, HttpMethod="GET"))


def _denied(error: BaseException | None) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _DENIED


def _session_name(arn: str) -> str:
    """Who somebody is, as a session may be named: the last part of the ARN."""
    return re.sub(r"[^\w+=,.@-]", "-", arn.rpartition("/")[2] if "/" in arn else arn.rpartition(":")[2])[:64]
