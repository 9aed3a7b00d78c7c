"""The one tree of errors of this package. The engine prints their text without a traceback (`pulumi.RunError`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


class InfraError(pulumi.RunError):
    """Something the person who runs `pulumi` can mend; the message says what, where and how."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a stack's configuration: where it is, what it says, and what to write instead."""

    key: str
    value: str
    fix: str


class ConfigError(InfraError):
    """Every mistake of a stack's configuration at once, found before anything is touched."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        wide = min(60, max(len(_assignment(problem)) for problem in self.problems))
        lines = [f"{source}: {count} problem{'s' if count != 1 else ''}"]
        lines += [f"  {_assignment(problem):<{wide}}  {problem.fix}" for problem in self.problems]
        super().__init__("\n".join([*lines, "Nothing was changed."]))


class PackagingError(InfraError):
    """A function's zip cannot be built."""


def _assignment(problem: Problem) -> str:
    return f"{problem.key} = {problem.value}"
