"""From images whose time is over to rows that say so: the objects first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lambdas.clean_images.images import ExpiredImage
from lambdas.runtime.clean_up import CleanUp, Plan


class Images(Plan[ExpiredImage], Protocol):
    def settle(self, images: Sequence[ExpiredImage]) -> int: ...


class Objects(Protocol):
    def remove(self, keys: Sequence[str]) -> None: ...


def image_clean_up(images: Images, objects: Objects) -> CleanUp[ExpiredImage]:
    def remove(batch: Sequence[ExpiredImage]) -> int:
        keys = [image.key for image in batch if image.key is not None]
        if keys:
            objects.remove(keys)
        return images.settle(batch)

    return CleanUp(images, remove)
