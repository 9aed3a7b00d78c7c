"""The alarms on failing generations, in figures: how often chance alone fires them, and how soon a fault does.

Failures of ours are rare and know nothing of each other: they come by Poisson's law, at the day's pace. Minutes count
from the first failure, and CloudWatch looks at its sliding window once a minute.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import accumulate
from statistics import median

import pytest

from infra.alarm_catalogue import catalogue
from infra.alarm_model import Alarm, Math
from infra.alarms import watched
from infra.names import Names
from local.ministack import alarm_math
from tests.chaos.day import MINUTES, SHAPE, poisson
from tests.chaos.day_figures import due_pages
from tests.infra.resource_tree import stack_config

CONFIG = stack_config("prod")
ALARMS = {alarm.id: alarm for alarm in catalogue(watched(Names.of(CONFIG), CONFIG))}
FAST, SLOW = ALARMS["GENERATIONS-FAILING"], ALARMS["GENERATIONS-FAILING-SLOW"]
ORDERS = 3000
ACCIDENTS = 0.001
LOOK_MINUTES = 1.0
YEARS = 60
NIGHT, MEAN, EVENING = min(SHAPE), 1.0, max(SHAPE)


def fired(alarm: Alarm, failures: Iterable[float], asked: Iterable[float] | None = None) -> Iterator[float]:
    """The minutes at which the alarm goes on, for failures in their order; by default orders keep the day's pace."""
    window, seen, on_until = alarm.window.seconds / 60, list[float](), float("-inf")
    least = next(few for few in range(1, 20) if _breaches(alarm, few, few))
    pace = _Pace() if asked is None else None
    constant = next(iter(asked)) if asked is not None else 0.0
    for minute in failures:
        seen = [earlier for earlier in seen if minute - earlier < window] + [minute]
        orders = pace.orders(minute - window, minute) if pace else constant * window
        if _breaches(alarm, len(seen), orders):
            if minute > on_until:
                yield minute
            on_until = seen[-least] + window  # then too few are left


def _breaches(alarm: Alarm, failed: float, asked: float) -> bool:
    assert isinstance(alarm.judged, Math)
    value = alarm_math.evaluate(alarm.judged.expression, {"failed": failed, "asked": asked})
    return value is not None and value >= alarm.threshold


class _Pace:
    """Orders expected between two minutes, over all days."""

    def __init__(self) -> None:
        self._until = [0.0, *accumulate(ORDERS * hour / 24 for hour in SHAPE)]

    def orders(self, since: float, until: float) -> float:
        return self._by(until) - self._by(since)

    def _by(self, minute: float) -> float:
        days, minute = divmod(minute, MINUTES)
        hour = int(minute // 60)
        within = (self._until[hour + 1] - self._until[hour]) * (minute / 60 - hour)
        return days * ORDERS + self._until[hour] + within


def false_alarms_a_year(alarm: Alarm, share: float) -> float:
    lot = random.Random(1)  # repeatable is what it must be
    return sum(1 for _ in fired(alarm, poisson(ORDERS * share, YEARS * 365, lot))) / YEARS


def minutes_to_page(pace: float, share: float, *, runs: int = 400) -> list[float]:
    """From the first failure to the page, sorted, at a constant pace (in parts of the day's mean)."""
    lot = random.Random(2)  # repeatable is what it must be
    a_minute = ORDERS / MINUTES * pace

    def failures() -> Iterator[float]:
        minute = 0.0
        while True:
            yield minute
            minute += lot.expovariate(a_minute * share)

    return sorted(LOOK_MINUTES + next(fired(FAST, failures(), [a_minute])) for _ in range(runs))


@pytest.mark.plan("M15")
def test_chance_alone_pages_every_other_month_at_most() -> None:
    assert false_alarms_a_year(FAST, ACCIDENTS) < 7
    assert false_alarms_a_year(FAST, 0.3 * ACCIDENTS) < 0.5
    assert false_alarms_a_year(SLOW, ACCIDENTS) < 2


@pytest.mark.plan("M15")
@pytest.mark.parametrize(
    ("pace", "share"), [(EVENING, 0.10), (MEAN, 0.28), (MEAN, 1.0)], ids=["evening", "mean", "outage"]
)
def test_six_failures_in_ten_minutes_page_within_ten_minutes_of_the_first(pace: float, share: float) -> None:
    taken = minutes_to_page(pace, share)
    assert taken[int(0.95 * len(taken))] <= 10


@pytest.mark.plan("M15")
@pytest.mark.parametrize(("pace", "share", "minutes"), [(EVENING, 0.02, 17), (MEAN, 0.02, 75), (NIGHT, 1.0, 12)])
def test_how_long_a_thin_fault_takes(pace: float, share: float, minutes: float) -> None:
    assert median(minutes_to_page(pace, share)) <= minutes


@pytest.mark.plan("M15")
def test_a_rule_that_pages_for_two_percent_in_ten_minutes_pages_for_accidents() -> None:
    """At the mean pace 21 videos are ordered in ten minutes: two times of three, the first failure has no second."""
    second_comes = 1 - (1 - 0.02) ** (10 * ORDERS / MINUTES)
    assert second_comes < 0.4
    single_accidents_a_day = ORDERS * ACCIDENTS
    assert single_accidents_a_day >= 3


@pytest.mark.plan("M15")
def test_growth_does_not_make_pages_of_accidents() -> None:
    """At ten times the orders three accidents in half an hour are common: the share holds them."""
    half_an_hour = ORDERS / MINUTES * 30
    assert _breaches(FAST, 3, half_an_hour)
    assert not _breaches(FAST, 3, 10 * half_an_hour)


def test_a_replayed_day_expects_the_pages_that_the_alarm_makes() -> None:
    failures = list(poisson(0.02 * ORDERS, 30, random.Random(3)))
    due = due_pages(failures)
    assert len(due) > 30
    assert due == list(fired(FAST, failures))
