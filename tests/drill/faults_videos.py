"""What goes wrong with videos: they fail, wait, vanish, or cost more than anybody expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.journey.client import Phone
from tests.drill.listening import until
from tests.drill.scene import Scene
from tests.stack.deployed import PREFIX, side_by_side

_DEAREST = {"model": "veo-3.1-fast", "prompt": "The sky at dusk."}
_ORDERS = 55  # of 24 credits: more than the laptop's 1,200 an hour
_GENERATED_SECONDS = 60.0


@contextmanager
def generator_refuses(scene: Scene) -> Iterator[None]:
    """The generator answers 503 to every order of one model"""
    phone = scene.phone(credits_left=500)
    scene.strikes()
    # One that no other fault orders: they go on meanwhile.
    away = {"path": "/fal-ai/wan", "status": 503, "times": None}
    with (
        scene.generator("faults", away),
        scene.keeps(lambda: scene.order(phone, model="wan-2.2"), every=0.7, at_once=4),
    ):
        yield


@contextmanager
def account_is_empty(scene: Scene) -> Iterator[None]:
    """The generator answers one order as an account without means"""
    phone = scene.phone(credits_left=50)
    with scene.generator("faults", {"path": "/fal-ai/wan", "status": 403}):
        scene.strikes()
        scene.order(phone, model="wan-2.2")
        yield


@contextmanager
def many_orders(scene: Scene) -> Iterator[None]:
    """Orders for eight times what a usual hour costs"""
    phone = scene.phone(credits_left=5000)
    scene.strikes()
    try:
        side_by_side(_ORDERS, lambda _: scene.order(phone, **_DEAREST), workers=4)
        yield
    finally:
        _forget_open_jobs(scene, phone)


@contextmanager
def downloads_are_no_videos(scene: Scene) -> Iterator[None]:
    """The generator's files are a sign-in page in place of a video"""
    phone = scene.phone(credits_left=50)
    with scene.generator("downloads", {"kind": "html", "times": None}), _soon(scene):
        scene.strikes()
        scene.order(phone)
        yield


@contextmanager
def nobody_takes_messages(scene: Scene) -> Iterator[None]:
    """The video-migration queue's event source is disabled"""
    with _source_disabled(scene), _soon(scene):
        scene.strikes()
        _a_pending_video(scene)
        yield


@contextmanager
def a_video_waits(scene: Scene) -> Iterator[None]:
    """The event source is disabled, and a video has been due for copying for 31 minutes"""
    with _aged(scene, "migration_due_at = now() - interval '31 minutes'"):
        yield


@contextmanager
def an_address_ends(scene: Scene) -> Iterator[None]:
    """The event source is disabled, and the generator's address of a video ends in 20 hours"""
    with _aged(scene, "video_url_expires_at = now() + interval '20 hours'"):
        yield


@contextmanager
def _aged(scene: Scene, since: str) -> Iterator[None]:
    """A real video, not copied; only its age is set, since code's own minutes cannot be compressed."""
    with _source_disabled(scene), _soon(scene):
        job = _a_pending_video(scene)
        scene.strikes()
        scene.stack.query(f"update public.video_jobs set {since} where id = %s returning id", job)
        yield


@contextmanager
def _source_disabled(scene: Scene) -> Iterator[None]:
    functions = scene.aws("lambda")
    (source,) = functions.list_event_source_mappings(FunctionName=f"{PREFIX}-migrate-video")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=True)


def _soon(scene: Scene) -> Any:
    """Generations end by themselves, within a moment."""
    return scene.generator("outcomes", {"after_ms": 200, "times": None})


def _a_pending_video(scene: Scene) -> str:
    """Order a video and wait until it is finished at the generator; its job."""
    phone = scene.phone(credits_left=50)
    job = str(scene.order(phone).json()["job_id"])

    def finished() -> bool:
        return bool(phone.video(job)["status"] == "completed")

    if not until(finished, _GENERATED_SECONDS):
        raise RuntimeError("the generator made no video in a minute; nothing can be late")
    return job


def _forget_open_jobs(scene: Scene, phone: Phone) -> None:
    """The generator would be asked about them for days."""
    user = phone.session["user_id"]
    for statement in (
        "delete from public.credit_ledger where user_id = %s returning id",
        "update public.users set credits_remaining = 0 where id = %s returning id",
        "delete from public.video_jobs where user_id = %s returning id",
    ):
        scene.stack.query(statement, user)
