"""A person on call, who acts on a stack as one of its roles (docs/adr/0074-questions-without-a-bastion.md).

Every call of a function carries a proof of who makes it: a signed question to STS, which the function sends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError, Refused
from local.invocation import invoke

PROOF_HEADER = "x-rendio-function"  # lambdas/runtime/callers.py
PROOF_SECONDS = 60
SESSION_SECONDS = 3600
_DENIED = ("AccessDeniedException", "AccessDenied")
NewClient = Callable[..., Any]
"""`(service, **credentials)`: a client; with no credentials, as whoever runs this."""


class Person:
    """Acts as `rendio-<stack>-<role>`; a shell that is that role already stays what it is."""

    def __init__(self, stack: str, role: str, new_client: NewClient) -> None:
        self.stack, self.role, self._new_client = stack, f"rendio-{stack}-{role}", new_client

    def client(self, service: str) -> Any:
        """A client of `service` in the role's session.

        Raises:
            Refused: the role may not be taken on.
        """
        return self._new_client(service, **self._credentials)

    def call(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of the stack's function, such as `ask-database`.

        Raises:
            Refused: the role, or the function, refuses.
            LocalError: it cannot be called, or it failed.
        """
        name = f"rendio-{self.stack}-{function}"
        functions, proof = self.client("lambda"), self._proof(name)
        try:
            content = invoke(functions, name, {**payload, "caller": proof})
        except LocalError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in _DENIED:
                raise Refused(f"{self.role} may not call {name}.", fix="Another role may: see the runbook.") from error
            raise
        if "error" in content:
            raise Refused(str(content["error"]))
        return content

    @cached_property
    def _credentials(self) -> dict[str, str]:
        sts = self._new_client("sts")
        try:
            asking = sts.get_caller_identity()
            if f":assumed-role/{self.role}/" in asking["Arn"]:
                return {}
            given = sts.assume_role(
                RoleArn=f"arn:aws:iam::{asking['Account']}:role/{self.role}",
                RoleSessionName=_session_name(str(asking["Arn"])),
                DurationSeconds=SESSION_SECONDS,
            )["Credentials"]
        except (BotoCoreError, ClientError) as error:
            raise Refused(
                f"You may not act as {self.role}.",
                why=str(error),
                fix="The stack's file names who may (rendio:on_call); a user of IAM needs a second factor.",
            ) from error
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _proof(self, function: str) -> str:
        """GetCallerIdentity, signed for this function alone and not sent."""
        sts = self.client("sts")

        def name_function(request: Any, **_: Any) -> None:
            request.headers[PROOF_HEADER] = function

        sts.meta.events.register("before-sign.sts.GetCallerIdentity", name_function)
        return str(sts.generate_presigned_url("get_caller_identity", ExpiresIn=PROOF_SECONDS, HttpMethod="GET"))


def _session_name(arn: str) -> str:
    """Who somebody is, as a session may be named: the last part of the ARN."""
    return re.sub(r"[^\w+=,.@-]", "-", arn.rpartition("/")[2] if "/" in arn else arn.rpartition(":")[2])[:64]
