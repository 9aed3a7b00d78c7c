"""All decisions of two revisions, tried layer by layer.

Stacks that are alike but for their names are tried once, and a layer that a change leaves alone on one side only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from policies.review import probe, settings
from policies.review.comparison import Comparison, compare
from policies.review.diff import neutral
from policies.review.rows import Row
from policies.review.stacks import Stack
from policies.review.trial import trial_of

Both = tuple[list[Row], list[Row]]
# The code that turns the model into roles, grants and policies: each side is applied by its own.
APPLIES = ("lambdas/database_admin/*.py", "lambdas/runtime/access_catalog.py")


@dataclass(frozen=True)
class Side:
    """One revision: its stacks, and the checkout whose code applies its model of Postgres."""

    stacks: Mapping[str, Stack]
    checkout: Path


class Tries:
    """Tries pairs of models and remembers the outcome of each pair.

    Args:
        say: told what is being tried, for whoever waits.
    """

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self._say = say
        self._iam_of: dict[tuple[str, str], Both] = {}
        self._rows: dict[str, list[Row]] = {}

    def compare(self, before: Side, after: Side) -> Comparison:
        """The decisions of every stack that either side has; a stack that only one has decides nothing on the other.

        Raises:
            PolicyError: a document cannot be judged, or Postgres refuses a model.
        """
        sides: tuple[dict[str, list[Row]], dict[str, list[Row]]] = ({}, {})
        for name in sorted({*before.stacks, *after.stacks}):
            old, new = before.stacks.get(name), after.stacks.get(name)
            left, right = old or new, new or old
            assert left is not None
            assert right is not None
            was, now = (before if old else after).checkout, (after if new else before).checkout
            layers = (
                self._iam(left, right),
                self._postgres(left, right, was, now),
                (settings.rows(left), settings.rows(right)),
            )
            for place, stack in enumerate((old, new)):
                sides[place][name] = [row for layer in layers for row in layer[place]] if stack else []
        return compare(*sides)

    def _iam(self, before: Stack, after: Stack) -> Both:
        key = (_iam_text(before), _iam_text(after))
        if key not in self._iam_of:
            self._say(f"IAM as on {after.name}")
            self._iam_of[key] = probe.rows(before, after)
        return self._iam_of[key]

    def _postgres(self, before: Stack, after: Stack, was: Path, now: Path) -> Both:
        old, new = _Postgres(before, after, was), _Postgres(after, before, now)
        waiting = {each.key: each for each in (old, new) if each.key not in self._rows}
        if waiting:
            self._say(f"Postgres as on {after.name}")
        with ThreadPoolExecutor(2) as both:
            self._rows |= zip(waiting, both.map(_Postgres.rows, waiting.values()), strict=True)
        return self._rows[old.key], self._rows[new.key]


@dataclass(frozen=True)
class _Postgres:
    """One side's model, its code, and the other side, whose policies choose rows to try on as well."""

    stack: Stack
    other: Stack
    checkout: Path

    @property
    def key(self) -> str:
        files = sorted(path for pattern in APPLIES for path in self.checkout.glob(pattern))
        code = {path.name: path.read_text(encoding="utf-8") for path in files}
        told = _digest(self.other, self.other.postgres["policies"])
        return _digest(self.stack, [self.stack.postgres, self.stack.schema_versions, code, told])

    def rows(self) -> list[Row]:
        with trial_of(self.stack, [self.other], checkout=self.checkout) as trial:
            return trial.rows()


def _iam_text(stack: Stack) -> str:
    """What IAM decides by, without the stack's own names: equal texts decide equally."""
    content = {
        "documents": [asdict(each) for each in stack.documents],
        "things": [asdict(each) for each in stack.resources],
    }
    logins = sorted(stack.postgres.get("roles", {}))
    return _digest(stack, [content, logins])


def _digest(stack: Stack, content: object) -> str:
    text = neutral(json.dumps(content, sort_keys=True), stack=stack.name, account=stack.account)
    return hashlib.sha256(text.replace(stack.region, "{region}").encode()).hexdigest()
