"""The storage count is what lies in the bucket: whatever writers do, whenever they die, whoever meddles."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lambdas.monitor_storage.logic import FAR, Amount, differences, forecast
from lambdas.runtime import clients
from tests.chaos import storage_count
from tests.chaos.record import Record, unmet
from tests.database.scene import Person
from tests.lambdas.clean_up_world import NAMES, CleanUpWorld, clean_up_world, killed_at
from tests.lambdas.conftest import Tokens


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanUpWorld]:
    with clean_up_world(tmp_path_factory.mktemp("storage-count")) as world:
        yield world


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "rds", Tokens)


@pytest.mark.plan("M12")
def test_the_count_is_exact_after_many_writers_and_kills(tmp_path: Path) -> None:
    record = Record(tmp_path / "storage-count")
    record.begin(storage_count.SHORT)
    assert not unmet(storage_count.run(record, **storage_count.SHORT))


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
    assert counted.count() == counted.in_bucket()


@pytest.mark.plan("M12")
def test_drift_is_found_and_mended_once(counted: CleanUpWorld) -> None:
    owner = counted.scene.new_person()
    lost, grown = (counted.stored_video(owner, size=40, updated_at="now() - interval '1 day'") for _ in range(2))
    assert counted.count() == counted.in_bucket()
    prefix = f"videos/{owner.auth_user_id}"
    counted.s3.delete_object(Bucket=NAMES.videos_bucket, Key=f"{prefix}/{lost}.mp4")
    counted.put(NAMES.videos_bucket, f"{prefix}/{grown}.mp4", size=100)
    counted.put(NAMES.videos_bucket, f"{prefix}/{uuid.uuid4()}.mp4", size=1000)
    counted.say("update rendio.storage_totals set bytes = bytes + 5, objects = objects - 1 where bucket = 'videos'")
    assert counted.reconcile() == Amount(-40 + 60 + 1000 - 5, 0 + 1)
    assert counted.count() == counted.in_bucket()
    assert counted.reconcile() == Amount()
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
