"""A review names every widening, by whom and on what, and no change that gives nobody anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.review import stacks
from policies.review.comparison import Comparison
from policies.review.decisions import Side, Tries
from policies.review.report import deed, target
from tests.review.bad_iam import IAM
from tests.review.bad_postgres import POSTGRES
from tests.review.planting import STACK, Change
from tests.review.refactors import REFACTORS

BAD = [*IAM, *POSTGRES]
ENOUGH_BAD, ENOUGH_REFACTORS = 24, 10


def reviewed(change: Change, base: Side, tries: Tries, folder: Path) -> Comparison:
    head = change.plant(folder / "head")
    return tries.compare(base, Side(stacks.load([STACK], checkout=head), head))


def test_there_are_enough_of_both() -> None:
    assert len({change.name for change in BAD}) == len(BAD) >= ENOUGH_BAD
    assert len({change.name for change in REFACTORS}) == len(REFACTORS) >= ENOUGH_REFACTORS
    print(f"{len(BAD)} bad changes, {len(REFACTORS)} refactors")


@pytest.mark.parametrize("change", BAD, ids=lambda change: change.name)
def test_a_bad_change_is_named_with_principal_and_resource(
    change: Change, base: Side, tries: Tries, tmp_path: Path
) -> None:
    granted = reviewed(change, base, tries, tmp_path).granted
    named = [(each.attempt.principal, deed(each), target(each)) for each in granted]
    assert [
        (principal, action, resource)
        for principal, action, resource in named
        if principal == change.principal and change.resource in resource and change.says in f"{action} {resource}"
    ], named[:20]


@pytest.mark.parametrize("change", REFACTORS, ids=lambda change: change.name)
def test_a_refactor_changes_no_decision(change: Change, base: Side, tries: Tries, tmp_path: Path) -> None:
    found = reviewed(change, base, tries, tmp_path)
    assert found.granted == ()
    assert found.revoked == ()
    assert len(found.unchanged) > 1_000
