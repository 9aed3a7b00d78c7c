"""What the storage count's trigger costs a writer: `python -m tests.bench.bench_storage_counter`.

A writer is what a worker waits for: a whole warm invocation of migrate_video, from its message to the settled row,
with a video of one megabyte from a generator on this machine, which is less than any real one. The transaction that
settles the row is measured beside it, by the same code and after the same pause: with Postgres waiting for its disk
at each commit, as RDS does, and without, as the laptop's. The same writes are made with the trigger and without it,
in turns in one run; of each the fastest quarter is compared, since the others wait for whatever else the machine
does. Where it does much, that says little of some hundredths of a millisecond: so what the trigger takes is asked of
Postgres, too (`explain analyze`, of the same statement under the same login).
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from lambdas.migrate_video import jobs as statements
from lambdas.migrate_video.jobs import PostgresJobs
from lambdas.migrate_video.video_copy import Copied
from lambdas.runtime import clients
from tests.lambdas.conftest import Tokens
from tests.lambdas.phones import function_database
from tests.lambdas.video_world import VideoWorld, Worker, video_world

WRITES, ROUNDS, BYTES, BOUND = 15, 16, 1024 * 1024, 1.02
COPIED = Copied(bytes=BYTES, sha256="00" * 32, seconds_download=0.0, seconds_upload=0.0)
# Seconds of each write, by whether the trigger was there.
Times = dict[bool, list[float]]


def main() -> int:
    clients.rds = Tokens  # type: ignore[assignment]
    whole: Times = {True: [], False: []}
    row: Times = {True: [], False: []}
    hasty: Times = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder, video_world(Path(folder)) as world:
        with world.worker("migrate_video") as worker:
            for number in range(ROUNDS):
                for counted in (True, False) if number % 2 else (False, True):
                    _say(world, f"alter table public.video_jobs {'enable' if counted else 'disable'} trigger user")
                    _durable(world, "off")
                    hasty[counted] += _settlements(world)
                    _durable(world, "on")
                    row[counted] += _settlements(world)
                    whole[counted] += _copies(world, worker)
        _say(world, "alter table public.video_jobs enable trigger user")
        added = statistics.median(_triggers(world))
    print(f"the trigger takes {1000 * added:.3f} ms, says Postgres")
    for what, times in (
        ("whole invocation", whole),
        ("its last transaction", row),
        ("the same, not waiting for the disk", hasty),
    ):
        seen = _fast(times[True]) / _fast(times[False])
        print(
            f"{what}: {1000 * _fast(times[True]):.3f} ms with the count, {1000 * _fast(times[False]):.3f} ms without:"
            f" {seen:.4f}; by what Postgres says {1 + added / _fast(times[False]):.4f} (wanted: at most {BOUND})"
        )
    return 0 if 1 + added / _fast(whole[False]) <= BOUND else 1


def _fast(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=4)[0]


def _copies(world: VideoWorld, worker: Worker) -> list[float]:
    took = []
    for job in [world.finished_job(size=BYTES) for _ in range(WRITES)]:
        began = time.perf_counter()
        done = worker.handle(world.message(job.id))
        took.append(time.perf_counter() - began)
        assert done.answer == {"batchItemFailures": []}, done
    return took[1:]  # the first opens what is not open


def _settlements(world: VideoWorld) -> list[float]:
    took = []
    due = [world.scene.new_job(world.owner, "pending") for _ in range(WRITES)]
    with closing(function_database(world.scene, "migrate_video")) as database:
        jobs = PostgresJobs(database, world.bucket)
        for job in due:
            attempt = jobs.begin(job, lease_seconds=60)
            assert attempt is not None
            time.sleep(0.02)  # a copy's time, in which the database does something else
            began = time.perf_counter()
            assert jobs.migrated(attempt, COPIED)
            took.append(time.perf_counter() - began)
    return took[1:]


def _triggers(world: VideoWorld) -> list[float]:
    """Seconds that the trigger took, once its plan is made."""
    took = []
    with world.scene.connect("migrate_video") as connection:
        for job in [world.scene.new_job(world.owner, "pending") for _ in range(WRITES * ROUNDS)]:
            connection.execute(
                "update public.video_jobs set migration_attempts = 1 where id = %s and migration_status = 'pending'",
                (job,),
            )
            given = {
                "job": job,
                "attempt": 1,
                "key": f"videos/x/{job}.mp4",
                "bytes": BYTES,
                "sha256": b"0",
                "url": "s3://x",
            }
            explained = connection.execute(
                ("explain (analyze, buffers off) " + statements._MIGRATED + statements._MINE).encode(), given
            ).fetchall()
            told = "\n".join(str(line) for row in explained for line in row.values())
            found = re.search(r"Trigger count_storage_update: time=([\d.]+)", told)
            assert found, told
            took.append(float(found[1]) / 1000)
    return took[10:]


def _durable(world: VideoWorld, fsync: str) -> None:
    _say(world, f"alter system set fsync = {fsync}")
    _say(world, "select pg_reload_conf()")


def _say(world: VideoWorld, statement: str) -> None:
    with world.scene.superuser() as connection:
        connection.execute(statement.encode())


if __name__ == "__main__":
    sys.exit(main())
