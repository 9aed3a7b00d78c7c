"""`ArnLike` and its kind compare an ARN part by part.

MiniStack matches the pattern against the whole text, so that a wildcard for one part swallows the colons of the next
and lets in another account's resource. Source: IAM User Guide, "IAM JSON policy elements: Condition operators",
section "Amazon Resource Name (ARN) condition operators": each of the six colon-delimited components is checked
separately.
"""

from __future__ import annotations

from ministack.core import iam_evaluator

_POSITIVE, _NEGATED = ("arnequals", "arnlike"), ("arnnotequals", "arnnotlike")
_PARTS = 6


def install() -> None:
    """Replace the four operators."""
    operators = iam_evaluator._CONDITION_OPS
    operators.update(dict.fromkeys(_POSITIVE, _alike))
    operators.update(dict.fromkeys(_NEGATED, lambda actual, expected: not _alike(actual, expected)))


def _alike(actual: str, expected: str) -> bool:
    if expected == "*":
        return True
    parts, patterns = actual.split(":", _PARTS - 1), expected.split(":", _PARTS - 1)
    if len(parts) != len(patterns):
        return False
    return all(iam_evaluator.fnmatch_iam_cs(part, pattern) for part, pattern in zip(parts, patterns, strict=True))
