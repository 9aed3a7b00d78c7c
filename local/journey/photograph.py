"""A photograph of some MB, the same on every machine: the repository need not hold one."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image

WIDTH, HEIGHT = 2400, 1800
QUALITY = 92
GRAIN = 0.25


@cache
def photograph(seed: int = 0, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A JPEG: a dusk sky with the grain of a small sensor, which keeps it as large as a real photograph.

    Args:
        seed: another number, another photograph.
        width: in pixels.
        height: in pixels.
    """
    grain = Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3))  # noqa: S311  grain, no secret
    sky = Image.linear_gradient("L").resize((width, height))
    dusk = Image.merge("RGB", (sky.point(_curve(40, 250)), sky.point(_curve(60, 150)), sky.point(_curve(140, 90))))
    file = io.BytesIO()
    Image.blend(dusk, grain, GRAIN).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _curve(top: int, bottom: int) -> list[int]:
    """From one brightness at the top of the picture to another at its bottom."""
    return [round(top + (bottom - top) * level / 255) for level in range(256)]
