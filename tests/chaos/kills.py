"""The worker is killed at every point of its way; the sweep and the next attempts make up for it."""

from __future__ import annotations

import random
from typing import Any

from local.standins.fal.downloads import DownloadFault
from tests.chaos.migrations import own_world, see_to_the_end
from tests.chaos.record import Figure, Record
from tests.lambdas.video_worker import HALF_WAY_BYTES, KILL_POINTS
from tests.lambdas.video_world import VideoWorld, Worker

TITLE = "SIGKILL of the video migration's worker at named points, each several times"
SHORT: dict[str, Any] = {"kills": 1, "seed": 1}
LONG: dict[str, Any] = {"kills": 20, "seed": 1}


def run(record: Record, *, kills: int, seed: int, world: VideoWorld | None = None) -> list[Figure]:
    """Kill at each of KILL_POINTS `kills` times, each time with a job of its own."""
    if world is None:
        with own_world(record) as made:
            return run(record, kills=kills, seed=seed, world=made)
    rounds = [(point, number) for number in range(kills) for point in KILL_POINTS]
    with (
        world.worker("migrate_video") as migrate,
        world.worker("sweep_videos") as sweep,
        world.worker("migrate_video") as victim,  # never warmed: its copies share no connection with it
    ):
        for done, (point, number) in enumerate(rounds, 1):
            unit = f"{point}/{number}"
            if not record.done(unit):
                lot = random.Random(f"{seed}/{unit}")
                record.note(unit, _one(world, victim, migrate, sweep, point, lot))
            record.progress(done, len(rounds), unit)
    results = list(record.results.values())
    return [
        Figure.exactly("kills", sum(result["killed"] for result in results), len(rounds)),
        Figure.exactly("jobs lost", [result["wrong"] for result in results if result["wrong"]], []),
        Figure.exactly("jobs with more than one object", sum(result["objects"] > 1 for result in results), 0),
        Figure.exactly("migrated", sum(result["status"] == "migrated" for result in results), len(rounds)),
        Figure.at_most("attempts of one job", max(result["attempts"] for result in results), 4),
        Figure.exactly("dangling multipart uploads", len(world.open_uploads()), 0),
    ]


def _one(
    world: VideoWorld, victim: Worker, migrate: Worker, sweep: Worker, point: str, lot: random.Random
) -> dict[str, Any]:
    """One job: killed at `point`, perhaps again elsewhere, and then seen to its end."""
    faults = [DownloadFault(kind="server_error")] if point == "put_off" else []
    job = world.finished_job(size=2 * HALF_WAY_BYTES, faults=faults)
    killed = victim.handle(world.message(job.id), kill_at=point).killed
    if lot.random() < 0.5:  # SQS gives the killed worker's message again; else it is the sweep's
        migrate.handle(world.message(job.id))
    if lot.random() < 0.3:
        world.time_passes()
        victim.handle(world.message(job.id), kill_at=lot.choice(KILL_POINTS))
    see_to_the_end(world, [job], migrate, sweep)
    row = world.row(job.id)
    return {
        "killed": killed,
        "wrong": world.wrong_with(job),
        "objects": len(world.versions(job.key)),
        "status": row["migration_status"],
        "attempts": row["migration_attempts"],
    }
