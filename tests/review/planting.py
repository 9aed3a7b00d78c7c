"""Changes planted in a copy of this repository's access model, as a pull request would make them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACK = "dev"
FOLDERS = ("infra", "policies", "lambdas")


@dataclass(frozen=True)
class Change:
    """A change of files.

    Attributes:
        name: what it does, in a few words.
        edits: file -> pairs of what stands there, or a pattern of it, and what comes instead; each must stand there.
        files: new files.
        principal: whom a review must name as gaining access; "" for a change that widens nothing.
        resource: what it must name with that principal.
        says: what the action or its circumstances must say, where principal and resource are not all.
    """

    name: str
    edits: Mapping[str, tuple[tuple[str | re.Pattern[str], str], ...]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    principal: str = ""
    resource: str = ""
    says: str = ""

    def plant(self, folder: Path) -> Path:
        """A copy of the access model and its program in `folder`, with the change made."""
        copy_into(folder)
        self.edit(folder)
        return folder

    def edit(self, folder: Path) -> None:
        """Make the change in `folder`."""
        for name, edits in self.edits.items():
            file = folder / name
            text = file.read_text(encoding="utf-8")
            for old, new in edits:
                pattern = old if isinstance(old, re.Pattern) else re.compile(re.escape(old))
                text, times = pattern.subn(new.replace("\\", r"\\"), text)
                assert times, f"{self.name}: {name} no longer says {pattern.pattern!r}; plant it anew"
            file.write_text(text, encoding="utf-8")
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8")


def copy_into(folder: Path) -> Path:
    """What a stack is rendered and applied from."""
    ignored = shutil.ignore_patterns("__pycache__", "previews", "review")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, folder)
    return folder


def statement_after(sid: str, statement: str) -> tuple[str, str]:
    """An edit that puts a statement before the one named `sid`."""
    return (f'    {{\n      "Sid": "{sid}"', f'    {statement},\n    {{\n      "Sid": "{sid}"')
