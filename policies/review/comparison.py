"""What a change grants and revokes: two lists of decisions, compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.review.rows import ALLOW, DENY, Attempt, Row

GRANTED, REVOKED, UNCHANGED = "granted", "revoked", "unchanged"


@dataclass(frozen=True, order=True)
class Decision:
    """An attempt with its outcome before and after, on each of `stacks`."""

    attempt: Attempt
    before: str
    after: str
    stacks: tuple[str, ...]

    @property
    def kind(self) -> str:
        if self.before == self.after:
            return UNCHANGED
        return GRANTED if self.after == ALLOW else REVOKED


@dataclass(frozen=True)
class Comparison:
    """All decisions, those that change and those that do not."""

    decisions: tuple[Decision, ...]

    @property
    def granted(self) -> tuple[Decision, ...]:
        return self._of(GRANTED)

    @property
    def revoked(self) -> tuple[Decision, ...]:
        return self._of(REVOKED)

    @property
    def unchanged(self) -> tuple[Decision, ...]:
        return self._of(UNCHANGED)

    def _of(self, kind: str) -> tuple[Decision, ...]:
        return tuple(decision for decision in self.decisions if decision.kind == kind)


def compare(before: Mapping[str, Iterable[Row]], after: Mapping[str, Iterable[Row]]) -> Comparison:
    """Compare the decisions of each stack.

    A row that one side lacks is a denial there: what does not exist can do nothing and be reached by nobody. So a new
    function's rights are named as granted, and those of a removed one as revoked.
    """
    stacks_of: dict[tuple[Attempt, str, str], list[str]] = defaultdict(list)
    for stack in sorted({*before, *after}):
        old = {row.attempt: row.decision for row in before.get(stack, ())}
        new = {row.attempt: row.decision for row in after.get(stack, ())}
        for attempt in {*old, *new}:
            stacks_of[attempt, old.get(attempt, DENY), new.get(attempt, DENY)].append(stack)
    return Comparison(tuple(sorted(Decision(*key, tuple(stacks)) for key, stacks in stacks_of.items())))
