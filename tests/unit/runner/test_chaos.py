"""Experiments are found, go on where they were, and tell a figure that misses its bound."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.chaos.__main__ import experiments
from tests.chaos.record import Figure, Record, unmet

PARAMETERS = {"jobs": 3}


@pytest.mark.parametrize("name", experiments())
def test_an_experiment_says_what_it_does_and_has_a_short_and_a_long_version(name: str) -> None:
    module = experiments()[name]
    given = set(inspect.signature(module.run).parameters) - {"record", "world"}
    assert module.TITLE
    assert module.SHORT.keys() == module.LONG.keys() == given


def test_the_experiments_are_there() -> None:
    assert {"kills", "faults", "restarts", "spending", "stalls"} <= experiments().keys()


def begun(folder: Path, parameters: dict[str, int]) -> Record:
    record = Record(folder)
    record.begin(parameters)
    return record


def test_what_was_noted_is_not_done_again(tmp_path: Path) -> None:
    begun(tmp_path, PARAMETERS).note("first", {"wrong": 0})
    again = begun(tmp_path, PARAMETERS)
    assert again.done("first")
    assert not again.done("second")
    assert again.results == {"first": {"wrong": 0}}


def test_a_note_cut_off_by_a_kill_is_done_again(tmp_path: Path) -> None:
    record = begun(tmp_path, PARAMETERS)
    record.note("first", 1)
    with (tmp_path / "units.jsonl").open("a") as file:
        file.write('{"unit": "second", "resu')
    again = begun(tmp_path, PARAMETERS)
    assert again.results == {"first": 1}
    again.note("second", 2)
    assert begun(tmp_path, PARAMETERS).results == {"first": 1, "second": 2}


def test_other_parameters_begin_anew(tmp_path: Path) -> None:
    begun(tmp_path, PARAMETERS).note("first", 1)
    assert begun(tmp_path, {"jobs": 4}).results == {}


def test_a_figure_that_misses_its_bound_is_told() -> None:
    figures = [Figure.exactly("lost", 0, 0), Figure.exactly("doubled", 1, 0), Figure.at_most("attempts", 5, 4)]
    assert unmet(figures) == ["doubled is 1, wanted = 0", "attempts is 5, wanted <= 4"]
