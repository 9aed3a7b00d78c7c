"""Who may approve what: each rule, and an approval that keeps them all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.review.approvals import Approval, ApprovalError, digest, judge, owners, read_approvals
from policies.review.comparison import compare
from policies.review.report import Review
from tests.policies.reviewing import OWNER, TODAY, diffs, document, review, row, statement

GRANTED = ([row("deny")], [row("allow")])


def approval(change: str, **fields: Any) -> Approval:
    values = {"id": "ME-READS-VIDEOS", "who": OWNER, "expiry": TODAY + dt.timedelta(days=7), "digest": change}
    return Approval(**{"reason": "The profile screen plays the newest video.", **values, **fields})


def reviewed(**fields: Any) -> Review:
    before, after = GRANTED
    return review(before, after, approvals=[approval(review(before, after).verdict.digest, **fields)])


def test_what_widens_ends_with_status_2_and_approved_with_0() -> None:
    assert review(*GRANTED).status == 2
    assert reviewed().status == 0
    assert "approved as ME-READS-VIDEOS by @access-owner until 2026-12-02" in reviewed().headline


@pytest.mark.parametrize("rows", [([row("allow")], [row("deny")]), ([row("allow")], [row("allow")]), ([], [])])
def test_what_does_not_widen_needs_no_approval(rows: tuple[Any, Any]) -> None:
    assert review(*rows).status == 0
    assert review(*rows).headline == "Nothing widens"


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({"expiry": TODAY - dt.timedelta(days=1)}, "expired on 2026-11-24"),
        ({"expiry": TODAY + dt.timedelta(days=32)}, "more than 31 days"),
        ({"who": "@author"}, "@author, who owns no approvals in the base revision's CODEOWNERS"),
    ],
)
def test_an_approval_that_does_not_count_says_why(fields: dict[str, Any], remark: str) -> None:
    found = reviewed(**fields)
    assert found.status == 2
    assert remark in "".join(found.verdict.remarks)


@pytest.mark.parametrize("days", [0, 31])
def test_an_approval_counts_on_its_last_day_and_for_the_longest_time(days: int) -> None:
    assert reviewed(expiry=TODAY + dt.timedelta(days=days)).status == 0


def test_an_approval_of_another_change_says_nothing_about_this_one() -> None:
    found = reviewed(digest="sha256:" + "0" * 64)
    assert found.status == 2
    assert not found.verdict.remarks


def test_the_digest_is_of_exactly_this_change() -> None:
    old, new = {"iam/me": document(statement())}, {"iam/me": document(statement(Action=["s3:GetObject", "s3:*"]))}
    changes = [
        ([row("deny")], [row("allow")], diffs(old, new)),
        ([row("deny", whose="own")], [row("allow", whose="own")], diffs(old, new)),
        ([row("deny"), row("allow", action="a")], [row("allow"), row("deny", action="a")], diffs(old, new)),
        ([row("deny")], [row("allow")], diffs(new, old)),
        ([row("deny")], [row("allow")], []),
    ]
    found = [digest(compare({"dev": before}, {"dev": after}), differences) for before, after, differences in changes]
    found.append(digest(compare({"dev": [row("deny")]}, {"prod": [row("allow")]}), diffs(old, new)))
    assert len(set(found)) == len(found)
    unchanged = [row("deny"), row("allow", principal="somebody else")]
    again = compare({"dev": unchanged}, {"dev": [row("allow"), row("allow", principal="somebody else")]})
    assert digest(again, diffs(old, new)) == found[0], "what does not change is no part of it"


def write(folder: Path, name: str, **content: Any) -> None:
    target = folder / "policies" / "approvals" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(content))


def good(**changes: Any) -> dict[str, Any]:
    content = approval("sha256:" + "a" * 64).model_dump()
    return {name: value for name, value in {**content, **changes}.items() if value is not None}


def test_approvals_are_read_from_their_folder(tmp_path: Path) -> None:
    assert read_approvals(tmp_path) == []
    write(tmp_path, "a.yaml", **good())
    assert [each.id for each in read_approvals(tmp_path)] == ["ME-READS-VIDEOS"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"digest": None}, "digest: Field required"),
        ({"until": "2026-12-01"}, "until: Extra inputs are not permitted"),
        ({"reason": "ok"}, "reason: String should have at least 20 characters"),
        ({"expiry": "some day"}, "expiry"),
        ({"who": "me"}, "who"),
    ],
)
def test_an_approval_that_is_none_is_an_error_naming_file_and_key(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write(tmp_path, "a.yaml", **good(**changes))
    with pytest.raises(ApprovalError, match=rf"policies/approvals/a\.yaml: .*{message}"):
        read_approvals(tmp_path)


def test_two_approvals_never_share_an_id(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", **good())
    write(tmp_path, "b.yaml", **good())
    with pytest.raises(ApprovalError, match=r"b\.yaml: the id ME-READS-VIDEOS"):
        read_approvals(tmp_path)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("* @everyone\n/policies/approvals/ @Access-Owner @second", {"@access-owner", "@second"}),
        ("/policies/ @access-owner", {"@access-owner"}),
        ("policies/**/*.yaml @access-owner", {"@access-owner"}),
        ("*.yaml @access-owner", {"@access-owner"}),
        ("approvals/ @access-owner", {"@access-owner"}),
        ("/policies/* @files-of-that-folder-alone", set()),
        ("/approvals/ @another-folder", set()),
        ("/policies/approvals/ @access-owner\n* @the-last-match-decides", {"@the-last-match-decides"}),
        ("* @everyone\n/policies/approvals/", set()),
        ("# /policies/approvals/ @comment", set()),
    ],
)
def test_owners_are_those_of_codeowners(tmp_path: Path, lines: str, expected: set[str]) -> None:
    (tmp_path / "CODEOWNERS").write_text(lines)
    assert owners(tmp_path) == expected


def test_without_codeowners_nobody_approves(tmp_path: Path) -> None:
    assert owners(tmp_path) == frozenset()
    verdict = judge("sha256:" + "a" * 64, [approval("sha256:" + "a" * 64)], owners=owners(tmp_path), today=TODAY)
    assert not verdict.approved
