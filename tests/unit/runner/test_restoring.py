"""`./rendio redrive` ends when no letter is left, and not when a step saw none: SQS shows some of what it has."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest
from rich.console import Console

from local import restoring
from local.people import Person

WHO = "arn:aws:sts::111111111111:assumed-role/rendio-dev-operator/someone"


class Steps:
    """In place of a person: each call's answer, `(moved, left)`."""

    def __init__(self, *steps: tuple[int, int]) -> None:
        self._steps = list(steps)

    def call(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        moved, left = self._steps.pop(0)
        return {"called_by": WHO, "moved": moved, "left": left}

    @property
    def untaken(self) -> int:
        return len(self._steps)


def redrive(steps: Steps) -> tuple[int, str, list[float]]:
    """How many went, what was said at the end, and the pauses."""
    said, pauses = io.StringIO(), list[float]()
    console = Console(file=said, width=200)
    moved = restoring.redrive(cast("Person", steps), console, rate=60, dry_run=False, sleep=pauses.append)
    return moved, said.getvalue().rpartition(" left\n")[2].strip(), pauses


def test_an_empty_step_ends_it_when_nothing_is_left() -> None:
    steps = Steps((5, 3), (3, 0), (0, 0))
    assert redrive(steps)[:2] == (8, f"8 dead letters were moved back, none is left: {WHO}.")


@pytest.mark.parametrize("empty", [1, 2])
def test_an_empty_step_is_repeated_while_letters_are_left(empty: int) -> None:
    steps = Steps(*[(0, 7)] * empty, (5, 2), *[(0, 2)] * empty, (2, 0), (0, 0))
    moved, said, pauses = redrive(steps)
    assert (moved, steps.untaken) == (7, 0)
    assert "none is left" in said
    assert all(pauses), "it asks no faster than it moves"


def test_three_empty_steps_end_it_and_tell_what_to_do() -> None:
    moved, said, _ = redrive(Steps((5, 4), (0, 4), (0, 4), (0, 4), (4, 0)))
    assert moved == 5
    assert said.startswith("5 dead letters were moved back, about 4 are left, which 3 steps did not find")
    assert "then run it again" in said
    assert WHO in said
