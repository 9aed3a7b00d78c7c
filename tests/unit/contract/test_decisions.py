"""Every decision is in the index, numbered once, with the parts a reader looks for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "adr"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_is_listed_and_says_why(page: Path) -> None:
    assert f"({page.name})" in (FOLDER / "README.md").read_text()
    text = page.read_text()
    assert text.startswith("# ")
    assert "## Decision" in text


def test_no_number_is_used_twice_and_the_index_names_no_page_that_is_not_there() -> None:
    assert [number for number, count in Counter(page.name[:4] for page in PAGES).items() if count > 1] == []
    for line in (FOLDER / "README.md").read_text().splitlines():
        if ".md)" in line:
            assert (FOLDER / line.partition("](")[2].partition(")")[0]).is_file(), line
