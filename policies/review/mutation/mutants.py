"""What a mutant is."""

from __future__ import annotations

from dataclasses import dataclass

from policies.review.stacks import Document

OPERATORS: dict[str, str] = {}
"""Name -> what it does, of every operator."""


@dataclass(frozen=True)
class Mutant:
    """One change of the model.

    Attributes:
        operator: one of OPERATORS.
        target: what is changed, in words that are the same on every stack, such as "roles/me/access WriteOwnLogs".
        what: which part of the target, where there are several.
    """

    operator: str
    target: str
    what: str = ""

    @property
    def id(self) -> str:
        """How it is listed, and named among the equivalent ones."""
        return ": ".join(part for part in (self.operator, self.target, self.what) if part)


@dataclass(frozen=True)
class DocumentMutant(Mutant):
    """A policy document with one statement changed; `document` takes the place of the one of its name."""

    document: Document | None = None


@dataclass(frozen=True)
class ModelMutant(Mutant):
    """A change of the applied Postgres model.

    Attributes:
        change: statements that make it, as the superuser.
        undo: statements that take it back.
        roles: whose decisions it may change; none means everybody's.
        opening: statements that open the layer before this one, so that this one is tried alone.
        closing: statements that take that back.
    """

    change: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConstraintMutant(Mutant):
    """A table without one of its constraints."""

    table: str = ""
    change: str = ""


@dataclass(frozen=True)
class Catch:
    """What noticed a mutant: by the matrix, a request, a lint…, and which decision."""

    by: str
    what: str


def operator(name: str, does: str) -> str:
    """Register an operator's name."""
    if name in OPERATORS:
        raise ValueError(f"two operators are called {name}")
    OPERATORS[name] = does
    return name
