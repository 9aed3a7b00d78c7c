"""Apple DeviceCheck as its server API answers: verifies the caller's JWT and fields, keeps two bits a device.

https://developer.apple.com/documentation/devicecheck/accessing-and-modifying-per-device-data

Tests and the journey make devices under `/_control`, which the real service does not have:

    POST /_control/devices                -> {"device": id}             a genuine device, bits never set
    GET  /_control/devices/{id}           -> {"bit0", "bit1", "updates"}
    POST /_control/devices/{id}/tokens    -> {"device_token": base64}   {"lifetime_seconds"} is optional
    POST, GET, DELETE /_control/faults                                  see `faults.Fault`
    GET, DELETE /_control/requests        what was received, without tokens
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.standins.faults import Faults, answer, wait
from local.standins.keys import AppleKey

# The documentation of APNs, whose tokens these are, refuses an `iat` more than an hour old.
TOKEN_SECONDS = 3600
CLOCK_SKEW_SECONDS = 300
# Apple says "long enough for your server to retry a specific request".
DEVICE_TOKEN_SECONDS = 600.0

NO_BITS = "Failed to find bit state"
BAD_DEVICE = "Missing or incorrectly formatted device token payload"
BAD_TRANSACTION = "Invalid or missing transaction id"
BAD_TIMESTAMP = "Invalid or missing timestamp"
BAD_BITS = "Missing or incorrectly formatted bits"
BAD_BODY = "Missing or badly formatted payload"
NO_AUTHORIZATION = "Missing or badly formatted authorization token"
UNVERIFIED = "Unable to verify authorization token"


@dataclass
class Device:
    """One phone. Its bits survive a reinstall of the app."""

    id: str
    bits: tuple[bool, bool] | None = None
    last_update: str = ""
    updates: int = 0


@dataclass
class Received:
    """One call as it came, without its secrets."""

    path: str
    at: float
    status: int = 0
    why: str = ""
    key_id: str = ""
    issuer: str = ""
    transaction_id: str = ""
    device: str = ""
    fault: bool = False


class Refusal(Exception):
    """The service says no.

    Args:
        status: of the answer.
        text: the answer's body.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass
class Apple:
    """The service: the developer key it knows, its devices, the tokens it gave out, what it was asked."""

    key: AppleKey
    team_id: str
    faults: Faults = field(default_factory=Faults)
    devices: dict[str, Device] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    _transactions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._public = ECKey.import_key(self.key.public_pem)

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                *(Route(f"/v1/{call}", self._call, methods=["POST"]) for call in CALLS),
                Route("/_control/devices", self._make_device, methods=["POST"]),
                Route("/_control/devices/{device}", self._show_device),
                Route("/_control/devices/{device}/tokens", self._make_token, methods=["POST"]),
                Route("/_control/faults", self.faults.control, methods=["GET", "POST", "DELETE"]),
                Route("/_control/requests", self._requests, methods=["GET", "DELETE"]),
            ]
        )

    async def _call(self, request: Request) -> Response:
        path = request.url.path
        received = Received(path, time.time())
        self.received.append(received)
        fault = self.faults.next(path)
        if fault is not None:
            received.fault = True
            if not fault.after:
                await wait(fault)
                if fault.kind != "pass":
                    received.status = fault.status
                    return answer(request, fault)
        try:
            self._verify_caller(request, received)
            response = self._act(path.rpartition("/")[2], await request.body(), received)
        except Refusal as refusal:
            received.why = refusal.text
            response = PlainTextResponse(refusal.text, refusal.status)
        received.status = response.status_code
        if fault is None or not fault.after:
            return response
        await wait(fault)
        return response if fault.kind == "pass" else answer(request, fault)

    def _verify_caller(self, request: Request, received: Received) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token.count(".") != 2:
            raise Refusal(400, NO_AUTHORIZATION)
        try:
            verified = jwt.decode(token, self._public, algorithms=["ES256"])
        except (JoseError, ValueError):
            raise Refusal(401, UNVERIFIED) from None
        received.key_id = str(verified.header.get("kid", ""))
        received.issuer = str(verified.claims.get("iss", ""))
        issued_at = verified.claims.get("iat")
        fresh = isinstance(issued_at, int) and -CLOCK_SKEW_SECONDS <= time.time() - issued_at <= TOKEN_SECONDS
        if received.key_id != self.key.key_id or received.issuer != self.team_id or not fresh:
            raise Refusal(401, UNVERIFIED)

    @staticmethod
    def _body(raw: bytes) -> dict[str, Any]:
        try:
            content = json.loads(raw)
        except ValueError:
            raise Refusal(400, BAD_BODY) from None
        if not isinstance(content, dict):
            raise Refusal(400, BAD_BODY)
        return content

    def _act(self, call: str, raw: bytes, received: Received) -> Response:
        body = self._body(raw)
        transaction, timestamp = body.get("transaction_id"), body.get("timestamp")
        # The very same request may come again, after a lost answer; another one may not use its id.
        digest = hashlib.sha256(call.encode() + raw).hexdigest()
        if not isinstance(transaction, str) or not transaction:
            raise Refusal(400, BAD_TRANSACTION)
        if self._transactions.setdefault(transaction, digest) != digest:
            raise Refusal(400, BAD_TRANSACTION)
        received.transaction_id = transaction
        # Milliseconds: seconds are off by a factor of a thousand, and so refused too.
        if type(timestamp) is not int or abs(time.time() * 1000 - timestamp) > CLOCK_SKEW_SECONDS * 1000:
            raise Refusal(400, BAD_TIMESTAMP)
        device = self._device_of(body.get("device_token"))
        received.device = device.id
        return CALLS[call](device, body)

    def _device_of(self, token: object) -> Device:
        try:
            if not isinstance(token, str) or not base64.b64decode(token, validate=True):
                raise Refusal(400, BAD_DEVICE)
        except (binascii.Error, ValueError):
            raise Refusal(400, BAD_DEVICE) from None
        device, until = self._tokens.get(token, ("", 0.0))
        if time.monotonic() > until:
            raise Refusal(400, BAD_DEVICE)
        return self.devices[device]

    # --- the control API

    async def _make_device(self, _request: Request) -> Response:
        device = Device(str(uuid.uuid4()))
        self.devices[device.id] = device
        return JSONResponse({"device": device.id}, status_code=201)

    async def _show_device(self, request: Request) -> Response:
        device = self.devices.get(request.path_params["device"])
        if device is None:
            return JSONResponse({"error": "no such device"}, status_code=404)
        bit0, bit1 = device.bits or (None, None)
        return JSONResponse({"bit0": bit0, "bit1": bit1, "updates": device.updates})

    async def _make_token(self, request: Request) -> Response:
        device = request.path_params["device"]
        if device not in self.devices:
            return JSONResponse({"error": "no such device"}, status_code=404)
        body = await request.body()
        lifetime = (
            float(json.loads(body).get("lifetime_seconds", DEVICE_TOKEN_SECONDS)) if body else DEVICE_TOKEN_SECONDS
        )
        token = base64.b64encode(secrets.token_bytes(1024)).decode()
        self._tokens[token] = (device, time.monotonic() + lifetime)
        return JSONResponse({"device_token": token}, status_code=201)

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.received.clear()
        return JSONResponse([vars(received) for received in self.received])


def _query(device: Device, _body: dict[str, Any]) -> Response:
    if device.bits is None:
        return PlainTextResponse(NO_BITS)
    return JSONResponse({"bit0": device.bits[0], "bit1": device.bits[1], "last_update_time": device.last_update})


def _update(device: Device, body: dict[str, Any]) -> Response:
    bit0, bit1 = body.get("bit0"), body.get("bit1")
    if not isinstance(bit0, bool) or not isinstance(bit1, bool):
        raise Refusal(400, BAD_BITS)
    device.bits, device.last_update = (bit0, bit1), datetime.now(UTC).strftime("%Y-%m")
    device.updates += 1
    return Response()


def _validate(_device: Device, _body: dict[str, Any]) -> Response:
    return Response()


CALLS = {"query_two_bits": _query, "update_two_bits": _update, "validate_device_token": _validate}
