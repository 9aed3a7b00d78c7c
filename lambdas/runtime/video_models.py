"""The models that make videos: what each costs, where the generator has it, and which settings it takes (plan M18).

The one place of them: it feeds `GET /v1/models`, the check of a submission, the generator's arguments and the tests of
docs/openapi.yaml. Parameters and bounds are those of fal.ai's own model pages (fal.ai/models/{path}); where ours are
narrower, the price is why. A model that is no longer offered stays here, not `offered`, until its last job ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

# The last frame of a seed's range at fal: a signed 32-bit integer.
_MAXIMUM_SEED = 2**31 - 1


class Setting(Protocol):
    """One thing a caller may choose. `checked` raises ValueError with what it must be."""

    @property
    def default(self) -> Any: ...

    @property
    def text_only(self) -> bool: ...

    def checked(self, value: Any) -> Any: ...
    def extra_credits(self, value: Any) -> int: ...
    def as_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Choice:
    """One of a few words. `extra` is what some of them cost on top.

    With `text_only` the setting means nothing where an image sets the frame, and is then refused.
    """

    options: tuple[str, ...]
    default: str
    extra: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    text_only: bool = False

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.options:
            raise ValueError(f"must be one of {', '.join(self.options)}")
        return value

    def extra_credits(self, value: Any) -> int:
        return self.extra.get(value, 0)

    def as_json(self) -> dict[str, Any]:
        return {"type": "string", "options": list(self.options), "default": self.default} | (
            {"extra_credits": dict(self.extra)} if self.extra else {}
        )


@dataclass(frozen=True)
class Number:
    """A number within bounds, both included. A default of None leaves the choice to the generator."""

    minimum: float
    maximum: float
    default: float | None
    whole: bool = False
    text_only: bool = False

    def checked(self, value: Any) -> float:
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not self.minimum <= value <= self.maximum:
            raise ValueError(f"must be a {self._kind} from {self.minimum} to {self.maximum}")
        return value

    def extra_credits(self, value: Any) -> int:  # noqa: ARG002  # as every setting's
        return 0

    def as_json(self) -> dict[str, Any]:
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.minimum, "maximum": self.maximum, "default": self.default}

    @property
    def _kind(self) -> str:
        return "whole number" if self.whole else "number"


@dataclass(frozen=True)
class Switch:
    """On or off."""

    default: bool
    text_only: bool = False

    def checked(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    def extra_credits(self, value: Any) -> int:  # noqa: ARG002  # as every setting's
        return 0

    def as_json(self) -> dict[str, Any]:
        return {"type": "boolean", "default": self.default}


class SettingRefused(ValueError):
    """A setting is unknown or out of its bounds; `name` is the one, the text what it must be."""

    def __init__(self, name: str, must: str) -> None:
        self.name = name
        super().__init__(must)


@dataclass(frozen=True)
class VideoModel:
    """One model. A path is the generator's, with an image or with text alone; None where the model cannot do that.

    `credits` is the price of the defaults.
    """

    id: str
    credits: int
    settings: Mapping[str, Setting]
    image_path: str | None
    text_path: str | None
    offered: bool = True

    @property
    def image(self) -> str:
        """Whether a submission has an image: `required`, `optional` or `none`."""
        if self.image_path is None:
            return "none"
        return "optional" if self.text_path else "required"

    def path(self, *, with_image: bool) -> str | None:
        return self.image_path if with_image else self.text_path

    @property
    def application(self) -> str:
        """The part of a path that the generator knows its requests by: owner and alias."""
        return "/".join((self.image_path or self.text_path or "").split("/")[:2])

    def choose(self, given: Mapping[str, Any], *, with_image: bool) -> dict[str, Any]:
        """What a submission means by `given`: each setting checked, the others at their defaults.

        Raises:
            SettingRefused
        """
        applicable = {name: it for name, it in self.settings.items() if not (with_image and it.text_only)}
        for name in given:
            if name not in applicable:
                why = "is for videos from text alone" if name in self.settings else f"is no setting of {self.id}"
                raise SettingRefused(name, why)
        chosen: dict[str, Any] = {}
        for name, setting in applicable.items():
            if name in given:
                try:
                    chosen[name] = setting.checked(given[name])
                except ValueError as error:
                    raise SettingRefused(name, str(error)) from None
            elif setting.default is not None:
                chosen[name] = setting.default
        return chosen

    def price(self, chosen: Mapping[str, Any]) -> int:
        """What a video with these settings costs."""
        return self.credits + sum(self.settings[name].extra_credits(value) for name, value in chosen.items())

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.id,
            "credits": self.credits,
            "image": self.image,
            "settings": {
                name: setting.as_json() | ({"applies_to": "text"} if setting.text_only else {})
                for name, setting in self.settings.items()
            },
        }


# A credit is about 5 cents of the generator's price (autumn 2026), rounded up.
MODELS: Mapping[str, VideoModel] = {
    model.id: model
    for model in (
        # 0.28 dollars for 5 s, 0.056 for each further second.
        VideoModel(
            id="kling-2.1-standard",
            credits=6,
            image_path="fal-ai/kling-video/v2.1/standard/image-to-video",
            text_path=None,
            settings={
                "duration": Choice(("5", "10"), "5", extra={"10": 6}),
                "cfg_scale": Number(0, 1, 0.5),
            },
        ),
        # 0.045 dollars a second.
        VideoModel(
            id="hailuo-02-standard",
            credits=6,
            image_path="fal-ai/minimax/hailuo-02/standard/image-to-video",
            text_path="fal-ai/minimax/hailuo-02/standard/text-to-video",
            settings={
                "duration": Choice(("6", "10"), "6", extra={"10": 3}),
                "prompt_optimizer": Switch(default=True),
            },
        ),
        # 0.08 dollars for each second of 16 frames at 720p, 0.04 at 480p. More than 81 frames cost more: not offered.
        VideoModel(
            id="wan-2.2",
            credits=9,
            image_path="fal-ai/wan/v2.2-a14b/image-to-video",
            text_path="fal-ai/wan/v2.2-a14b/text-to-video",
            settings={
                "num_frames": Number(17, 81, 81, whole=True),
                "frames_per_second": Number(4, 60, 16, whole=True),
                "resolution": Choice(("480p", "580p", "720p"), "720p"),
                "aspect_ratio": Choice(("16:9", "9:16", "1:1"), "16:9", text_only=True),
                "seed": Number(0, _MAXIMUM_SEED, None, whole=True),
            },
        ),
        # 0.10 dollars a second with no sound, 0.15 with it.
        VideoModel(
            id="veo-3.1-fast",
            credits=24,
            image_path="fal-ai/veo3.1/fast/image-to-video",
            text_path="fal-ai/veo3.1/fast",
            settings={
                "duration": Choice(("4s", "6s", "8s"), "8s"),
                "resolution": Choice(("720p", "1080p"), "720p"),
                "generate_audio": Switch(default=True),
                "aspect_ratio": Choice(("16:9", "9:16"), "16:9", text_only=True),
            },
        ),
    )
}
