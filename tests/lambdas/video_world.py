"""Where videos migrate: a real Postgres, the local AWS with each function's own rights, and fal's CDN.

Functions run in processes of their own, as Lambda runs them: from their environment alone, warm from event to event,
and killed when a test says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.names import Names
from local.standins.fal.cdn import Cdn
from local.standins.fal.downloads import DownloadFault
from local.standins.fal.files import Files, StoredFile, marked
from local.standins.fal.videos import CONTENT_TYPE, Videos
from policies.model.documents import Documents
from tests.database.scene import Database, Person, database_in
from tests.local.ministack.emulator import ACCOUNT, REGION, Emulator

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = Names(stack="local", region=REGION, account=ACCOUNT)
SECONDS = {"download": 3, "upload": 3, "total": 6, "retry": 1}
VIDEO_BYTES = 300_000
MAXIMUM_BYTES = 20 * 1024 * 1024
# The rows as they would be this much later; sessions, connections and uploads do not age with them.
LONG = "20 minutes"


@dataclass(frozen=True)
class Job:
    """A finished generation and the file that the generator has of it."""

    id: uuid.UUID
    owner: Person
    file: StoredFile
    url: str
    sha256: bytes

    @property
    def key(self) -> str:
        return f"videos/{self.owner.auth_user_id}/{self.id}.mp4"


@dataclass(frozen=True)
class Done:
    """What one event came to: the function's answer, or `killed`, or the error it raised."""

    answer: Any
    killed: bool = False
    error: str = ""


class Worker:
    """A warm process of one function (tests/lambdas/video_worker.py)."""

    def __init__(self, function: str, environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.lambdas.video_worker", function],
                env=environment, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, start_new_session=True,
            )  # fmt: skip
        self._alone = threading.Lock()

    def handle(self, event: Any, *, kill_at: str = "", seconds: int = 60) -> Done:
        """Hand an event over. With `kill_at` a copy of the process handles it, and is killed at that point."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._alone:
            self._process.stdin.write(json.dumps({"event": event, "kill_at": kill_at, "seconds": seconds}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, "the worker died; its log is beside the state"
        return Done(**json.loads(line))

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@dataclass
class VideoWorld:
    """Everything that a video meets on its way into own storage."""

    folder: Path
    scene: Database
    emulator: Emulator
    cdn: Cdn
    generator_url: str = "http://127.0.0.1:9"
    seconds: dict[str, int] = field(default_factory=lambda: dict(SECONDS))

    bucket: str = NAMES.videos_bucket

    def __post_init__(self) -> None:
        s3, sqs = self.s3, self.sqs
        s3.create_bucket(Bucket=self.bucket)
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.queue_url = str(sqs.create_queue(QueueName=NAMES.video_migration_queue)["QueueUrl"])
        self._keys: dict[str, tuple[str, str, str]] = {}
        self._videos = Videos(self.folder / "videos")

    # --- the account's root and the superuser set scenes and look at outcomes; they never act in them

    @property
    def s3(self) -> Any:
        return self.emulator.root_client("s3")

    @property
    def sqs(self) -> Any:
        return self.emulator.root_client("sqs")

    @cached_property
    def owner(self) -> Person:
        return self.scene.new_person(credits=0)

    # --- functions

    def environment(self, function: str) -> dict[str, str]:
        """What infra/function_environments.py gives the function, and Lambda with it."""
        access_key, secret_key, token = self.session(function)
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_SESSION_TOKEN": token,
            "AWS_EC2_METADATA_DISABLED": "true",
            "STACK": "local",
            "POWERTOOLS_SERVICE_NAME": function,
            "POWERTOOLS_METRICS_NAMESPACE": "Rendio",
            "DATABASE_HOST": str(self.scene.server.sockets),
            "DATABASE_PORT": "5432",
            "DATABASE_NAME": "rendio",
            "DATABASE_USER": f"rendio_local_{function}",
            "DATABASE_SSLMODE": "disable",
            "FAL_QUEUE_URL": self.generator_url,
            "FAL_SECRET": NAMES.secret("fal"),
            "FAL_RESULT_DAYS": "7",
            "SWITCHES_STANDING": "[]",
            "VIDEOS_BUCKET": self.bucket,
            "VIDEO_MAX_BYTES": str(MAXIMUM_BYTES),
            "VIDEO_ORIGINS": json.dumps([self.cdn.origin]),
            "VIDEO_MIGRATION_QUEUE_URL": self.queue_url,
            **{f"VIDEO_MIGRATION_{name.upper()}_SECONDS": str(value) for name, value in self.seconds.items()},
        }

    @contextmanager
    def worker(self, function: str) -> Iterator[Worker]:
        """A warm process of the function, with its own rights alone."""
        running = Worker(function, self.environment(function), self.folder / f"{function}.log")
        try:
            yield running
        finally:
            running.end()

    def session(self, function: str) -> tuple[str, str, str]:
        """Keys of the function's role."""
        if function not in self._keys:
            document = json.loads(Documents(NAMES.context()).render(f"iam/{function}.json.j2"))
            role = self.emulator.role(*document["Statement"])
            self._keys[function] = self.emulator.session(role)
        return self._keys[function]

    # --- videos

    def finished_job(self, *, size: int = VIDEO_BYTES, faults: list[DownloadFault] | None = None) -> Job:
        """A generation that has just completed: its row is pending, and no message was sent."""
        job_id = self.scene.new_job(self.owner, "pending")
        job = self.made(job_id, self.owner, size=size, faults=faults)
        with self.scene.superuser() as connection:
            connection.execute(
                "update public.video_jobs set video_url = %s, video_url_expires_at = now() + interval '7 days'"
                " where id = %s",
                (job.url, job_id),
            )
        return job

    def made(
        self, job_id: uuid.UUID, owner: Person, *, size: int = VIDEO_BYTES, faults: list[DownloadFault] | None = None
    ) -> Job:
        """The generator has a video of this job, its bytes like no other's."""
        file = self.cdn.files.add(f"{job_id}.mp4", CONTENT_TYPE, 0, owner=str(job_id))
        file.tail = marked(str(job_id))
        file.path = self._videos.of(size - len(file.tail))
        file.faults = list(faults or [])
        content = file.path.read_bytes() + file.tail
        return Job(job_id, owner, file, self.cdn.url(file), hashlib.sha256(content).digest())

    def row(self, job_id: uuid.UUID) -> dict[str, Any]:
        with self.scene.superuser() as connection:
            row = connection.execute("select * from public.video_jobs where id = %s", (job_id,)).fetchone()
        assert row is not None
        return row

    def change(self, job_id: uuid.UUID, assignments: str) -> None:
        """Set the scene in a job's row."""
        with self.scene.superuser() as connection:
            connection.execute(f"update public.video_jobs set {assignments} where id = %s".encode(), (job_id,))

    def time_passes(self, interval: str = LONG) -> None:
        """Every pending migration is this much later in its life."""
        with self.scene.superuser() as connection:
            connection.execute(
                "update public.video_jobs set migration_due_at = migration_due_at - %s::interval"
                " where migration_status = 'pending'",
                (interval,),
            )

    # --- messages

    @staticmethod
    def message(job_id: uuid.UUID) -> dict[str, Any]:
        """The event that SQS's event source makes of a job's message."""
        body = json.dumps({"job_id": str(job_id), "request_id": f"request-of-{job_id}"})
        return {"Records": [{"messageId": f"message-of-{job_id}", "body": body}]}

    def receive(self, *, wait: int = 0, most: int = 10) -> list[dict[str, Any]]:
        """Messages of the queue, as events; they are gone from it, as after a handler that succeeded."""
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=most, WaitTimeSeconds=wait)
        messages = answer.get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [{"Records": [{"messageId": each["MessageId"], "body": each["Body"]}]} for each in messages]

    def give_back(self, event: dict[str, Any]) -> None:
        """Put an event's message into the queue: it is new, or its handler failed."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=event["Records"][0]["body"])

    def is_quiet(self) -> bool:
        """Whether the queue holds no message, and none is on its way to it."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return all(int(answer["Attributes"][name]) == 0 for name in names)

    # --- storage

    def versions(self, prefix: str = "") -> list[tuple[str, str]]:
        """Key and version of each object, older versions included."""
        found: list[tuple[str, str]] = []
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix):
            found += [(each["Key"], each["VersionId"]) for each in page.get("Versions", ())]
        return found

    def content(self, key: str) -> bytes | None:
        """The object's bytes; None when there is none, or it was removed."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except self.s3.exceptions.NoSuchKey:
            return None
        content: bytes = answer["Body"].read()
        return content

    def open_uploads(self) -> list[str]:
        answer = self.s3.list_multipart_uploads(Bucket=self.bucket)
        return [each["Key"] for each in answer.get("Uploads", ())]

    def wrong_with(self, job: Job) -> str:
        """What is wrong with a job at its end; nothing when it is migrated, or failed and still has its address."""
        row, content = self.row(job.id), self.content(job.key)
        status, stored = row["migration_status"], self.versions(job.key)
        if row["migration_attempts"] > 4:
            return f"{row['migration_attempts']} attempts"
        if status == "migrated":
            whole = content is not None and hashlib.sha256(content).digest() == job.sha256 == bytes(row["sha256"])
            named = (row["object_key"], row["video_url"]) == (job.key, f"s3://{self.bucket}/{job.key}")
            right = whole and named and len(stored) == 1
            return "" if right else f"migrated: {whole=}, {named=}, {len(stored)} objects"
        if status == "failed":
            kept = row["video_url"] == job.url and row["object_key"] is None
            return "" if kept and content is None else f"failed: {kept=}, object: {content is not None}"
        return f"still {status} after {row['migration_attempts']} attempts"


@contextmanager
def serving(cdn: Cdn) -> Iterator[Cdn]:
    """The CDN, listening on a thread."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        async with cdn.listener.listening():
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="cdn")
    thread.start()
    try:
        assert started.wait(10), "the CDN did not start"
        yield cdn
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


@contextmanager
def video_world(
    folder: Path, *, scene: Database | None = None, emulator: Emulator | None = None, **more: Any
) -> Iterator[VideoWorld]:
    """A world in a folder; parts that are given are used and left running."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if emulator is None:
            emulator = Emulator(folder / "emulator")
            emulator.start()
            stack.callback(emulator.end)
        if scene is None:
            scene = stack.enter_context(database_in(folder / "database"))
        cdn = stack.enter_context(serving(Cdn(Files())))
        yield VideoWorld(folder, scene, emulator, cdn, **more)
