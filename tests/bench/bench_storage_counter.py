"""What the storage count's trigger costs a writer: `python -m tests.bench.bench_storage_counter`.

A writer is what migrate_video does for one video: the object into S3, and the row's update by its own login. The same
writes are made with the trigger and without it, taking turns in one run, and medians are compared. The row's update
alone is printed as well: the trigger's share of it says nothing of what a writer feels.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

from lambdas.runtime import clients
from lambdas.runtime.database import Database
from tests.database.scene import Person
from tests.lambdas.clean_up_world import NAMES, CleanUpWorld, clean_up_world
from tests.lambdas.conftest import Tokens

WRITES, ROUNDS, BYTES, BOUND = 50, 12, 1024 * 1024, 1.02


def main() -> int:
    clients.rds = Tokens  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder, clean_up_world(Path(folder)) as world:
        return _compare(world)


def _compare(world: CleanUpWorld) -> int:
    owner = world.scene.new_person()
    whole: dict[bool, list[float]] = {True: [], False: []}
    rows: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        for counted in (True, False) if number % 2 else (False, True):
            world.say(f"alter table public.video_jobs {'enable' if counted else 'disable'} trigger user")
            for both, row in _writes(world, owner):
                whole[counted].append(both)
                rows[counted].append(row)
    with_it, without = (statistics.median(whole[counted]) for counted in (True, False))
    row_with, row_without = (statistics.median(rows[counted]) for counted in (True, False))
    ratio = 1 + (row_with - row_without) / without
    print(f"writer: {1000 * with_it:.2f} ms with the count, {1000 * without:.2f} ms without: {with_it / without:.3f}")
    print(f"row alone: {1000 * row_with:.3f} ms with the count, {1000 * row_without:.3f} ms without")
    print(f"the count makes a writer take {ratio:.4f} of its time (wanted: at most {BOUND})")
    return 0 if ratio <= BOUND else 1


def _writes(world: CleanUpWorld, owner: Person) -> list[tuple[float, float]]:
    """Seconds of each write, and of its row's transaction within."""
    s3, database, body = world.storage("migrate_video"), world.database("migrate_video"), b"v" * BYTES
    jobs = [world.scene.new_job(owner, "pending") for _ in range(WRITES)]
    took = []
    for job in jobs:
        key = f"videos/{owner.auth_user_id}/{job}.mp4"
        began = time.perf_counter()
        s3.put_object(Bucket=NAMES.videos_bucket, Key=key, Body=body)
        stored = time.perf_counter()
        _settle(database, job, key)
        ended = time.perf_counter()
        took.append((ended - began, ended - stored))
    database.close()
    return took[1:]  # the first opens the connections


def _settle(database: Database, job: uuid.UUID, key: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "update public.video_jobs set migration_status = 'migrated', object_key = %s, bytes = %s, sha256 = '\\x00',"
            " migrated_at = now() where id = %s and migration_status = 'pending'",
            (key, BYTES, job),
        )


if __name__ == "__main__":
    sys.exit(main())
