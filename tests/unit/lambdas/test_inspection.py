"""Every upload ends as a usable image or as a row that says why not, whatever dies, repeats or comes late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from lambdas.inspect_image.logic import Inspection, Inspector, Outcome, sweep
from lambdas.runtime.image_keys import IncomingKey, accepted_key
from tests.unit.lambdas.pictures import encoded, in_half
from tests.unit.lambdas.worlds import NOW, Killed, World, later

JPEG, OTHER_JPEG, HTML = encoded("JPEG"), encoded("JPEG", 200, 100), b"<html>photo.jpg</html>"
UPLOAD_SECONDS = 300


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def inspector(world: World) -> Inspector:
    return Inspector(images=world, uploads=world, maximum_bytes=1_000_000)


def swept(inspector: Inspector, now: datetime) -> dict[str, Inspection]:
    done: dict[str, Inspection] = {}

    def inspected(key: str, inspection: Callable[[], Inspection]) -> None:
        done[key] = inspection()

    sweep(inspector, now=now, upload_seconds=UPLOAD_SECONDS, inspected=inspected, may_go_on=lambda: True)
    return done


def is_usable(world: World, key: IncomingKey, content: bytes) -> bool:
    """The row is ready, and its object is this content, in the version the row names, and the upload is gone."""
    row, kept = world.row(key), accepted_key(key.auth_user_id, key.image_id, "image/jpeg")
    return (
        (row.status, row.object_key) == ("ready", kept)
        and world.current(kept) == content
        and world.objects[kept][-1][0] == row.object_version
        and str(key) not in world.objects
    )


def is_refused(world: World, key: IncomingKey, reason: str) -> bool:
    row = world.row(key)
    return (row.status, row.reason) == ("refused", reason) and list(world.objects) == []


@pytest.mark.plan("M3")
def test_a_photograph_becomes_usable(world: World, inspector: Inspector) -> None:
    key = world.announce()
    assert inspector.inspect(str(key), world.upload(key, JPEG)) == Inspection(Outcome.READY)
    assert is_usable(world, key, JPEG)


@pytest.mark.plan("M3")
@pytest.mark.parametrize(
    ("content", "declared", "reason"),
    [
        (b"", "image/jpeg", "empty"),
        (HTML, "image/jpeg", "not_an_image"),
        (in_half(JPEG), "image/jpeg", "truncated"),
        (JPEG, "image/png", "type_mismatch"),
        (bytes(1_000_001), "image/jpeg", "too_large"),
    ],
)
def test_what_is_no_image_goes_and_the_row_says_why(
    world: World, inspector: Inspector, content: bytes, declared: str, reason: str
) -> None:
    key = world.announce(declared)
    done = inspector.inspect(str(key), world.upload(key, content))
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
    assert is_refused(world, key, reason)


@pytest.mark.parametrize("content", [JPEG, HTML], ids=["image", "html"])
def test_an_event_that_comes_twice_is_counted_once(world: World, inspector: Inspector, content: bytes) -> None:
    key = world.announce()
    version = world.upload(key, content)
    first = inspector.inspect(str(key), version)
    before = world.row(key).__dict__.copy()
    assert first.outcome in {Outcome.READY, Outcome.REFUSED}
    assert inspector.inspect(str(key), version) == Inspection(Outcome.SETTLED)
    assert world.row(key).__dict__ == before


@pytest.mark.plan("M3")
@pytest.mark.parametrize("replayed", [OTHER_JPEG, HTML], ids=["image", "html"])
def test_replaying_the_form_after_acceptance_changes_nothing(
    world: World, inspector: Inspector, replayed: bytes
) -> None:
    key = world.announce()
    inspector.inspect(str(key), world.upload(key, JPEG))
    assert inspector.inspect(str(key), world.upload(key, replayed)) == Inspection(Outcome.SETTLED)
    assert is_usable(world, key, JPEG)


def test_replaying_the_form_with_an_image_after_refusal_changes_nothing(world: World, inspector: Inspector) -> None:
    key = world.announce()
    inspector.inspect(str(key), world.upload(key, HTML))
    inspector.inspect(str(key), world.upload(key, JPEG))
    assert is_refused(world, key, "not_an_image")


def test_a_version_written_during_inspection_is_not_what_is_accepted(world: World, inspector: Inspector) -> None:
    """The user swaps the content between check and copy: the checked version is what is copied."""
    key = world.announce()
    first = world.upload(key, JPEG)

    def swap() -> None:
        assert inspector.inspect(str(key), world.upload(key, HTML)) == Inspection(Outcome.BUSY)

    world.during_copy = swap
    inspector.inspect(str(key), first)
    assert is_usable(world, key, JPEG)


def test_of_two_versions_either_may_win_but_row_and_object_agree(world: World, inspector: Inspector) -> None:
    key = world.announce()
    world.upload(key, JPEG)
    second = world.upload(key, OTHER_JPEG)
    inspector.inspect(str(key), second)
    inspector.inspect(str(key), "v1")
    assert is_usable(world, key, OTHER_JPEG)


STEPS = 7


@pytest.mark.plan("M3")
@pytest.mark.parametrize("content", [JPEG, HTML], ids=["image", "html"])
@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("mended_by", ["the event's repetition", "the sweep"])
def test_a_kill_at_any_step_is_mended(
    world: World, inspector: Inspector, content: bytes, step: int, mended_by: str
) -> None:
    key = world.announce()
    version = world.upload(key, content)
    world.die_at = step
    try:
        inspector.inspect(str(key), version)
    except Killed:
        world.held.clear()  # the lock was the connection's
    world.die_at = None
    if mended_by == "the sweep":
        swept(inspector, later(UPLOAD_SECONDS + 61))
    else:
        inspector.inspect(str(key), version)
    assert is_usable(world, key, JPEG) if content == JPEG else is_refused(world, key, "not_an_image")


def test_the_kills_above_cover_every_step(world: World, inspector: Inspector) -> None:
    key = world.announce()
    inspector.inspect(str(key), world.upload(key, JPEG))
    assert world.steps == STEPS


def test_a_lost_event_is_found_by_the_sweep(world: World, inspector: Inspector) -> None:
    key = world.announce()
    world.upload(key, JPEG)
    assert swept(inspector, later(59)) == {}, "the event may still come"
    swept(inspector, later(61))
    assert is_usable(world, key, JPEG)


def test_a_form_that_nobody_used_is_closed_after_its_end_and_not_before(world: World, inspector: Inspector) -> None:
    key = world.announce()
    swept(inspector, later(UPLOAD_SECONDS + 59))
    assert world.row(key).status == "pending"
    swept(inspector, later(UPLOAD_SECONDS + 61))
    assert is_refused(world, key, "never_uploaded")


def test_an_upload_that_no_row_speaks_of_goes(world: World, inspector: Inspector) -> None:
    mine, theirs = world.announce(), world.announce()
    strangers = [IncomingKey(theirs.auth_user_id, mine.image_id), "incoming/readme.txt", "incoming/a/b/c"]
    for stranger in strangers:
        world.upload(stranger, JPEG)
    done = swept(inspector, later(61))
    assert {key: inspection.outcome for key, inspection in done.items()} == {
        str(key): Outcome.STRAY for key in strangers
    }
    assert list(world.objects) == []


@pytest.mark.plan("M3")
def test_a_replay_while_the_first_run_still_tidies_up_goes_too(world: World, inspector: Inspector) -> None:
    key = world.announce()
    inspector.inspect(str(key), world.upload(key, JPEG))
    replay = world.upload(key, HTML)
    with world.hold(key):
        assert inspector.inspect(str(key), replay) == Inspection(Outcome.SETTLED)
    assert is_usable(world, key, JPEG)


def test_a_run_that_is_not_alone_leaves_the_image_to_the_other(world: World, inspector: Inspector) -> None:
    key = world.announce()
    version = world.upload(key, JPEG)
    with world.hold(key):
        assert inspector.inspect(str(key), version) == Inspection(Outcome.BUSY)
    inspector.inspect(str(key), version)
    assert is_usable(world, key, JPEG)


def test_the_sweep_ends_when_time_does_and_the_next_goes_on(world: World, inspector: Inspector) -> None:
    keys = [world.announce() for _ in range(3)]
    for key in keys:
        world.upload(key, JPEG)
    budget, done = iter([True, False]), list[Inspection]()
    sweep(
        inspector,
        now=later(61),
        upload_seconds=UPLOAD_SECONDS,
        inspected=lambda _, inspection: done.append(inspection()),
        may_go_on=lambda: next(budget),
    )
    assert done == [Inspection(Outcome.READY)]
    swept(inspector, later(61))
    assert all(is_usable(world, key, JPEG) for key in keys)


def test_two_sweeps_do_no_harm(world: World, inspector: Inspector) -> None:
    key = world.announce(created_at=NOW)
    world.upload(key, JPEG)
    for _ in range(2):
        swept(inspector, later(UPLOAD_SECONDS + 61))
    assert is_usable(world, key, JPEG)
