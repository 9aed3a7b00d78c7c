"""What an experiment has done so far, kept in a folder, and the figures at its end."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SIGN_OF_LIFE_SECONDS = 5.0


@dataclass(frozen=True)
class Figure:
    """One measured figure and what it has to be, in words; `met` is the verdict."""

    name: str
    value: Any
    bound: str
    met: bool

    @classmethod
    def exactly(cls, name: str, value: Any, wanted: Any) -> Figure:
        return cls(name, value, f"= {wanted}", value == wanted)

    @classmethod
    def at_most(cls, name: str, value: float, bound: float) -> Figure:
        return cls(name, value, f"<= {bound}", value <= bound)


@dataclass
class Record:
    """An experiment's folder.

    Units of work are noted as they end, a line each, so that a run that was stopped repeats none of them. A change of
    the parameters begins anew: what was noted under others proves nothing.

    Attributes:
        folder: holds `units.jsonl`, `figures.json` and whatever the experiment keeps.
    """

    folder: Path
    quiet: bool = True
    _units: dict[str, Any] = field(default_factory=dict)
    _said: float = 0.0

    def begin(self, parameters: Mapping[str, Any]) -> None:
        """Read what an earlier run with the same parameters noted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        mark, digest = self.folder / "parameters.json", _digest(parameters)
        if not mark.exists() or json.loads(mark.read_text())["digest"] != digest:
            self._file.unlink(missing_ok=True)
            mark.write_text(json.dumps({"digest": digest, "parameters": dict(parameters)}, default=str))
        lines = self._file.read_text().splitlines(keepends=True) if self._file.exists() else []
        if lines and not lines[-1].endswith("\n"):  # cut off by a kill
            self._file.write_text("".join(lines[:-1]))
            lines.pop()
        noted = [json.loads(line) for line in lines]
        self._units = {each["unit"]: each["result"] for each in noted}

    def done(self, unit: str) -> bool:
        """Whether this unit of work has ended already."""
        return unit in self._units

    def note(self, unit: str, result: Any) -> None:
        """A unit of work has ended, with this result (JSON)."""
        self._units[unit] = result
        with self._file.open("a") as file:
            file.write(json.dumps({"unit": unit, "result": result}) + "\n")

    @property
    def results(self) -> dict[str, Any]:
        """The results so far, by unit, those of earlier runs included."""
        return dict(self._units)

    def progress(self, done: int, total: int, more: str = "") -> None:
        """Say how far it is, every few seconds."""
        now = time.monotonic()
        if not self.quiet and (now - self._said >= SIGN_OF_LIFE_SECONDS or done == total):
            self._said = now
            print(f"  {done:>6} of {total}  {more}", file=sys.stderr, flush=True)

    def write(self, figures: list[Figure]) -> None:
        (self.folder / "figures.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=2))

    @property
    def _file(self) -> Path:
        return self.folder / "units.jsonl"


def _digest(parameters: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(parameters), sort_keys=True, default=str).encode()).hexdigest()


def unmet(figures: list[Figure]) -> list[str]:
    """The figures that miss their bound, for an assertion's message."""
    return [f"{figure.name} is {figure.value}, wanted {figure.bound}" for figure in figures if not figure.met]
