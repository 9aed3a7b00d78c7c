"""A test proves ids that the plan has; `make proof` shows which, and what nothing proves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.plan import TITLES, ids_of, table


def item(*ids: str) -> pytest.Item:
    markers = [SimpleNamespace(args=ids)]
    stub: Any = SimpleNamespace(nodeid="tests/x.py::test_x", iter_markers=lambda _name: markers)
    return cast("pytest.Item", stub)


def test_known_ids_are_taken() -> None:
    assert ids_of(item("M3", "M10")) == ["M3", "M10"]


@pytest.mark.parametrize("unknown", ["M0", "M21", "N4", "m3", "X2", ""])
def test_an_unknown_id_fails_with_the_test_and_the_id(unknown: str) -> None:
    with pytest.raises(pytest.UsageError, match=r"tests/x\.py::test_x"):
        ids_of(item(unknown))


def test_the_plan_has_its_24_ids() -> None:
    assert len(TITLES) == 24


def test_proof_tells_proven_failed_not_run_and_missing() -> None:
    lines = table({"M1": ["a", "b"], "M3": ["a", "c"], "M5": ["d"]}, {"a": "passed", "b": "passed", "c": "failed"})
    by_id = {line.split()[0]: line for line in lines if line.strip()}
    assert by_id["M1"].endswith("proven")
    assert by_id["M3"].endswith("failed 1 of 2")
    assert by_id["M5"].endswith("not run 1 of 1")
    assert by_id["M2"].endswith("-")
    assert "M2" in lines[-1]
    assert "M1," not in lines[-1]
