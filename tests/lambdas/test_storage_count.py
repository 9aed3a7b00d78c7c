"""The storage count is what lies in the bucket: whatever writers do, whenever they die, whoever meddles."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.monitor_storage.logic import FAR, Amount, differences, forecast
from lambdas.runtime import clients
from lambdas.runtime.database import Cursor
from tests.database.scene import Person, database_in
from tests.lambdas.clean_up_world import NAMES, CleanUpWorld, count_of, killed_at
from tests.lambdas.conftest import Tokens
from tests.local.ministack.emulator import Emulator

WRITES, WRITERS = 500, 8


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanUpWorld]:
    folder = tmp_path_factory.mktemp("storage-count")
    emulator = Emulator(folder)
    emulator.start()
    try:
        with database_in(folder / "state") as scene:
            yield CleanUpWorld(scene, emulator)
    finally:
        emulator.end()


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "rds", Tokens)


def count(world: CleanUpWorld) -> Amount:
    with world.scene.superuser() as connection:
        return Amount(*count_of(connection, "videos"))


def in_bucket(world: CleanUpWorld) -> Amount:
    pages = world.s3.get_paginator("list_objects_v2").paginate(Bucket=NAMES.videos_bucket)
    sizes = [each["Size"] for page in pages for each in page.get("Contents", ())]
    return Amount(sum(sizes), len(sizes))


def reconcile(world: CleanUpWorld) -> Amount:
    """What `monitor_storage` does once a day, a quarter of an hour later; by how much the count was wrong."""
    counts, bucket, rows = world.monitor("videos")
    now = datetime.now(UTC) + timedelta(minutes=16)
    there, other, found = differences(bucket, rows, expected=0, now=now, may_go_on=lambda: True)
    return counts.correct("videos", found, counted=there, other=other)


class Writer:
    """One writer: stores videos as migrate_video does, and removes them as a user or the retention does."""

    def __init__(self, world: CleanUpWorld, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)
        self.owner = world.scene.new_person()
        self.jobs = world.database("migrate_video")
        self.storage = world.storage("migrate_video")
        self.sweep = world.database("sweep_videos")
        self.removal = world.storage("sweep_videos")
        self.stored: list[uuid.UUID] = []

    def key(self, job: uuid.UUID) -> str:
        return f"videos/{self.owner.auth_user_id}/{job}.mp4"

    def work(self, times: int) -> None:
        for _ in range(times):
            what = self.random.random()
            if what < 0.65 or not self.stored:
                self.store()
            else:
                self.remove(self.stored.pop(self.random.randrange(len(self.stored))))
            if what < 0.05:
                self.monitor()

    def store(self) -> None:
        """The object, then the row; sometimes it dies between the two, and another attempt finds the object there."""
        job, size = self.world.scene.new_job(self.owner, "pending"), self.random.randrange(1, 2000)
        for _ in range(2 if self.random.random() < 0.2 else 1):
            self.storage.put_object(Bucket=NAMES.videos_bucket, Key=self.key(job), Body=b"v" * size)
        if self.random.random() < 0.1:  # a transaction that is lost leaves neither row nor delta
            with self.jobs.transaction() as cursor:
                self._migrated(cursor, job, size)
                cursor.execute("rollback")
                cursor.execute("begin")
        with self.jobs.transaction() as cursor:
            self._migrated(cursor, job, size)
        self.stored.append(job)

    def _migrated(self, cursor: Cursor, job: uuid.UUID, size: int) -> None:
        cursor.execute(
            "update public.video_jobs set migration_status = 'migrated', object_key = %s, bytes = %s, sha256 = '\\x00'"
            " where id = %s and migration_status = 'pending'",
            (self.key(job), size, job),
        )

    def remove(self, job: uuid.UUID) -> None:
        self.world.say(f"update public.video_jobs set deleted_at = now(), deleted_because = 'user' where id = '{job}'")
        self.removal.delete_object(Bucket=NAMES.videos_bucket, Key=self.key(job))
        with self.sweep.transaction() as cursor:
            cursor.execute(
                "update public.video_jobs set object_key = null, thumbnail_key = null"
                " where id = %s and deleted_at is not null",
                (job,),
            )

    def monitor(self) -> None:
        self.world.monitor("videos")[0].roll_up()


@pytest.mark.plan("M12")
def test_the_count_is_exact_after_many_writers(counted: CleanUpWorld) -> None:
    writers = [Writer(counted, seed) for seed in range(WRITERS)]
    threads = [threading.Thread(target=writer.work, args=(WRITES // WRITERS,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(counted) == in_bucket(counted) != Amount()
    counts, _, _ = counted.monitor("videos")
    counts.roll_up()
    assert count(counted) == counts.count("videos") == in_bucket(counted)
    assert counted.say("select from rendio.storage_deltas") == []
    assert reconcile(counted) == Amount()


@pytest.mark.plan("M12")
def test_a_writer_killed_anywhere_leaves_a_count_that_its_next_attempt_completes(counted: CleanUpWorld) -> None:
    owner = counted.scene.new_person()
    job = counted.scene.new_job(owner, "pending")
    key = f"videos/{owner.auth_user_id}/{job}.mp4"

    def attempt() -> None:
        counted.storage("migrate_video").put_object(Bucket=NAMES.videos_bucket, Key=key, Body=b"v" * 77)
        with counted.database("migrate_video").transaction() as cursor:
            cursor.execute(
                "update public.video_jobs set migration_status = 'migrated', object_key = %s, bytes = 77,"
                " sha256 = '\\x00' where id = %s and migration_status = 'pending'",
                (key, job),
            )

    counted.storage("migrate_video")
    steps = 0
    while killed_at(steps + 1, attempt):
        steps += 1
        counts, _, _ = counted.monitor("videos")
        counts.roll_up()
    assert steps >= 6
    assert count(counted) == in_bucket(counted)


@pytest.mark.plan("M12")
def test_drift_is_found_and_mended_once(counted: CleanUpWorld) -> None:
    owner = counted.scene.new_person()
    lost, grown = (counted.stored_video(owner, size=40, updated_at="now() - interval '1 day'") for _ in range(2))
    assert count(counted) == in_bucket(counted)
    prefix = f"videos/{owner.auth_user_id}"
    counted.s3.delete_object(Bucket=NAMES.videos_bucket, Key=f"{prefix}/{lost}.mp4")
    counted.put(NAMES.videos_bucket, f"{prefix}/{grown}.mp4", size=100)
    counted.put(NAMES.videos_bucket, f"{prefix}/{uuid.uuid4()}.mp4", size=1000)
    counted.say("update rendio.storage_totals set bytes = bytes + 5, objects = objects - 1 where bucket = 'videos'")
    assert reconcile(counted) == Amount(-40 + 60 + 1000 - 5, 0 + 1)
    assert count(counted) == in_bucket(counted)
    assert reconcile(counted) == Amount()
    row = counted.say("select * from rendio.storage_measurements order by id desc offset 1 limit 1")[0]
    assert (row["drift_bytes"], row["drift_objects"]) == (1015, 1)
    assert row["other_bytes"] >= 80, "old versions weigh, too"


@pytest.mark.plan("M12")
def test_what_is_on_its_way_is_no_drift(counted: CleanUpWorld) -> None:
    _, bucket, rows = counted.monitor("videos")
    owner = counted.scene.new_person()

    def found(minutes: int) -> Amount:
        now = datetime.now(UTC) + timedelta(minutes=minutes)
        return differences(bucket, rows, expected=0, now=now, may_go_on=lambda: True)[2]

    soon, later = found(0), found(16)
    counted.put(NAMES.videos_bucket, f"videos/{owner.auth_user_id}/{uuid.uuid4()}.mp4", size=9)
    assert found(0) == soon
    assert found(16) - later == Amount(9, 1)


@pytest.mark.plan("M12")
def test_parts_of_the_keys_add_up_to_the_whole(counted: CleanUpWorld) -> None:
    _, bucket, rows = counted.monitor("videos")
    whole, parts = (
        differences(bucket, rows, expected=n, now=datetime.now(UTC), may_go_on=lambda: True) for n in (0, 50_000)
    )
    assert whole == parts


@pytest.mark.plan("M17")
def test_credits_that_are_not_their_ledgers_sum_are_found(counted: CleanUpWorld) -> None:
    counts, _, _ = counted.monitor("videos")
    before = counts.imbalanced_users()
    person: Person = counted.scene.new_person(credits=4)
    assert counts.imbalanced_users() == before + 1
    counted.say(
        f"insert into public.credit_ledger (user_id, amount, reason) values ('{person.user_id}', 4, 'free_grant')"
    )
    assert counts.imbalanced_users() == before


def test_the_forecast_goes_by_the_last_week() -> None:
    assert forecast(50, 200, None) == forecast(50, 200, (50, 0.0))
    assert forecast(50, 200, None).percent == 25
    week = forecast(80, 200, (10, 7.0))
    assert (week.growth, week.days_to_full) == (10, 12)
    assert forecast(50, 200, (80, 7.0)).days_to_full == FAR
