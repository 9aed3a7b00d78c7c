"""A sweep that finds the database away ends quietly: Lambda would repeat it twice and keep it as something lost."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.inspect_image import handler as inspect_image
from lambdas.inspect_image.logic import Inspector
from lambdas.make_thumbnail import handler as make_thumbnail
from lambdas.runtime.errors import DatabaseUnavailable
from tests.unit.lambdas.pictures import encoded
from tests.unit.lambdas.worlds import NOW, World

CONTEXT = SimpleNamespace(aws_request_id="1")
SWEEP = {"sweep": True}
Written = Callable[[], list[dict[str, Any]]]


def away(*_: Any, **__: Any) -> Any:
    raise DatabaseUnavailable from ConnectionError("nobody listens")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """What inspect_image sees; an upload that is old enough for a sweep."""
    world = World()
    world.upload(world.announce(), encoded("JPEG"), NOW)
    inspector = Inspector(images=world, uploads=world, maximum_bytes=1_000_000)
    monkeypatch.setattr(inspect_image, "_adapters", lambda: SimpleNamespace(inspector=inspector, upload_seconds=300))
    return world


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The videos that make_thumbnail sees: none."""
    jobs = SimpleNamespace(without_thumbnail=lambda *_, **__: [])
    monkeypatch.setattr(make_thumbnail, "_thumbnailer", lambda: SimpleNamespace(jobs=jobs))
    return jobs


def ended_quietly(lines: list[dict[str, Any]]) -> bool:
    """It is in the log with its cause, and the schedule's silence tells the rest."""
    (told,) = [line for line in lines if line.get("level") == "WARNING"]
    assert "ConnectionError: nobody listens" in told["exception"]
    return not any("ScheduleRan" in line for line in lines)


def test_images_when_the_sweep_begins(world: World, monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    monkeypatch.setattr(World, "overdue", away)
    assert inspect_image.handler(SWEEP, CONTEXT) == {"outcomes": {}}
    assert ended_quietly(written())


def test_images_when_it_goes_away_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    monkeypatch.setattr(World, "find", away)
    assert inspect_image.handler(SWEEP, CONTEXT) == {"outcomes": {}}
    assert not any("ScheduleRan" in line for line in written())


def test_thumbnails(jobs: SimpleNamespace, written: Written) -> None:
    jobs.without_thumbnail = away
    assert make_thumbnail.handler(SWEEP, CONTEXT) == {"outcomes": {}}
    assert ended_quietly(written())


@pytest.mark.parametrize("handler", [inspect_image.handler, make_thumbnail.handler], ids=["images", "thumbnails"])
def test_a_sweep_that_ends_well_says_so(
    world: World, jobs: SimpleNamespace, written: Written, handler: Callable[..., Any]
) -> None:
    handler(SWEEP, CONTEXT)
    assert any("ScheduleRan" in line for line in written())


def test_another_failure_of_a_sweep_still_fails_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("storage is away")

    monkeypatch.setattr(World, "find", broken)
    with pytest.raises(inspect_image.InspectionFailed):
        inspect_image.handler(SWEEP, CONTEXT)


def test_an_upload_whose_event_finds_it_away_is_repeated_by_lambda(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = world.objects
    monkeypatch.setattr(World, "find", away)
    with pytest.raises(inspect_image.InspectionFailed):
        inspect_image.handler({"Records": [{"s3": {"object": {"key": key, "versionId": "v1"}}}]}, CONTEXT)
