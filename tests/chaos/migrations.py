"""What the queue and the schedule do around the worker, for experiments: hand over and sweep until all is done."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.chaos.record import Record
from tests.lambdas.video_world import Job, VideoWorld, Worker, video_world

_ROUNDS = 8


@contextmanager
def own_world(record: Record) -> Iterator[VideoWorld]:
    """A world in the experiment's folder. Of what an earlier run left in it nothing is needed."""
    folder = record.folder / "world"
    shutil.rmtree(folder, ignore_errors=True)
    with video_world(folder) as world:
        yield world


class Queue:
    """The event source: takes messages from the queue and hands each to a free worker, as long as it is open.

    `lot` loses some messages on the way, as a killed worker would, and hands some over twice.
    """

    def __init__(self, world: VideoWorld, workers: Sequence[Worker], lot: random.Random, *, odd: float = 0.0) -> None:
        self._world, self._workers, self._lot, self._odd = world, workers, lot, odd
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._serve, args=(worker,)) for worker in workers]

    def __enter__(self) -> Queue:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def _serve(self, worker: Worker) -> None:
        while not self._closed.is_set():
            for event in self._world.receive(wait=1, most=1):
                odd = self._lot.random()
                if odd < self._odd / 2:
                    continue
                for _ in range(2 if odd < self._odd else 1):
                    if worker.handle(event).answer != {"batchItemFailures": []}:
                        self._world.give_back(event)


@contextmanager
def workers(world: VideoWorld, number: int) -> Iterator[list[Worker]]:
    """That many warm processes of migrate_video."""
    with ExitStack() as stack:
        yield [stack.enter_context(world.worker("migrate_video")) for _ in range(number)]


def see_to_the_end(world: VideoWorld, jobs: Sequence[Job], migrate: Worker, sweep: Worker) -> None:
    """What the schedule and the queue do, with the waiting left out."""
    for _ in range(_ROUNDS):
        if not pending(world, jobs):
            return
        world.time_passes()
        swept = sweep.handle({})
        assert not swept.error, swept.error
        while events := world.receive():
            for event in events:
                migrate.handle(event)


def pending(world: VideoWorld, jobs: Sequence[Job]) -> int:
    """How many of the jobs have not come to their end."""
    with world.scene.superuser() as connection:
        row = connection.execute(
            "select count(*) as number from public.video_jobs where id = any(%s) and migration_status = 'pending'",
            ([job.id for job in jobs],),
        ).fetchone()
    assert row is not None
    return int(row["number"])


def summary(world: VideoWorld, jobs: Sequence[Job]) -> dict[str, Any]:
    """How the jobs ended: what is wrong with which, and how many ended how."""
    rows = [world.row(job.id) for job in jobs]
    return {
        "jobs": len(jobs),
        "wrong": [f"{job.id}: {wrong}" for job in jobs if (wrong := world.wrong_with(job))],
        "migrated": sum(row["migration_status"] == "migrated" for row in rows),
        "failed": sum(row["migration_status"] == "failed" for row in rows),
        "attempts": max(row["migration_attempts"] for row in rows),
        "downloads": sum(len(job.file.downloads) for job in jobs),
        "faults": sum(download.fault != "pass" for job in jobs for download in job.file.downloads),
        "open_uploads": len(world.open_uploads()),
    }


def in_batches(
    record: Record, jobs: int, batch: int, one: Callable[[int, int], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Run `one(number of the batch, its size)` for each batch that no earlier run has done; all results."""
    for number, start in enumerate(range(0, jobs, batch)):
        unit = f"batch/{number}"
        if not record.done(unit):
            record.note(unit, one(number, min(batch, jobs - start)))
        record.progress(min(start + batch, jobs), jobs, "jobs")
    return list(record.results.values())
