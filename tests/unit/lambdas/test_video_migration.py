"""What one attempt makes of a video's row, whatever copying comes to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lambdas.migrate_video.errors import Cause, CopyFailedForGood, CopyFailedForNow, Phase
from lambdas.migrate_video.logic import Attempt, Migration, Migrator, Outcome
from lambdas.migrate_video.video_copy import Copied, Stored
from lambdas.runtime.video_keys import VideoKey

COPIED = Copied(9, "00" * 32, 0.1, 0.2)
FOR_NOW = CopyFailedForNow(Phase.DOWNLOAD, Cause.BUSY, "the origin answered 503")
FOR_GOOD = CopyFailedForGood(Phase.DOWNLOAD, Cause.GONE, "the video is gone (404)")


@dataclass
class World:
    """One job, whose copy comes to `copy`."""

    copy_gives: Stored | Exception = COPIED
    attempts: int = 0
    due: bool = True
    lost: bool = False
    calls: list[Any] = field(default_factory=list)
    key: VideoKey = field(default_factory=lambda: VideoKey(uuid.uuid4(), uuid.uuid4()))

    def begin(self, job_id: uuid.UUID, *, lease_seconds: int) -> Attempt | None:
        assert lease_seconds == 60
        if not self.due or job_id != self.key.job_id:
            return None
        self.attempts += 1
        return Attempt(self.key, self.attempts, "https://generator.test/secret.mp4", "order-1")

    def copy(self, video_url: str, key: VideoKey) -> Stored:
        if isinstance(self.copy_gives, Exception):
            raise self.copy_gives
        return self.copy_gives

    def migrated(self, attempt: Attempt, stored: Stored) -> bool:
        return self._noted("migrated")

    def put_off(self, attempt: Attempt, *, seconds: int, cause: str) -> bool:
        return self._noted("put_off", seconds, cause)

    def failed(self, attempt: Attempt, *, cause: str) -> bool:
        return self._noted("failed", cause)

    def send(self, job_id: uuid.UUID, request_id: str, *, order_request_id: str, delay_seconds: int = 0) -> bool:
        return self._noted("send", request_id, order_request_id, delay_seconds)

    def _noted(self, *what: Any) -> bool:
        self.calls.append(what if len(what) > 1 else what[0])
        return not self.lost

    def migrator(self) -> Migrator:
        return Migrator(self, self, self, total_seconds=30, retry_seconds=30, chance=lambda _, bound: bound)

    def migrate(self) -> Migration:
        return self.migrator().migrate(self.key.job_id, "r1", began=lambda _: None)


@pytest.mark.plan("M6")
def test_a_copy_makes_the_job_migrated() -> None:
    world = World()
    assert world.migrate() == Migration(Outcome.MIGRATED, copied=COPIED)
    assert world.calls == ["migrated"]


@pytest.mark.plan("M6")
def test_a_job_that_is_not_due_is_left_alone() -> None:
    world = World(due=False)
    assert world.migrate() == Migration(Outcome.NOTHING_TO_DO)
    assert world.calls == []


@pytest.mark.plan("M7")
def test_a_passing_failure_is_tried_again_later_and_later_three_times_and_then_given_up() -> None:
    world = World(copy_gives=FOR_NOW)
    assert [world.migrate().outcome for _ in range(4)] == [Outcome.RETRY] * 3 + [Outcome.FAILED]
    assert world.calls == [
        ("put_off", 30, "busy"), ("send", "r1", "order-1", 31),
        ("put_off", 60, "busy"), ("send", "r1", "order-1", 61),
        ("put_off", 120, "busy"), ("send", "r1", "order-1", 121),
        ("failed", "busy"),
    ]  # fmt: skip


@pytest.mark.plan("M7")
def test_a_failure_for_good_is_not_tried_again() -> None:
    world = World(copy_gives=FOR_GOOD)
    assert world.migrate() == Migration(Outcome.FAILED, "gone")
    assert world.calls == [("failed", "gone")]


@pytest.mark.plan("M7")
def test_a_mistake_of_our_own_ends_as_well(written: Callable[[], list[dict[str, Any]]]) -> None:
    world = World(copy_gives=KeyError("https://fal.media/secret.mp4"))
    assert [world.migrate().outcome for _ in range(4)] == [Outcome.RETRY] * 3 + [Outcome.FAILED]
    assert "secret.mp4" not in str(written())


@pytest.mark.plan("M6")
@pytest.mark.parametrize("copy_gives", [COPIED, FOR_NOW, FOR_GOOD])
def test_an_attempt_that_lost_its_row_asks_for_nothing(copy_gives: Stored | Exception) -> None:
    world = World(copy_gives=copy_gives, lost=True)
    assert world.migrate().outcome is Outcome.SETTLED
    assert not any("send" in call for call in world.calls)


def test_an_attempt_does_not_show_its_address() -> None:
    world = World()
    assert "secret" not in repr(world.begin(world.key.job_id, lease_seconds=60))


@pytest.mark.parametrize(("number", "bound"), [(1, 30), (2, 60), (3, 120), (6, 890)])
def test_waits_double_up_to_a_bound_and_are_drawn_by_lot(number: int, bound: int) -> None:
    assert World().migrator().backoff_seconds(number) == bound
    lots: list[tuple[float, float]] = []

    def chance(low: float, high: float) -> float:
        lots.append((low, high))
        return low

    assert Migrator(World(), World(), World(), 30, 30, chance=chance).backoff_seconds(number) == 0
    assert lots == [(0, bound)]
