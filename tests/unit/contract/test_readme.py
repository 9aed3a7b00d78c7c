"""What the README tells people to type exists, and what it links to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "docs/going-to-production.md",
    "docs/adr/README.md",
    "docs/adr/0001-record-decisions.md",
)


def commands() -> set[str]:
    line = next(line for line in (REPOSITORY / "Makefile").read_text().splitlines() if line.startswith("COMMANDS"))
    return set(line.partition("=")[2].split())


def test_every_make_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"\bmake (?:-s )?([a-z]+)", (REPOSITORY / "README.md").read_text()))
    assert named - {"s"} <= commands() | {"up"}
    assert {"up", "test", "down", "preview", "env"} <= named


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    file = REPOSITORY / page
    links = re.findall(r"\]\(([^)#]+)\)", file.read_text())
    missing = [link for link in links if "://" not in link and not (file.parent / link).exists()]
    assert missing == []
