"""The video functions as several processes at once: each its own login and connection, one generator, one queue."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lambdas.delete_video.adapters import PostgresJobs as DeletedJobs
from lambdas.delete_video.logic import delete_video
from lambdas.fal_webhook.adapters import PostgresJobs as ReportedJobs
from lambdas.fal_webhook.keys import PublishedKeys, read_keys
from lambdas.fal_webhook.logic import Webhooks
from lambdas.fal_webhook.signatures import Signatures
from lambdas.runtime.errors import ApiError
from lambdas.runtime.generations import PostgresGenerations
from lambdas.runtime.generator import Fal, FalStorage
from lambdas.runtime.user_storage import StorageUnavailable
from lambdas.runtime.video_models import MODELS
from lambdas.submit_video.jobs import PostgresJobs as SubmittedJobs
from lambdas.submit_video.logic import Order, Submissions
from lambdas.submit_video.requests import KEY_HEADER, VideoRequest
from lambdas.view_video.jobs import PostgresVideos
from lambdas.view_video.logic import Videos
from local.standins.keys import FAL_USER_ID
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.phones import claims_of, function_database
from tests.local.standins.conftest import FalClient, serving

RESULT_DAYS = 7
MODEL = "hailuo-02-standard"
PRICE = 6
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
Answer = TypeVar("Answer")


@dataclass
class Key:
    """In place of the secret in Secrets Manager."""

    key: str

    def value(self) -> dict[str, Any]:
        return {"key": self.key}

    def forget(self) -> None:
        """It is read anew each time."""


@dataclass
class Queue:
    """In place of SQS: which jobs were handed to video migration, and which requests had ordered them."""

    sent: list[uuid.UUID] = field(default_factory=list)
    ordered_by: list[str] = field(default_factory=list)

    def send(self, job_id: uuid.UUID, _request_id: str, *, order_request_id: str) -> bool:
        self.sent.append(job_id)
        self.ordered_by.append(order_request_id)
        return True


@dataclass
class Storage:
    """In place of S3 in the user's own session: what lies there, and what was removed."""

    objects: dict[str, bytes] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    unavailable: bool = False

    def get(self, _user: uuid.UUID, key: str, *, maximum_bytes: int) -> bytes | None:
        return self.objects.get(key)

    def remove(self, _user: uuid.UUID, key: str) -> None:
        if self.unavailable:
            raise StorageUnavailable
        self.removed.append(key)

    def address(self, user: uuid.UUID, key: str, *, seconds: int) -> str:
        return f"https://own.test/{key}?as={user}&for={seconds}"


@dataclass
class Service:
    """Makes functions' processes, all of one deployment.

    `later` moves the clock of addresses; with `own_keys` each webhook process reads the generator's keys anew.
    """

    scene: Scene
    fal: FalClient
    queue: Queue = field(default_factory=Queue)
    storage: Storage = field(default_factory=Storage)
    webhook_url: str = "http://127.0.0.1:9/v1/webhooks/fal"
    keys_url: str = ""
    own_keys: bool = False
    later: float = 0.0
    keys: PublishedKeys | None = None
    keys_clock: float = 0.0

    @property
    def _key(self) -> Any:
        return Key(self.fal.key)

    @property
    def address(self) -> str:
        return str(self.fal.http.base_url).rstrip("/")

    def submissions(self, **changed: Any) -> Submissions:
        parts: dict[str, Any] = {
            "jobs": SubmittedJobs(function_database(self.scene, "submit_video")),
            "images": self.storage,
            "uploads": FalStorage(storage_url=self.address, key=self._key),
            "generator": Fal(queue_url=self.address, key=self._key),
            "webhook_url": self.webhook_url,
            "result_seconds": RESULT_DAYS * 86_400,
            "image_max_bytes": 1000,
        }
        return Submissions(**{**parts, **changed})

    def videos(self, **changed: Any) -> Videos:
        database = function_database(self.scene, "view_video")
        parts: dict[str, Any] = {
            "jobs": PostgresVideos(database),
            "open_jobs": PostgresGenerations(database, result_days=RESULT_DAYS),
            "generator": Fal(queue_url=self.address, key=self._key),
            "queue": self.queue,
            "storage": self.storage,
            "url_seconds": 900,
            "inline": None,
            "now": lambda: datetime.now(UTC) + timedelta(seconds=self.later),
        }
        return Videos(**{**parts, **changed})

    def webhooks(self, **changed: Any) -> Webhooks:
        database = function_database(self.scene, "fal_webhook")
        if self.keys is None or self.own_keys:
            url = self.keys_url or f"{self.address}/.well-known/jwks.json"
            self.keys = PublishedKeys(partial(read_keys, url), lambda: self.keys_clock)
        parts: dict[str, Any] = {
            "signatures": Signatures(FAL_USER_ID, self.keys),
            "jobs": ReportedJobs(database),
            "open_jobs": PostgresGenerations(database, result_days=RESULT_DAYS),
            "generator": Fal(queue_url=self.address, key=self._key),
            "queue": self.queue,
        }
        return Webhooks(**{**parts, **changed})

    # --- as a phone

    def order(self, person: Person, *, key: str | None = None, request_id: str = "order-1", **body: Any) -> Order:
        headers = {KEY_HEADER.lower(): key} if key else {}
        request = VideoRequest.of({"model": MODEL, "prompt": "a canary", **body}, headers)
        return self.submissions().submit(claims_of(person), request, request_id=request_id)

    def view(self, person: Person, job_id: uuid.UUID) -> dict[str, Any]:
        return self.videos().view(claims_of(person), str(job_id), request_id="r1")

    def delete(self, person: Person, job_id: uuid.UUID) -> None:
        jobs = DeletedJobs(function_database(self.scene, "delete_video"))
        delete_video(claims_of(person), str(job_id), jobs=jobs, storage=self.storage)

    # --- as the generator

    def made(self, job_id: uuid.UUID) -> dict[str, Any]:
        """The request of a job, as the stand-in's control knows it."""
        return {"request_id": self.row(job_id)["generator_request_id"]}

    def link(self, job_id: uuid.UUID) -> dict[str, Any]:
        """Where the generator has the job's result."""
        application = MODELS[self.row(job_id)["model"]].application
        request_id = self.made(job_id)["request_id"]
        return {"response_url": f"{self.address}/{application}/requests/{request_id}"}

    def finish(self, job_id: uuid.UUID, **how: Any) -> list[int | None]:
        """Complete the job's generation; gives the statuses that its call-back got."""
        statuses: list[int | None] = self.fal.complete(self.made(job_id), **how)["webhook_statuses"]
        return statuses

    def ended(self, person: Person, **outcome: Any) -> uuid.UUID:
        """A job whose generation has ended and whose call-back is held back."""
        self.fal.control("webhooks/hold")
        self.fal.control("outcomes", {"after_ms": 0, **outcome})
        job = self.order(person).job_id
        deadline = time.monotonic() + 20
        while self.fal.told(self.made(job))["status"] != "COMPLETED":
            assert time.monotonic() < deadline, "the stand-in did not end it"
            time.sleep(0.01)
        return job

    # --- as an auditor

    def row(self, job_id: uuid.UUID) -> dict[str, Any]:
        with self.scene.superuser() as connection:
            row = connection.execute("select * from public.video_jobs where id = %s", (job_id,)).fetchone()
        assert row
        return row

    def change(self, job_id: uuid.UUID, what: str) -> None:
        with self.scene.superuser() as connection:
            connection.execute(f"update public.video_jobs set {what} where id = %s".encode(), (job_id,))

    def account(self, person: Person) -> Account:
        with self.scene.superuser() as connection:
            row = connection.execute(
                "select u.credits_remaining, coalesce(sum(l.amount), 0) as ledger,"
                " count(*) filter (where l.reason = 'video') as spends,"
                " count(*) filter (where l.reason = 'refund') as refunds,"
                " (select count(*) from public.video_jobs j where j.user_id = u.id) as jobs"
                " from public.users u left join public.credit_ledger l on l.user_id = u.id"
                " where u.id = %s group by u.id",
                (person.user_id,),
            ).fetchone()
        assert row
        return Account(row["credits_remaining"], row["ledger"], row["spends"], row["refunds"], row["jobs"])


@dataclass(frozen=True)
class Account:
    """A user's books. The credits it began with are not in the ledger."""

    credits: int
    ledger: int
    spends: int
    refunds: int
    jobs: int


@contextmanager
def listening(webhooks: Callable[[], Webhooks]) -> Iterator[str]:
    """The webhook function behind real HTTP; `webhooks` makes a process for each call. Yields its address."""

    def answer(headers: dict[str, str], body: bytes, query: dict[str, str]) -> tuple[int, dict[str, str]]:
        try:
            webhooks().receive(headers, body, query, request_id="r1")
        except ApiError as error:
            return error.status, error.headers
        return 204, {}

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        status, headers = await run_in_threadpool(answer, dict(request.headers), body, dict(request.query_params))
        return Response(status_code=status, headers=headers)

    with serving(Starlette(routes=[Route("/v1/webhooks/fal", endpoint, methods=["POST"])])) as url:
        yield f"{url}/v1/webhooks/fal"


def at_once(calls: Sequence[Callable[[], Answer]]) -> list[Answer | Exception]:
    """Run all of them, begun together."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer | Exception:
        gate.wait(30)
        try:
            return call()
        except Exception as error:  # told to the caller, beside the others' answers
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
