"""The deployed stack as the tests of this level use it: phones, actors, and ways to set a scene."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import psycopg
from psycopg.rows import dict_row

from local import accounts, daemons, processes
from local.cloud import Cloud
from local.journey import own_rows, role_session
from local.journey.client import Phone
from local.postgres.server import Server

Answer = TypeVar("Answer")
PREFIX = accounts.PREFIX


class Deployed:
    """A deployed stack. Root and the database's superuser set scenes here; they are never a test's actor."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.outputs = cloud.outputs()
        self.phones: list[Phone] = []

    # --- places

    @property
    def api_url(self) -> str:
        return str(self.outputs["api_url"])

    @property
    def apple_url(self) -> str:
        return daemons.url(self.cloud.ports["apple"])

    @property
    def aws_url(self) -> str:
        return self.cloud.url

    @property
    def videos_bucket(self) -> str:
        return str(self.outputs["videos_bucket"])

    @property
    def images_bucket(self) -> str:
        return str(self.outputs["images_bucket"])

    # --- actors

    def phone(self, *, checked_in: bool = True) -> Phone:
        """A new device with the app; its credentials become canaries of the logs."""
        made = Phone(self.api_url, self.apple_url)
        self.phones.append(made)
        if checked_in:
            made.check_in()
        return made

    @cache  # noqa: B019  one stack a run; its sessions live as long
    def role(self, function: str) -> role_session.Session:
        """The session of a function's role."""
        return role_session.of_function(self.aws_url, function)

    def user_storage(self, auth_user_id: str) -> role_session.Session:
        """The session in which view_image signs a user's addresses."""
        return self.role("view_image").of_user(auth_user_id)

    @cached_property
    def rows(self) -> own_rows.UserRows:
        """The database as function `me` may see it."""
        return own_rows.UserRows(self.outputs, self.aws_url)

    # --- scenes

    def root(self, service: str) -> Any:
        """A client of the emulator's root, for setting a scene."""
        return self.cloud.admin_credentials.client(service, self.aws_url)

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """The database through the instance's own socket, for setting a scene and for counting."""
        with Server(self.cloud.state).connect(str(self.outputs["database_name"])) as connection:
            connection.row_factory = dict_row  # type: ignore[assignment]  # psycopg's way to change it later
            yield connection

    def query(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Rows as they are, whatever the policies."""
        with self.superuser() as connection:
            return connection.execute(statement, values).fetchall()

    def give_credits(self, phone: Phone, amount: int) -> None:
        """Bought ones, as the ledger has them: one that it has not is an alarm."""
        user = phone.session["user_id"]
        self.query(
            "with paid as (insert into public.credit_ledger (user_id, amount, reason) values (%s, %s, 'purchase'))"
            " update public.users set credits_remaining = credits_remaining + %s where id = %s returning id",
            user, amount, amount, user,
        )  # fmt: skip

    def new_video(self, phone: Phone) -> tuple[str, bytes]:
        """A video in own storage, as video migration leaves one: its job's id, and its bytes, which no other has."""
        job_id, content = str(uuid.uuid4()), uuid.uuid4().bytes * 64
        key = f"videos/{phone.auth_user_id}/{job_id}.mp4"
        # Put without an event: it is no video that a thumbnail could be made of.
        self.query(
            "insert into public.video_jobs (id, user_id, model, credits, credits_left, request_digest, status,"
            " finished_at, video_url, migration_status, migrated_at, object_key, bytes, sha256, thumbnail_attempts)"
            " values (%s, %s, 'm', 1, 0, '\\x00', 'completed', now(), %s, 'migrated', now(), %s, %s, %s, 3)"
            " returning id",
            job_id, phone.session["user_id"], f"s3://{self.videos_bucket}/{key}", key, len(content),
            hashlib.sha256(content).digest(),
        )  # fmt: skip
        self.root("s3").put_object(Bucket=self.videos_bucket, Key=key, Body=content, ContentType="video/mp4")
        return job_id, content

    def apple_faults(self, *faults: dict[str, Any]) -> None:
        """Make Apple fail in these ways; with none, work again."""
        httpx.delete(f"{self.apple_url}/_control/faults", trust_env=False).raise_for_status()
        if faults:
            httpx.post(f"{self.apple_url}/_control/faults", json=list(faults), trust_env=False).raise_for_status()

    def kill_function(self, function: str) -> int:
        """SIGKILL every process in which a function runs now; how many there were."""
        record = processes.recall(self.cloud.state, "ministack")
        server = record.process() if record else None
        name, killed = f"{PREFIX}-{function.replace('_', '-')}", 0
        for process in server.children(recursive=True) if server else []:
            try:
                if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == name:
                    process.kill()
                    killed += 1
            except psutil.Error:
                continue
        return killed

    def logs_of(self, function: str) -> str:
        """What a function logged, whole."""
        group = f"/aws/lambda/{PREFIX}-{function.replace('_', '-')}"
        pages = self.root("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return "\n".join(event["message"] for page in pages for event in page["events"])

    def log_files(self) -> list[Path]:
        """Every log of the programs, Postgres's included."""
        root = self.cloud.state.root
        return [path for path in root.rglob("*.log*") if path.is_file()]


def side_by_side(count: int, action: Callable[[int], Answer], *, workers: int = 32) -> list[Answer]:
    """Do something `count` times at once; the answers in order."""
    with ThreadPoolExecutor(min(count, workers)) as pool:
        return list(pool.map(action, range(count)))


def eventually(condition: Callable[[], Answer], *, seconds: float = 15.0) -> Answer:
    """The condition's answer once it is true; the last one when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer
