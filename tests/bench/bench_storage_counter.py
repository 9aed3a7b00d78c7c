"""What the storage count's trigger costs a writer: `python -m tests.bench.bench_storage_counter`.

A writer is what a worker waits for: the shortest whole copy there is (take the row, a megabyte into this machine's S3,
settle the row), and within it the transaction that settles the row. Postgres waits for its disk at each commit here, as
RDS does and the laptop's does not; the transaction is measured without that wait, too: there the trigger weighs most.
The same writes are made with the trigger and without it, in turns in one run. The fastest tenth of each is compared:
the others wait for whatever else the machine does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from lambdas.migrate_video.jobs import PostgresJobs
from lambdas.migrate_video.video_copy import Copied
from lambdas.runtime import clients
from tests.database.scene import Person
from tests.lambdas.clean_up_world import NAMES, CleanUpWorld, clean_up_world
from tests.lambdas.conftest import Tokens

WRITES, ROUNDS, BYTES, BOUND = 40, 12, 1024 * 1024, 1.02
COPIED = Copied(bytes=BYTES, sha256="00" * 32, seconds_download=0.0, seconds_upload=0.0)
# Seconds of each whole copy and of its settling transaction, by whether the trigger was there.
Times = dict[bool, list[tuple[float, float]]]


def main() -> int:
    clients.rds = Tokens  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder, clean_up_world(Path(folder)) as world:
        owner = world.scene.new_person()
        durable, hasty = _measured(world, owner, durable=True), _measured(world, owner, durable=False)
    met = _told("whole copy of 1 MB", durable, part=0)
    _told("transaction, waiting for the disk", durable, part=1)
    _told("transaction, not waiting", hasty, part=1)
    return 0 if met else 1


def _told(what: str, times: Times, *, part: int) -> bool:
    """Print one figure. What the trigger adds is seen in the transaction, in which nothing else varies."""
    whole = {counted: _undisturbed([each[part] for each in found]) for counted, found in times.items()}
    row = {counted: _undisturbed([each[1] for each in found]) for counted, found in times.items()}
    share = 1 + (row[True] - row[False]) / whole[False]
    print(
        f"{what}: {1000 * whole[True]:.3f} ms with the count, {1000 * whole[False]:.3f} ms without;"
        f" the count's {1000 * (row[True] - row[False]):+.3f} ms make it {share:.4f} (wanted: at most {BOUND})"
    )
    return share <= BOUND


def _undisturbed(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=10)[0]


def _measured(world: CleanUpWorld, owner: Person, *, durable: bool) -> Times:
    world.say(f"alter system set fsync = {'on' if durable else 'off'}")
    world.say("select pg_reload_conf()")
    times: Times = {True: [], False: []}
    for number in range(ROUNDS):
        for counted in (True, False) if number % 2 else (False, True):
            world.say(f"alter table public.video_jobs {'enable' if counted else 'disable'} trigger user")
            times[counted].extend(_writes(world, owner))
    return times


def _writes(world: CleanUpWorld, owner: Person) -> Iterator[tuple[float, float]]:
    s3, body = world.storage("migrate_video"), b"v" * BYTES
    due = [world.scene.new_job(owner, "pending") for _ in range(WRITES)]
    with closing(world.database("migrate_video")) as database:
        jobs = PostgresJobs(database, NAMES.videos_bucket)
        for number, job in enumerate(due):
            began = time.perf_counter()
            attempt = jobs.begin(job, lease_seconds=60)
            assert attempt is not None
            s3.put_object(Bucket=NAMES.videos_bucket, Key=str(attempt.key), Body=body)
            stored = time.perf_counter()
            assert jobs.migrated(attempt, COPIED)
            ended = time.perf_counter()
            if number:  # the first opens the connections
                yield ended - began, ended - stored


if __name__ == "__main__":
    sys.exit(main())
