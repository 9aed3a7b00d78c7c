"""Call-backs as fal signs them: Ed25519 over request id, user id, time and the body's digest, a line each.

https://docs.fal.ai/model-endpoints/webhooks
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import time
import uuid
from collections.abc import Callable
from typing import Any, Literal

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

from local.standins.fal.generations import Generation
from local.standins.fal.loopback import client
from local.standins.fal.webhook_delivery import Delivery
from local.standins.pager import on_loopback

FIRST_TRY_SECONDS = 15.0
AT_ONCE = 64
FOREIGN_USER = "auth0|somebody-else"
FOREIGN_URL = "http://169.254.169.254/latest/meta-data/"


class PublishedKeys(BaseModel):
    """What the JWKS shows besides the key that signs.

    Attributes:
        padded: base64url with its `=`; fal has published both.
        before, after: other keys ahead of the one that signs and behind it.
        rotate: sign with a new key from now on, and publish that one alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    padded: bool = False
    before: int = Field(default=0, ge=0, le=10)
    after: int = Field(default=0, ge=0, le=10)
    rotate: bool = False


class Webhooks:
    """Signs and sends; may hold back what it should send."""

    def __init__(
        self, signing: Ed25519PrivateKey, user_id: str, content: Callable[[Generation], dict[str, Any]]
    ) -> None:
        self._first, self._signing = signing, signing
        self._user_id, self._content = user_id, content
        self._client = client(FIRST_TRY_SECONDS)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self.published = PublishedKeys()
        self.holding = False
        self.held: list[tuple[Generation, Delivery]] = []

    def reset(self) -> None:
        self._signing, self.published, self.holding = self._first, PublishedKeys(), False
        self.held.clear()

    # --- keys

    def publish(self, wanted: PublishedKeys) -> None:
        self.published = wanted
        if wanted.rotate:
            self._signing = Ed25519PrivateKey.generate()

    def jwks(self) -> dict[str, Any]:
        others = [Ed25519PrivateKey.generate() for _ in range(self.published.before + self.published.after)]
        keys = [*others[: self.published.before], self._signing, *others[self.published.before :]]
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": self._x(key)} for key in keys]}

    def _x(self, key: Ed25519PrivateKey) -> str:
        public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        text = base64.urlsafe_b64encode(public).decode()
        return text if self.published.padded else text.rstrip("=")

    # --- sending

    async def deliver(self, made: Generation) -> None:
        """Send a completed generation's call-back as its outcome says, with retries."""
        delivery = made.outcome.webhook
        if not made.webhook or delivery.lost:
            return
        if self.holding:
            self.held.append((made, delivery))
            return
        await asyncio.gather(*(self._until_taken(made, delivery, copy) for copy in range(delivery.copies)))

    async def send(self, made: Generation, delivery: Delivery) -> list[int | None]:
        """Send now, `copies` times side by side, without retries; the statuses got, None where nobody answered."""
        return list(await asyncio.gather(*(self._once(made, delivery) for _ in range(delivery.copies))))

    async def release(self, order: Literal["sent", "reversed", "shuffled"], seed: int, copies: int) -> list[int | None]:
        """Send what was held back, each one `copies` times, one after the other in the order asked for."""
        sending = [one for one in self.held for _ in range(copies)]
        self.held.clear()
        self.holding = False
        if order == "reversed":
            sending.reverse()
        elif order == "shuffled":
            random.Random(seed).shuffle(sending)  # noqa: S311 - repeatable is what it must be
        return [await self._once(made, delivery) for made, delivery in sending]

    async def _until_taken(self, made: Generation, delivery: Delivery, copy: int) -> None:
        lot = random.Random(f"{made.number}/{copy}")  # noqa: S311 - repeatable is what it must be
        await asyncio.sleep((delivery.delay_ms + delivery.jitter_ms * lot.random()) / 1000)
        for retry in range(delivery.retries + 1):
            if retry:
                await asyncio.sleep(delivery.retry_ms / 1000 * 2 ** (retry - 1))
            status = await self._once(made, delivery)
            if status is not None and 200 <= status < 300:
                return

    async def _once(self, made: Generation, delivery: Delivery) -> int | None:
        headers, body = self.message(made, delivery)
        async with self._at_once:
            try:
                status = (await self._client.post(made.webhook, content=body, headers=headers)).status_code
            except httpx.HTTPError:
                status = None
        made.webhooks.append(status)
        return status

    def message(self, made: Generation, delivery: Delivery) -> tuple[dict[str, str], bytes]:
        """Headers and body of a call-back, spoiled as asked."""
        spoiled = delivery.spoiled
        content = self._content(made)
        if spoiled == "url" and content.get("payload"):
            content["payload"]["video"]["url"] = FOREIGN_URL
        if spoiled == "payload_error":
            content |= {"payload": None, "payload_error": "Response payload is not JSON serializable."}
        if spoiled == "body_id":
            content["request_id"] = content["gateway_request_id"] = str(uuid.uuid4())
        body = b"not JSON" if spoiled == "not_json" else json.dumps(content).encode()
        request_id = str(uuid.uuid4()) if spoiled == "header_id" else made.id
        user_id = FOREIGN_USER if spoiled == "user" else self._user_id
        key = Ed25519PrivateKey.generate() if spoiled == "key" else self._signing
        headers = sign(key, request_id, user_id, body, at=time.time() + delivery.clock_offset_seconds)
        if spoiled == "signature":
            headers["X-Fal-Webhook-Signature"] = _changed(headers["X-Fal-Webhook-Signature"])
        elif spoiled == "timestamp_header":
            headers["X-Fal-Webhook-Timestamp"] = str(int(headers["X-Fal-Webhook-Timestamp"]) - 1)
        elif spoiled == "body":
            body = body.replace(b'"status"', b'"statuS"', 1)
        return {} if spoiled == "unsigned" else headers, body


def sign(key: Ed25519PrivateKey, request_id: str, user_id: str, body: bytes, *, at: float) -> dict[str, str]:
    """The four headers. `at`: seconds since the epoch."""
    timestamp = str(int(at))
    message = "\n".join([request_id, user_id, timestamp, hashlib.sha256(body).hexdigest()])
    return {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": user_id,
        "X-Fal-Webhook-Timestamp": timestamp,
        "X-Fal-Webhook-Signature": key.sign(message.encode()).hex(),
    }


def may_be_called(url: str) -> bool:
    """True for an address that a stand-in may call: no call-back leaves the machine."""
    return on_loopback(url)


def _changed(signature: str) -> str:
    return ("1" if signature[0] == "0" else "0") + signature[1:]
