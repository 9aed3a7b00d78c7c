"""One review: what was compared, what came of it, and whether it may pass."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Any

from policies.review.approvals import Verdict
from policies.review.comparison import Comparison, Decision
from policies.review.diff import CHANGED, DocumentDiff, PolicyDiff

CONTAINED, WIDENS = 0, 2
_HIDDEN = {"Cc", "Cf", "Co", "Cs"}  # control and format characters: they can make text read as another text


@dataclass(frozen=True)
class Review:
    """What reviewers read, on a terminal, in a comment or on the page.

    Attributes:
        comparison: every attempt and its outcome under both revisions, some ten thousand.
        standing: what the committed access matrix says before and after alike, in fewer words.
    """

    base: str
    head: str
    stacks: tuple[str, ...]
    comparison: Comparison
    diffs: tuple[PolicyDiff, ...]
    verdict: Verdict
    standing: tuple[Decision, ...] = ()

    @property
    def widens(self) -> bool:
        return bool(self.comparison.granted)

    @property
    def status(self) -> int:
        """The exit status: 2 when access widens and no approval counts."""
        return WIDENS if self.widens and not self.verdict.approved else CONTAINED

    @property
    def headline(self) -> str:
        granted = counted(len(self.comparison.granted), "decision")
        if not self.widens:
            return "Nothing widens"
        approval = self.verdict.approval
        return f"Access widens: {granted} granted, " + (
            f"approved as {approval.id} by {approval.who} until {approval.expiry}" if approval else "not approved"
        )

    @property
    def policy_counts(self) -> str:
        """Such as "2 changed, 1 renamed"; statements, each counted once however many stacks have it."""
        counts = Counter(statement.kind for each in self.diffs for statement in each.diff.statements)
        return ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts)) or "none"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        approval = self.verdict.approval
        return {
            "base": self.base,
            "head": self.head,
            "stacks": list(self.stacks),
            "widens": self.widens,
            "digest": self.verdict.digest,
            "approval": approval.id if approval else None,
            "remarks": list(self.verdict.remarks),
            "granted": [_decision(each) for each in self.comparison.granted],
            "revoked": [_decision(each) for each in self.comparison.revoked],
            "unchanged": len(self.comparison.unchanged),
        }


def counted(number: int, thing: str) -> str:
    """`1 decision`, `2 decisions`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def title_of(diff: DocumentDiff) -> str:
    return diff.document if diff.kind == CHANGED else f"{diff.document} ({diff.kind})"


def visible(text: str) -> str:
    """`text` on one line, with nothing in it that hides or reorders characters."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _HIDDEN else c for c in " ".join(text.split())
    )


def kept(line: str) -> str:
    """`visible`, with the line's indentation."""
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + visible(text)


def target(decision: Decision) -> str:
    """The resource and whose it is."""
    attempt = decision.attempt
    return attempt.resource if attempt.whose == "-" else f"{attempt.resource} ({attempt.whose})"


def deed(decision: Decision) -> str:
    """The action and what else held."""
    attempt = decision.attempt
    return f"{attempt.action}, {attempt.context}" if attempt.context else attempt.action


def _decision(decision: Decision) -> dict[str, Any]:
    attempt = decision.attempt
    return {
        "layer": attempt.layer,
        "principal": attempt.principal,
        "action": attempt.action,
        "resource": attempt.resource,
        "whose": attempt.whose,
        "context": attempt.context,
        "before": decision.before,
        "after": decision.after,
        "stacks": list(decision.stacks),
    }
