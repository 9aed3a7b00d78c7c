"""Acting as a function's own role.

The roles trust the Lambda service alone. So the scene is a function of the same role and runtime, made for the
moment, that hands over the credentials Lambda gave it: the actor is the role itself, with its policies and no more.
"""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.accounts import PREFIX, ROOT
from local.state import ACCOUNT, REGION

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
SOURCE = f"import os\ndef handler(event, context):\n    return [os.environ[name] for name in {NAMES!r}]\n"


@dataclass(frozen=True, repr=False)
class Session:
    """Temporary credentials of a role. Never printed by repr."""

    endpoint: str
    access_key: str
    secret_key: str
    token: str

    def client(self, service: str, **more: Any) -> Any:
        """A boto3 client of this session."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.token,
            config=Config(proxies={}, retries={"max_attempts": 1}, **more),
        )

    def of_user(self, auth_user_id: str) -> Session:
        """The session in which this role, one of a function that signs addresses, acts for a user."""
        return self.assume(f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-user-storage", {"auth_user_id": auth_user_id})

    def assume(self, role: str, tags: dict[str, str]) -> Session:
        """Another role's session, with tags, as this one may have it."""
        given = self.client("sts").assume_role(
            RoleArn=role,
            RoleSessionName="journey",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )["Credentials"]
        return Session(self.endpoint, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def of_function(endpoint: str, function: str) -> Session:
    """The session of a function's role.

    Args:
        endpoint: of the local AWS.
        function: its id, such as `me`.
    """
    setter = ROOT.client("lambda", endpoint)
    known = setter.get_function_configuration(FunctionName=f"{PREFIX}-{function.replace('_', '-')}")
    with _probe(setter, endpoint, role=known["Role"], runtime=known["Runtime"]) as name:
        answer = setter.invoke(FunctionName=name)
        content = json.loads(answer["Payload"].read())
    if answer.get("FunctionError") or not isinstance(content, list):
        raise RuntimeError(f"the role of {function} could not be acted as: {answer.get('FunctionError')}")
    return Session(endpoint, *content)


@contextmanager
def _probe(setter: Any, endpoint: str, *, role: str, runtime: str) -> Iterator[str]:
    name = f"{PREFIX}-probe-{secrets.token_hex(4)}"
    setter.create_function(
        FunctionName=name, Runtime=runtime, Role=role, Handler="probe.handler", Code={"ZipFile": _package()}, Timeout=20
    )
    try:
        yield name
    finally:
        setter.delete_function(FunctionName=name)
        try:
            # Lambda made it at the first invocation.
            ROOT.client("logs", endpoint).delete_log_group(logGroupName=f"/aws/lambda/{name}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def _package() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("probe.py", SOURCE)
    return file.getvalue()
