"""Reviews made up of rows and documents, for tests of how they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from policies.review.approvals import Approval, digest, judge
from policies.review.comparison import compare
from policies.review.diff import PolicyDiff, diff_documents, on_stacks
from policies.review.report import Review
from policies.review.rows import Row

TODAY = dt.date(2026, 11, 25)
OWNER = "@access-owner"
STACKS = ("dev", "local", "prod")


def row(
    decision: str,
    *,
    principal: str = "function me",
    action: str = "s3:GetObject",
    resource: str = "videos bucket, videos/{user}/…",
    whose: str = "other's",
    context: str = "",
    layer: str = "iam",
) -> Row:
    return Row(layer, principal, action, resource, whose, context, decision)


def many(number: int, decision: str = "allow", *, word: str = "resource") -> list[Row]:
    return [row(decision, resource=f"{word} {index:04}, {{user}}/…") for index in range(number)]


def statement(sid: str = "OwnRead", **parts: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/own/*"], **parts}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def diffs(before: dict[str, Any], after: dict[str, Any]) -> list[PolicyDiff]:
    return on_stacks({stack: diff_documents(before, after) for stack in STACKS})


def review(
    before: Sequence[Row],
    after: Sequence[Row],
    *,
    differences: Sequence[PolicyDiff] = (),
    approvals: Sequence[Approval] = (),
    standing: Sequence[Row] = (),
) -> Review:
    comparison = compare(dict.fromkeys(STACKS, before), dict.fromkeys(STACKS, after))
    verdict = judge(digest(comparison, differences), approvals, owners=frozenset({OWNER}), today=TODAY)
    stays = compare(dict.fromkeys(STACKS, standing), dict.fromkeys(STACKS, standing)).unchanged
    return Review("1a2b3c4d", "5e6f7a8b", STACKS, comparison, tuple(differences), verdict, stays)
