"""A real emulator in a folder and on a port of its own, and the people who use it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REPOSITORY = Path(__file__).resolve().parents[3]
ACCOUNT, REGION = "000000000000", "us-east-1"
# Functions run on the interpreter of the tests, which has boto3.
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
START_SECONDS = 30.0


class Emulator:
    """`python -m local.ministack` as the runner starts it; `module` starts the unpatched one."""

    def __init__(self, root: Path, *, module: str = "local.ministack", **environment: str) -> None:
        self.root = root
        self.module = module
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.more = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.root_clients: dict[str, Any] = {}
        self.assumer: Any = None
        for folder in ("state", "s3", "tmp", "home"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start and wait until it serves."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONPATH": str(REPOSITORY),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(self.root / "state"),
            "S3_DATA_DIR": str(self.root / "s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "RENDIO_ALARM_SECONDS": "0.2",
            f"MS_PY_{RUNTIME.replace('.', '_')}": sys.executable,
            "CANARY_OF_THE_SERVER": "must not reach a function",
            **self.more,
        }
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=environment, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait_until(self.serves, "the emulator serves", START_SECONDS)

    def serves(self) -> bool:
        assert self.process is None or self.process.poll() is None, (self.root / "log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server; what is left of its process group goes with it."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None

    def log(self) -> str:
        return (self.root / "log").read_text()

    @staticmethod
    def wait_until(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
        """The condition's first true answer; an assertion names what did not come."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = condition()
            if answer:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s: {what}")

    # --- who asks: the account's root sets the scenes and never acts in them

    def root_client(self, service: str) -> Any:
        if service not in self.root_clients:
            self.root_clients[service] = self.client(service, ("test", "test", None))
        return self.root_clients[service]

    def client(self, service: str, keys: tuple[str, str, str | None], **config: Any) -> Any:
        access_key, secret_key, token = keys
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
            config=Config(
                signature_version="s3v4" if service == "s3" else None, retries={"total_max_attempts": 1}, **config
            ),
        )

    def user(self, *statements: dict[str, Any]) -> tuple[str, str, None]:
        """Keys of a new user with these permissions."""
        iam, name = self.root_client("iam"), f"user-{uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"], None

    def role(self, *statements: dict[str, Any], trust: dict[str, Any] | None = None, name: str = "") -> str:
        """Name of a new role with these permissions; the whole account may assume and tag it unless told."""
        iam, name = self.root_client("iam"), name or f"role-{uuid4().hex[:8]}"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust or TRUST_ALL))
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return name

    def session(self, role: str, tags: dict[str, str] | None = None) -> tuple[str, str, str]:
        """Keys of a session of the role, opened by a user who may assume everything."""
        if self.assumer is None:
            self.assumer = self.client("sts", self.user(allow(["sts:AssumeRole", "sts:TagSession"], "*")))
        given = self.assumer.assume_role(
            RoleArn=role_arn(role),
            RoleSessionName="session",
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        )["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def bucket(self, *statements: dict[str, Any], versioned: bool = False) -> str:
        s3, name = self.root_client("s3"), f"bucket-{uuid4().hex[:8]}"
        s3.create_bucket(Bucket=name)
        if statements:
            s3.put_bucket_policy(Bucket=name, Policy=policy(*statements).replace("BUCKET", name))
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def function(self, source: str, *statements: dict[str, Any], **settings: Any) -> str:
        """Name of a new function `handler(event, context)`; its role has the permissions given."""
        name = settings.pop("name", f"function-{uuid4().hex[:8]}")
        role = settings.pop("role", None) or self.role(*statements)
        self.root_client("lambda").create_function(
            FunctionName=name, Runtime=settings.pop("runtime", RUNTIME), Role=role_arn(role),
            Handler="index.handler", Code={"ZipFile": zipped(source)}, Timeout=settings.pop("timeout", 10), **settings,
        )  # fmt: skip
        return str(name)

    def invoke(self, name: str, event: Any = None) -> Any:
        """The function's answer; its failure as the runtime tells it has `errorType`."""
        answer = self.root_client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read() or b"null")

    def lines(self, function: str) -> list[str]:
        """What the function logged, platform lines left out."""
        logs, group = self.root_client("logs"), f"/aws/lambda/{function}"
        try:
            events = logs.filter_log_events(logGroupName=group)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []  # it has not run yet
        return [e["message"] for e in events if not e["message"].startswith(("START ", "END ", "REPORT "))]


def zipped(source: str, **files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in {"index.py": source, **files}.items():
            archive.writestr(name, text)
    return content.getvalue()


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def refused(call: Any, /, **arguments: Any) -> bool:
    """True when IAM refuses the call; any other failure is one of the test."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIALS:
            raise
        return True
    return False


# One refusal, named differently by each protocol.
DENIALS = ("AccessDenied", "AccessDeniedException", "AuthorizationError")

TRUST_ALL = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root", "Service": "lambda.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
