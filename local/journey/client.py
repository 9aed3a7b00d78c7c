"""The phone: what the app's networking layer does, over real HTTP."""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

APP_VERSION = "2.0.0"
REQUEST_SECONDS = 40.0
POLL_SECONDS = 0.1
ATTEMPTS = 6
LONGEST_WAIT_SECONDS = 2.0


class PhoneError(Exception):
    """An answer that the app cannot work with. The message names call, status and code; no body, no token."""


@dataclass(repr=False)
class Phone:
    """One device with the app installed: its own random device id, a genuine device at Apple's.

    Attributes:
        api_url: of the deployed API.
        apple_url: of the stand-in for DeviceCheck, which makes the device and its tokens.
        device_id: the app's own credential, kept in the Keychain.
        device: Apple's device behind it.
        session: the answer of the last check-in.
    """

    api_url: str
    apple_url: str
    device_id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    device: str = ""
    session: dict[str, Any] = field(default_factory=dict)
    retries: int = 0

    def __post_init__(self) -> None:
        # Loopback is reached directly, whatever proxy the shell names.
        self.http = httpx.Client(timeout=REQUEST_SECONDS, trust_env=False)

    # --- Apple's part

    def device_token(self) -> str:
        """A fresh token of the device, as DCDevice.generateToken makes it."""
        if not self.device:
            self.device = str(self._control("POST", "/_control/devices")["device"])
        return str(self._control("POST", f"/_control/devices/{self.device}/tokens")["device_token"])

    def bits(self) -> dict[str, Any]:
        """What Apple keeps about the device."""
        return self._control("GET", f"/_control/devices/{self.device}")

    def _control(self, method: str, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.request(method, f"{self.apple_url}{path}").raise_for_status().json()
        return answer

    # --- the API

    @property
    def token(self) -> str:
        return str(self.session.get("session_token") or "")

    @property
    def auth_user_id(self) -> str:
        """The subject of the session token, read and not verified: the phone has no reason to doubt it."""
        payload = self.token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """One request, tried once.

        Args:
            token: in place of the phone's own; empty for none.
            options: httpx's own.
        """
        used = self.token if token is None else token
        headers = {"X-App-Version": APP_VERSION, **options.pop("headers", {})}
        if used:
            headers["Authorization"] = f"Bearer {used}"
        return self.http.request(method, f"{self.api_url}{path}", headers=headers, **options)

    def patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request, tried again as the app does after 429 and 503: as Retry-After says, else longer each time."""
        for attempt in range(ATTEMPTS):
            answer = self.call(method, path, **options)
            if answer.status_code not in (429, 503):
                break
            self.retries += 1
            said = answer.headers.get("retry-after", "")
            wait = float(said) if said.isdigit() else 0.2 * 2**attempt
            time.sleep(min(wait, LONGEST_WAIT_SECONDS))
        return answer

    def check_in(self, device_token: str | None = None) -> dict[str, Any]:
        """Check the device in and keep the session.

        Raises:
            PhoneError: it was refused.
        """
        body = {"device_id": self.device_id, "device_token": device_token or self.device_token()}
        self.session = self._json(200, self.patiently("POST", "/v1/device-check", token="", json=body))
        return self.session

    def me(self) -> dict[str, Any]:
        return self._json(200, self.call("GET", "/v1/me"))

    def request_upload(self, length: int, content_type: str = "image/jpeg") -> dict[str, Any]:
        """A form for one upload: `{image_id, upload: {url, fields}, expires_at}`."""
        body = {"content_type": content_type, "content_length": length}
        return self._json(201, self.call("POST", "/v1/images", json=body))

    def send_form(self, upload: dict[str, Any], content: bytes, **changed: str) -> httpx.Response:
        """Post the form to S3 with the content last, as S3 wants it.

        Args:
            changed: fields in place of the form's own (`key`).
        """
        form = {**upload["fields"], **changed}
        return self.http.post(upload["url"], data=form, files={"file": ("photo.jpg", content)})

    def image(self, image_id: str) -> dict[str, Any]:
        return self._json(200, self.call("GET", f"/v1/images/{image_id}"))

    def wait_for_image(self, image_id: str, *, seconds: float = 20.0) -> dict[str, Any]:
        """Ask until the image was inspected.

        Raises:
            PhoneError: it was not in time.
        """
        deadline = time.monotonic() + seconds
        while (image := self.image(image_id))["status"] == "pending":
            if time.monotonic() > deadline:
                raise PhoneError(f"the image was not inspected within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)
        return image

    def upload(self, content: bytes, content_type: str = "image/jpeg") -> dict[str, Any]:
        """The whole way of an image: form, S3, inspection. The image as the API shows it then."""
        made = self.request_upload(len(content), content_type)
        sent = self.send_form(made["upload"], content)
        if sent.status_code not in (200, 201, 204):
            raise PhoneError(f"S3 answered {sent.status_code} {s3_code(sent)} to the form")
        return self.wait_for_image(made["image_id"])

    def upload_direct(self, content: bytes, content_type: str = "image/jpeg") -> httpx.Response:
        return self.call("PUT", "/v1/images/direct", content=content, headers={"Content-Type": content_type})

    def upload_anonymous(self, content: bytes, content_type: str = "image/jpeg") -> httpx.Response:
        """As an app of before sessions does."""
        headers = {"Content-Type": content_type}
        return self.call("POST", "/v1/images/anonymous", token="", content=content, headers=headers)

    def models(self) -> list[dict[str, Any]]:
        offered: list[dict[str, Any]] = self._json(200, self.call("GET", "/v1/models"))["models"]
        return offered

    def submit_video(self, request: dict[str, Any], *, key: str) -> httpx.Response:
        return self.call("POST", "/v1/videos", json=request, headers={"Idempotency-Key": key})

    def video(self, job_id: str) -> dict[str, Any]:
        return self._json(200, self.call("GET", f"/v1/videos/{job_id}"))

    def download(self, url: str) -> httpx.Response:
        """An address as it is, with nothing of the session."""
        return self.http.get(url)

    @staticmethod
    def _json(status: int, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code != status:
            raise PhoneError(
                f"{answer.request.method} {answer.url.path.partition('_user_request_')[2]}: {told(answer)}"
            )
        content: dict[str, Any] = answer.json()
        return content


def told(answer: httpx.Response) -> str:
    """Status and code of an answer, for messages."""
    try:
        code = answer.json().get("code") or answer.json().get("message", "")
    except (ValueError, AttributeError):
        code = s3_code(answer)
    return f"{answer.status_code} {code}".strip()


def s3_code(answer: httpx.Response) -> str:
    """The code in S3's XML error, such as AccessDenied."""
    _, _, rest = answer.text.partition("<Code>")
    return rest.partition("</Code>")[0]
