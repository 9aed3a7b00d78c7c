"""Postgres restarts again and again while users order videos, generations end and videos migrate."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import psutil
import psycopg

from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.errors import DatabaseUnavailable
from lambdas.runtime.generations import PostgresGenerations, settle
from lambdas.runtime.generator import Generation, Stage
from lambdas.runtime.migration_queue import MigrationQueue
from lambdas.runtime.video_models import MODELS
from lambdas.submit_video.jobs import PostgresJobs
from lambdas.submit_video.requests import VideoRequest
from tests.chaos.migrations import Queue, in_batches, own_world, pending, see_to_the_end, summary, workers
from tests.chaos.record import Figure, Record
from tests.database.scene import Person
from tests.lambdas.phones import claims_of
from tests.lambdas.video_world import Job, VideoWorld, Worker

TITLE = "Postgres restarted or killed again and again while videos are paid for, settled and migrated"
SHORT: dict[str, Any] = {"jobs": 100, "every_seconds": (2.0, 4.0), "at_least": 2, "at_once": 3, "batch": 100, "seed": 1}
LONG: dict[str, Any] = {
    "jobs": 2000,
    "every_seconds": (5.0, 20.0),
    "at_least": 20,
    "at_once": 6,
    "batch": 200,
    "seed": 1,
}

_MODEL = "hailuo-02-standard"
_PRICE = MODELS[_MODEL].credits
_FAILING = 0.25  # of generations
_PATIENCE_SECONDS = 600.0
T = TypeVar("T")


def run(
    record: Record, *, jobs: int, every_seconds: tuple[float, float], at_least: int, at_once: int, batch: int,
    seed: int, world: VideoWorld | None = None,
) -> list[Figure]:  # fmt: skip
    """Take `jobs` videos from order to own storage."""
    if world is None:
        with own_world(record) as made:
            return run(
                record, jobs=jobs, every_seconds=every_seconds, at_least=at_least, at_once=at_once, batch=batch,
                seed=seed, world=made,
            )  # fmt: skip
    with workers(world, at_once) as migrate, world.worker("sweep_videos") as sweep:
        shop = _Shop(world)

        def one(number: int, size: int) -> dict[str, Any]:
            lot = random.Random(f"{seed}/{number}")
            return _batch(shop, migrate, sweep, size, every_seconds, -(-at_least * size // jobs), lot)

        try:
            results = in_batches(record, jobs, batch, one)
        finally:
            shop.close()

    def total(name: str) -> int:
        return sum(result[name] for result in results)

    return [
        Figure("restarts and kills of Postgres", total("restarts"), f">= {at_least}", total("restarts") >= at_least),
        Figure.exactly("jobs that ended", total("jobs") + total("refused"), jobs),
        Figure.exactly("jobs that ended wrongly", [wrong for result in results for wrong in result["wrong"]], []),
        Figure.exactly("still pending", total("jobs") - total("migrated") - total("failed"), 0),
        Figure.exactly("failed generations with other than one refund", total("refunds_off"), 0),
        Figure.exactly("users whose balance is not their ledger's", total("balances_off"), 0),
        Figure.exactly("jobs paid other than once", total("spends_off"), 0),
        Figure(
            "migrated, failed, refunded", f"{total('migrated')}, {total('failed')}, {total('refused')}", "", met=True
        ),
    ]


class _Shop:
    """The functions that serve a user and the generator, as many processes at once: a login for each thread."""

    def __init__(self, world: VideoWorld) -> None:
        self.world = world
        self._own = threading.local()
        self._opened: list[Database] = []
        client = world.emulator.client("sqs", world.session("fal_webhook"))
        self._queue = MigrationQueue(client, world.queue_url)

    def order(self, person: Person, key: str) -> uuid.UUID:
        """Order a video, as a phone does that hears nothing: again with the same key."""
        request = VideoRequest.of({"model": _MODEL, "prompt": "a canary"}, {"idempotency-key": key})
        jobs = PostgresJobs(self._database("submit_video"))
        return until_answered(lambda: jobs.spend(claims_of(person), uuid.uuid4(), request, request_id="r")).job_id

    def report(self, job_id: uuid.UUID, generation: Generation) -> None:
        """The generator reports how it ended, until it is heard, and once more."""
        jobs = PostgresGenerations(self._database("fal_webhook"), result_days=7)
        for _ in range(2):
            until_answered(lambda: settle(job_id, generation, jobs=jobs, queue=self._queue, request_id="report"))

    def close(self) -> None:
        for database in self._opened:
            database.close()

    def _database(self, function: str) -> Database:
        kept: dict[str, Database] = self._own.__dict__.setdefault("databases", {})
        if function not in kept:
            settings = DatabaseSettings(
                database_host=str(self.world.scene.server.sockets), database_port=5432, database_name="rendio",
                database_user=f"rendio_local_{function}", database_sslmode="disable",
            )  # fmt: skip
            kept[function] = Database(settings)
            self._opened.append(kept[function])
        return kept[function]


def _batch(
    shop: _Shop, migrate: list[Worker], sweep: Worker, size: int, every: tuple[float, float], at_least: int,
    lot: random.Random,
) -> dict[str, Any]:  # fmt: skip
    world = shop.world
    people = [world.scene.new_person(credits=_PRICE * size) for _ in range(5)]
    failing = [lot.random() < _FAILING for _ in range(size)]

    def serve(number: int) -> tuple[uuid.UUID, Job | None]:
        person = people[number % len(people)]
        job_id = shop.order(person, f"order-{number}")
        if failing[number]:
            shop.report(job_id, Generation(Stage.FAILED, error_code="generation_failed"))
            return job_id, None
        job = world.made(job_id, person)
        shop.report(job_id, Generation(Stage.COMPLETED, video_url=job.url))
        return job_id, job

    with _restarting(world, every, at_least, lot) as restarts, Queue(world, migrate, lot):
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(serve, range(size)))
        jobs = [job for _, job in made if job is not None]
        done = lambda: world.is_quiet() or not until_answered(lambda: pending(world, jobs))  # noqa: E731
        world.emulator.wait_until(done, "the queue is empty", _PATIENCE_SECONDS)
    see_to_the_end(world, jobs, migrate[0], sweep)
    refused = [job_id for job_id, job in made if job is None]
    return {**summary(world, jobs), **_audit(world, people, refused, size), "restarts": len(restarts)}


@contextmanager
def _restarting(
    world: VideoWorld, every: tuple[float, float], at_least: int, lot: random.Random
) -> Iterator[list[str]]:
    """Postgres goes down every so often, in order or by SIGKILL, and comes back at once."""
    ended, done, failures = threading.Event(), list[str](), list[BaseException]()

    def restart() -> None:
        try:
            while not (ended.wait(lot.uniform(*every)) and len(done) >= at_least):
                how = lot.choice(["stop", "kill"])
                _take_down(world, how)
                world.scene.server.start()
                done.append(how)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=restart, name="restarts")
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()
    assert not failures, failures


def _take_down(world: VideoWorld, how: str) -> None:
    server = world.scene.server
    process = server.process()
    if how == "stop" or process is None:
        server.stop()
        return
    family = [process, *process.children(recursive=True)]
    for each in family:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=30)


def until_answered(call: Callable[[], T]) -> T:
    """Repeat a call that finds no database, as its caller would."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return call()
        except (DatabaseUnavailable, psycopg.OperationalError):
            assert time.monotonic() < until, "the database did not come back"
            time.sleep(0.1)


def _audit(world: VideoWorld, people: list[Person], refused: list[uuid.UUID], size: int) -> dict[str, int]:
    """What the books say, against what was ordered and what failed."""
    owners = [person.user_id for person in people]
    with world.scene.superuser() as connection:
        ledger = connection.execute(
            "select job_id, reason, count(*) as number, sum(amount) as amount from public.credit_ledger"
            " where user_id = any(%s) group by job_id, reason",
            (owners,),
        ).fetchall()
        balances = connection.execute(
            "select u.credits_remaining as credits, (select coalesce(sum(amount), 0) from public.credit_ledger l"
            " where l.user_id = u.id) as entries from public.users u where u.id = any(%s)",
            (owners,),
        ).fetchall()
    spends = [row for row in ledger if row["reason"] == "video"]
    refunds = {row["job_id"]: (row["number"], row["amount"]) for row in ledger if row["reason"] == "refund"}
    return {
        "refused": len(refused),
        "refunds_off": len(refunds.keys() ^ set(refused)) + sum(each != (1, _PRICE) for each in refunds.values()),
        "spends_off": abs(len(spends) - size) + sum((row["number"], row["amount"]) != (1, -_PRICE) for row in spends),
        "balances_off": sum(row["credits"] != _PRICE * size + row["entries"] for row in balances),
    }
