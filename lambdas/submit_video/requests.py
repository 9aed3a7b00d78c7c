"""What a submission asks for, checked against the models."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.errors import Unprocessable
from lambdas.runtime.video_models import MODELS, SettingRefused, VideoModel

MAXIMUM_PROMPT_CHARACTERS = 2000
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
KEY_HEADER = "Idempotency-Key"


@dataclass(frozen=True, repr=False)
class VideoRequest:
    """A checked submission. `digest` is of the body as it was meant, so that a repetition is known from another
    request with the same key even after a default has changed."""

    model: VideoModel
    prompt: str
    image_id: UUID | None
    settings: Mapping[str, Any]
    idempotency_key: str | None
    digest: bytes

    @property
    def credits(self) -> int:
        return self.model.price(self.settings)

    @property
    def path(self) -> str:
        """The generator's path; the check made sure that there is one."""
        return str(self.model.path(with_image=self.image_id is not None))

    def arguments(self, image_url: str | None) -> dict[str, Any]:
        """What the generator is told."""
        return {"prompt": self.prompt, **self.settings} | ({"image_url": image_url} if image_url else {})

    @classmethod
    def of(cls, body: Mapping[str, Any], headers: Mapping[str, str]) -> VideoRequest:
        """Read a request.

        Raises:
            Unprocessable: naming the member at fault; its value is not repeated.
        """
        model, prompt, image_id = _model(body.get("model")), _prompt(body.get("prompt")), _image(body.get("image_id"))
        if model.path(with_image=image_id is not None) is None:
            why = "is needed by this model." if image_id is None else "is not taken by this model."
            raise Unprocessable(f"image_id {why}", field="image_id")
        given = body.get("settings")
        if given is None:
            given = {}
        if not isinstance(given, dict):
            raise Unprocessable("settings must be an object.", field="settings")
        try:
            chosen = model.choose(given, with_image=image_id is not None)
        except SettingRefused as refused:
            raise Unprocessable(f"settings.{refused.name} {refused}.", field=f"settings.{refused.name}") from None
        return cls(
            model=model,
            prompt=prompt,
            image_id=image_id,
            settings=chosen,
            idempotency_key=_key(headers.get(KEY_HEADER.lower())),
            digest=_digest([model.id, prompt, str(image_id), given]),
        )


def _model(value: Any) -> VideoModel:
    model = MODELS.get(value) if isinstance(value, str) else None
    if model is None or not model.offered:
        offered = ", ".join(model.id for model in MODELS.values() if model.offered)
        raise Unprocessable(f"model must be one of {offered}.", field="model")
    return model


def _prompt(value: Any) -> str:
    prompt = value.strip() if isinstance(value, str) else ""
    if not prompt or len(prompt) > MAXIMUM_PROMPT_CHARACTERS or not _is_text(prompt):
        raise Unprocessable(f"prompt must be a text of 1 to {MAXIMUM_PROMPT_CHARACTERS} characters.", field="prompt")
    return prompt


def _is_text(value: str) -> bool:
    """JSON can spell half a character, which nothing else can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _image(value: Any) -> UUID | None:
    if value is None:
        return None
    try:
        return canonical_uuid(str(value).lower())
    except ValueError:
        raise Unprocessable("image_id must be the id of an image.", field="image_id") from None


def _key(value: str | None) -> str | None:
    if value is None:
        return None
    if not IDEMPOTENCY_KEY.fullmatch(value):
        raise Unprocessable(f"{KEY_HEADER} must be 1 to 128 visible ASCII characters.", field=KEY_HEADER)
    return value


def _digest(meaning: Any) -> bytes:
    return hashlib.sha256(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()).digest()
