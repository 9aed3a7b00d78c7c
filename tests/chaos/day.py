"""A day of users, hour by hour: who comes when, and what each does. Nothing here knows how long a minute lasts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

MINUTES = 1440
# How busy each hour is. A tenth of the mean at four at night, nearly three times the mean at eight in the evening.
_HOURS = (
    0.35, 0.20, 0.15, 0.10, 0.10, 0.15, 0.30, 0.60, 0.80, 0.90, 0.95, 1.00,
    1.10, 1.05, 1.00, 1.05, 1.20, 1.60, 2.10, 2.70, 3.00, 2.60, 1.70, 0.80,
)  # fmt: skip
SHAPE = tuple(24 * hour / sum(_HOURS) for hour in _HOURS)
"""Each hour's pace in parts of the day's mean; their mean is 1."""


@dataclass(frozen=True)
class Visit:
    """One time that a user opens the app.

    Attributes:
        minute: of the day, when it begins.
        user: counts from 0.
        orders: videos that are asked for, one after the other.
        photograph: whether an image is uploaded for the first of them.
        deletes: whether the last video is deleted in the end.
    """

    minute: float
    user: int
    orders: int
    photograph: bool
    deletes: bool


def visits(users: int, jobs: int, seed: int, *, photographs: float = 0.3, deletions: float = 0.1) -> list[Visit]:
    """A day's visits in their order: each user comes once or twice, and `jobs` videos are ordered in all."""
    lot = random.Random(seed)  # repeatable is what it must be
    coming = [*range(users), *(user for user in range(users) if lot.random() < 0.5)]
    minutes = moments(len(coming), lot)
    lot.shuffle(coming)
    orders = [0] * len(coming)
    for _ in range(jobs):
        orders[lot.randrange(len(orders))] += 1
    return [
        Visit(minute, user, count, count > 0 and lot.random() < photographs, count > 0 and lot.random() < deletions)
        for minute, user, count in zip(minutes, coming, orders, strict=True)
    ]


def moments(count: int, lot: random.Random) -> list[float]:
    """So many minutes of the day, drawn by its hours' pace and put in order."""
    hours = lot.choices(range(24), cum_weights=list(accumulate(SHAPE)), k=count)
    return sorted(60 * (hour + lot.random()) for hour in hours)


def poisson(per_day: float, days: int, lot: random.Random, shape: Sequence[float] = SHAPE) -> Iterator[float]:
    """Minutes, over so many days, at which something rare happens that keeps the day's pace."""
    fastest, minute = max(shape), 0.0
    while (minute := minute + lot.expovariate(per_day * fastest / MINUTES)) < days * MINUTES:
        if lot.random() * fastest < shape[int(minute // 60) % 24]:
            yield minute
