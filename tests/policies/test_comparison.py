"""Granted, revoked, unchanged: what a change is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policies.review.comparison import compare
from policies.review.rows import RowError, as_json, read_matrix
from tests.policies.reviewing import row


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("deny", "allow", "granted"),
        ("allow", "deny", "revoked"),
        ("allow", "allow", "unchanged"),
        ("deny", "deny", "unchanged"),
        (None, "allow", "granted"),
        ("allow", None, "revoked"),
        (None, "deny", "unchanged"),
    ],
)
def test_a_decision_that_one_side_lacks_is_a_denial_there(before: str | None, after: str | None, kind: str) -> None:
    (found,) = compare(
        {"dev": [row(before)] if before else []},
        {"dev": [row(after)] if after else []},
    ).decisions
    assert found.kind == kind


def test_stacks_that_change_alike_are_one_line_and_others_their_own() -> None:
    before = {"dev": [row("deny")], "local": [row("deny")], "prod": [row("deny")]}
    after = {"dev": [row("allow")], "local": [row("allow")], "prod": [row("deny")]}
    found = compare(before, after)
    assert [each.stacks for each in found.granted] == [("dev", "local")]
    assert [each.stacks for each in found.unchanged] == [("prod",)]


def test_a_matrix_comes_back_as_it_was_written(tmp_path: Path) -> None:
    rows = [row("allow"), row("deny", principal="a stranger")]
    file = tmp_path / "access-matrix.json"
    file.write_text(json.dumps({"stack": "dev", "rows": as_json(rows)}))
    assert read_matrix(file) == sorted(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "maybe"}, "decision = 'maybe'"),
        ({"principle": "function me"}, "look at principle"),
        ({"layer": "api"}, "layer = 'api'"),
    ],
)
def test_a_row_that_is_none_is_an_error_and_not_skipped(tmp_path: Path, change: dict[str, str], message: str) -> None:
    file = tmp_path / "access-matrix.json"
    file.write_text(json.dumps({"stack": "dev", "rows": [{**as_json([row("allow")])[0], **change}]}))
    with pytest.raises(RowError, match=message):
        read_matrix(file)
