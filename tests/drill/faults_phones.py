"""What phones feel: the API fails or hangs, check-ins fail, sessions are not opened, too many phones come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
from joserfc.jwk import ECKey

from local.journey.client import Phone
from local.journey.photograph import photograph
from local.secrets import PREFIX as SECRETS
from tests.drill.scene import Scene
from tests.stack.deployed import side_by_side

_AWAY = {"path": "/v1/", "status": 503, "times": None}
# The three calls of an order with an image: where it may be put, the image, the order itself. Each may take 6 s.
_HAND_OVER = ("/storage/upload/initiate", "/upload", "/fal-ai/minimax/hailuo-02/standard/image-to-video")


@contextmanager
def apple_is_away(scene: Scene) -> Iterator[None]:
    """Apple answers 503 to every check-in"""
    phones = [scene.stack.phone(checked_in=False) for _ in range(4)]
    scene.strikes()
    with scene.apple(_AWAY), scene.keeps(_checking_in(scene, phones), every=0.3, at_once=8):
        yield


@contextmanager
def some_calls_fail(scene: Scene) -> Iterator[None]:
    """One call of twenty fails, for hours: Apple is away, and most phones need it not"""
    phones = [scene.stack.phone(checked_in=False)]
    scene.strikes()
    with (
        scene.apple(_AWAY),
        scene.keeps(_checking_in(scene, phones), every=2.4, at_once=4),
        scene.keeps(_reads_keys(phones[0]), every=0.09, at_once=4),
    ):
        yield


@contextmanager
def generator_stalls(scene: Scene) -> Iterator[None]:
    """The generator takes 5.6 s for each of an order's three calls"""
    with _orders_with_images(scene, delay=5.6, every=4.0):
        yield


@contextmanager
def generator_is_slow(scene: Scene) -> Iterator[None]:
    """The generator takes 2.2 s for each of an order's three calls"""
    with _orders_with_images(scene, delay=2.2, every=2.0):
        yield


@contextmanager
def _orders_with_images(scene: Scene, *, delay: float, every: float) -> Iterator[None]:
    phone = scene.phone(credits_left=5000)
    image = phone.upload(photograph())["image_id"]
    slow = [{"kind": "pass", "path": path, "delay_seconds": delay, "times": None} for path in _HAND_OVER]
    scene.strikes()
    with (
        scene.generator("faults", *slow),
        scene.keeps(lambda: scene.order(phone, image_id=image), every=every, at_once=8),
        scene.keeps(_reads_keys(phone), every=0.3, at_once=4),
    ):
        yield


@contextmanager
def wrong_apple_key(scene: Scene) -> Iterator[None]:
    """A key that Apple does not know is put as the DeviceCheck key"""
    secrets, name = scene.aws("secretsmanager"), f"{SECRETS}/apple-devicecheck"
    phone = scene.stack.phone(checked_in=False)
    right = secrets.get_secret_value(SecretId=name)["SecretString"]
    wrong = json.dumps({**json.loads(right), "private_key": ECKey.generate_key("P-256").as_pem(private=True).decode()})
    with ExitStack() as back:
        scene.strikes()
        secrets.put_secret_value(SecretId=name, SecretString=wrong)
        back.callback(scene.stack.kill_function, "device_check")
        back.callback(secrets.put_secret_value, SecretId=name, SecretString=right)
        scene.stack.kill_function("device_check")  # who has the right one keeps it for five minutes
        with scene.keeps(_checking_in(scene, [phone]), every=0.7, at_once=4):
            yield


@contextmanager
def signing_key_disabled(scene: Scene) -> Iterator[None]:
    """The key that signs sessions is disabled"""
    kms = scene.aws("kms")
    key = kms.describe_key(KeyId="alias/rendio-local-session-2026a")["KeyMetadata"]["KeyId"]
    phone = scene.stack.phone(checked_in=False)
    scene.strikes()
    kms.disable_key(KeyId=key)
    try:
        with scene.keeps(_checking_in(scene, [phone]), every=1.0, at_once=4):
            yield
    finally:
        kms.enable_key(KeyId=key)


@contextmanager
def many_sign_ups(scene: Scene) -> Iterator[None]:
    """More new phones check in within an hour than half of a usual day's"""

    def sign_up(_number: int) -> None:
        with suppress(httpx.HTTPError):  # one that hears nothing on a busy machine; others come
            scene.stack.phone()

    scene.strikes()
    side_by_side(60, sign_up, workers=6)
    yield


def _checking_in(scene: Scene, phones: list[Phone]) -> Any:
    turn = iter(range(1_000_000))
    return lambda: scene.check_in(phones[next(turn) % len(phones)])


def _reads_keys(phone: Phone) -> Any:
    """The cheapest call that goes through the API."""
    return lambda: phone.call("GET", "/.well-known/jwks.json", token="")
