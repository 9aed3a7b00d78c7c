"""The mutants that change no decision, each with the proof: policies/equivalent_mutants.yaml.

A list of groups, each with these keys and no others:

    mutants: ids as `make mutate` prints them; `*` stands for any letters
    because: why nothing changes, for anybody
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from policies.errors import PolicyError
from policies.model.rendering import ROOT

FILE = ROOT / "equivalent_mutants.yaml"
_KEYS = {"mutants", "because"}


@dataclass(frozen=True)
class Equivalent:
    """Mutants named by `pattern`, and why they change nothing."""

    pattern: str
    because: str

    def names(self, mutant: str) -> bool:
        return like(mutant, self.pattern)


def like(mutant: str, pattern: str) -> bool:
    """Whether the id has this form; brackets are letters in it, since ids hold them."""
    return fnmatch.fnmatchcase(mutant, pattern.replace("[", "[[]"))


def read(path: Path = FILE) -> list[Equivalent]:
    """The committed list.

    Raises:
        PolicyError: names the entry that is none.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    found = []
    for number, entry in enumerate(content, 1):
        if not isinstance(entry, dict) or set(entry) != _KEYS or not str(entry["because"]).strip():
            raise PolicyError(f"{path.name}: entry {number} has not exactly {' and '.join(sorted(_KEYS))}")
        found += [Equivalent(str(pattern), str(entry["because"])) for pattern in entry["mutants"]]
    return found


def wrong(listed: Sequence[Equivalent], caught: Iterable[str], survived: Iterable[str], *, whole: bool) -> list[str]:
    """What is wrong with the list: mutants that a decision notices after all, and entries that name none.

    Args:
        whole: whether every mutant was tried; of a sample, an entry may name none.
    """
    survivors, problems = list(survived), []
    for mutant in caught:
        problems += [f"{mutant} is caught, and listed as equivalent" for entry in listed if entry.names(mutant)]
    if whole:
        for entry in listed:
            if not any(entry.names(mutant) for mutant in survivors):
                problems.append(f"{entry.pattern!r} names no mutant that survives")
    return problems
