"""The generator's CDN fails in every way it knows, messages are lost and doubled; every job comes to an end."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from local.standins.fal.downloads import RandomFaults
from tests.chaos.migrations import Queue, in_batches, own_world, pending, see_to_the_end, summary, workers
from tests.chaos.record import Figure, Record
from tests.lambdas.video_world import VideoWorld, Worker

TITLE = "Video migrations while 30 % of all downloads fail at random, and 10 % of all messages are lost or doubled"
SHORT: dict[str, Any] = {"jobs": 60, "rate": 0.3, "odd_messages": 0.1, "at_once": 4, "batch": 60, "seed": 1}
LONG: dict[str, Any] = {"jobs": 1000, "rate": 0.3, "odd_messages": 0.1, "at_once": 8, "batch": 100, "seed": 1}

_PATIENCE_SECONDS = 600.0


def run(
    record: Record, *, jobs: int, rate: float, odd_messages: float, at_once: int, batch: int, seed: int,
    world: VideoWorld | None = None,
) -> list[Figure]:  # fmt: skip
    """Migrate `jobs` videos, `at_once` at a time."""
    if world is None:
        with own_world(record) as made:
            return run(
                record, jobs=jobs, rate=rate, odd_messages=odd_messages, at_once=at_once, batch=batch, seed=seed,
                world=made,
            )  # fmt: skip
    with workers(world, at_once) as migrate, world.worker("sweep_videos") as sweep:

        def one(number: int, size: int) -> dict[str, Any]:
            return _batch(world, migrate, sweep, size, rate, odd_messages, random.Random(f"{seed}/{number}"))

        try:
            results = in_batches(record, jobs, batch, one)
        finally:
            world.cdn.faults.at_random = None
    faults = sum(result["faults"] for result in results)
    downloads = sum(result["downloads"] for result in results)
    return [
        Figure.exactly("jobs that ended", sum(result["migrated"] + result["failed"] for result in results), jobs),
        Figure.exactly("jobs that ended wrongly", [wrong for result in results for wrong in result["wrong"]], []),
        Figure.at_most("attempts of one job", max(result["attempts"] for result in results), 4),
        Figure.exactly("dangling multipart uploads", sum(result["open_uploads"] for result in results), 0),
        Figure("downloads that failed", f"{faults} of {downloads}", "about the rate asked for", faults > 0),
        Figure("migrated, failed", _ends(results), "for the reader", met=True),
    ]


def _batch(
    world: VideoWorld, migrate: list[Worker], sweep: Worker, size: int, rate: float, odd: float, lot: random.Random
) -> dict[str, Any]:
    world.cdn.faults.at_random = RandomFaults(rate=rate, seed=lot.randrange(2**31))
    jobs = [world.finished_job() for _ in range(size)]
    for job in jobs:
        world.give_back(world.message(job.id))
    with Queue(world, migrate, lot, odd=odd):
        # What is pending when no message is left was lost on the way; closing waits for the workers.
        world.emulator.wait_until(
            lambda: world.is_quiet() or not pending(world, jobs), "the queue is empty", _PATIENCE_SECONDS
        )
    see_to_the_end(world, jobs, migrate[0], sweep)
    result = summary(world, jobs)
    result["causes"] = Counter(row["migration_error"] for job in jobs if (row := world.row(job.id))["migration_error"])
    return result


def _ends(results: list[dict[str, Any]]) -> str:
    causes: Counter[str] = Counter()
    for result in results:
        causes.update(result["causes"])
    numbers = ", ".join(f"{cause} {number}" for cause, number in causes.most_common())
    migrated, failed = (sum(result[end] for result in results) for end in ("migrated", "failed"))
    return f"{migrated}, {failed} ({numbers})"
