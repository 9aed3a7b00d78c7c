"""A drill's emulator is told a shorter minute, the ordinary one nothing; what was told is understood."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from local import daemons
from local.lambda_python import LambdaPython
from local.pace import REAL_TIME, Pace
from local.ports import NAMES
from local.state import State

PACE = Pace(minute_seconds=2, longest_seconds=30)


def emulator(pace: Pace) -> dict[str, str]:
    python = LambdaPython("3.13", Path(sys.executable))
    started = daemons.all_of(State(Path("/nowhere")), dict.fromkeys(NAMES, 1), python, pace=pace)
    return dict(next(daemon for daemon in started if daemon.name == "ministack").environment)


def test_only_a_drill_tells_the_emulator_of_its_pace() -> None:
    ordinary, drill = emulator(REAL_TIME), emulator(PACE)
    assert {name: drill[name] for name in drill.keys() - ordinary.keys()} == PACE.environment()
    assert (Pace.of(ordinary), Pace.of(drill)) == (REAL_TIME, PACE)


@pytest.mark.parametrize(("seconds", "lasts"), [(60, 2.0), (300, 10.0), (3600, 30.0), (86400, 30.0)])
def test_a_period_is_compressed_and_bounded(seconds: float, lasts: float) -> None:
    assert PACE.compressed(seconds) == lasts
    assert REAL_TIME.compressed(seconds) == seconds


def test_an_age_is_told_in_minutes_of_the_pace() -> None:
    assert PACE.stretched(30) == 900
    assert REAL_TIME.stretched(30) == 30


@pytest.mark.parametrize("wrong", [(0, 30), (61, 100), (5, 4), (-1, math.inf)])
def test_what_is_no_pace_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="no pace"):
        Pace(*wrong)
