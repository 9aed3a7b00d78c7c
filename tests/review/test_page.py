"""The page of a review, as a reviewer's browser shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from policies.review.report import Review
from tests.policies.reviewing import diffs, document, review, row, statement
from tests.review.browser import NoBrowserError, axe, find

Open = Callable[..., Page]
SECOND = 1_000  # ms
LEVEL_A_AND_AA = ["wcag2a", "wcag21a", "wcag22a", "wcag2aa", "wcag21aa", "wcag22aa"]
PLACES = [
    {"width": 1280},
    {"width": 1280, "dark": True},
    {"width": 400},
    {"width": 400, "dark": True},
]


def violations(page: Page) -> list[str]:
    """What axe finds against levels A and AA, with everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    # The page's content policy refuses scripts that are not its own; the debugger's world is exempt.
    page.evaluate(axe())
    found: dict[str, Any] = page.evaluate(
        "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}})", LEVEL_A_AND_AA
    )
    assert len(found["passes"]) > 10, "axe looked"
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_page_has_no_accessibility_error(opened: Open, typical: Review, place: dict[str, Any]) -> None:
    assert violations(opened(typical, **place)) == []


def test_an_accessibility_error_would_be_found(opened: Open, typical: Review) -> None:
    page = opened(typical)
    page.evaluate("document.querySelector('label').replaceWith(...document.querySelector('label').children)")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert {each.partition(":")[0] for each in violations(page)} == {"html-has-lang", "select-name"}


def test_300_decisions_open_in_under_a_second(opened: Open, typical: Review) -> None:
    page = opened(typical)
    took = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    print(f"300 decisions opened in {took:.0f} ms")
    assert 0 < took < SECOND
    assert page.locator("tbody tr").count() == 300


def test_without_javascript_everything_is_there_to_read(opened: Open, typical: Review) -> None:
    page = opened(typical, javascript=False)
    assert page.locator("tbody tr:visible").count() == 300
    assert not page.locator("#filters").is_visible()
    page.locator("summary").first.click()
    assert page.locator("pre .come").first.is_visible()


def test_the_summary_comes_first(opened: Open, typical: Review) -> None:
    page = opened(typical)
    top = page.locator("h1").bounding_box()
    assert top is not None
    assert top["y"] < 100
    assert page.locator("h1").inner_text() == "Access widens: 5 decisions granted, not approved"
    counts = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    assert counts["granted"] == "5"
    assert counts["revoked"] == "3"
    assert counts["unchanged"] == "1000"
    assert "Each of 1008 decisions was found by trying" in page.locator("#decisions").inner_text()


def test_what_changes_is_shown_until_asked_for_more(opened: Open, typical: Review) -> None:
    page = opened(typical)
    assert page.locator("tbody tr:visible").count() == 8
    assert page.locator("#shown").inner_text() == "8 of 300 shown"
    page.get_by_role("button", name="Show all").click()
    assert page.locator("tbody tr:visible").count() == 300


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        ({"Change": "granted"}, 5),
        ({"Change": "revoked"}, 3),
        ({"Change": "stays"}, 292),
        ({"Change": "all", "Layer": "postgres"}, 1),
        ({"Change": "all", "Who": "a stranger"}, 3),
        ({"Change": "all", "Words": "DENIED 0001"}, 1),
        ({"Change": "granted", "Words": "nothing has this"}, 0),
    ],
    ids=str,
)
def test_filters_narrow_the_table_and_are_kept_in_the_address(
    opened: Open, typical: Review, choose: dict[str, str], expected: int
) -> None:
    page = opened(typical)
    for label, value in choose.items():
        if label == "Words":
            page.get_by_role("searchbox", name=label).fill(value)
        else:
            page.get_by_role("combobox", name=label, exact=True).select_option(label=value)
    assert page.locator("tbody tr:visible").count() == expected
    assert page.locator("#shown").inner_text() == f"{expected} of 300 shown"
    page.reload()
    if choose["Change"] != "all":
        assert page.locator("tbody tr:visible").count() == expected


def test_without_changes_the_whole_matrix_shows(opened: Open) -> None:
    page = opened(review([], [], standing=[row("allow")]))
    assert page.locator("h1").inner_text() == "Nothing widens"
    assert page.locator("tbody tr:visible").count() == 1


def test_policies_are_folded_and_unfold(opened: Open, typical: Review) -> None:
    page = opened(typical)
    folded = page.locator("details").first
    assert not folded.locator("pre").first.is_visible()
    folded.locator("summary").press("Enter")
    assert folded.locator(".gone").all_inner_texts() == ["-   arn:aws:s3:::b/own/*"]
    assert folded.locator(".come").first.inner_text() == "+   arn:aws:s3:::b/*"


@pytest.mark.parametrize("width", [400, 800, 1280])
def test_the_page_is_as_wide_as_the_window(opened: Open, typical: Review, width: int) -> None:
    page = opened(typical, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light_follow_the_readers_system(opened: Open, typical: Review) -> None:
    def background(*, dark: bool) -> str:
        return str(opened(typical, dark=dark).evaluate("getComputedStyle(document.body).backgroundColor"))

    assert background(dark=False) == "rgb(255, 255, 255)"
    assert background(dark=True) == "rgb(13, 17, 23)"


def test_text_of_a_change_is_text_on_the_page_too(opened: Open) -> None:
    evil = '<img src=x onerror="document.title=1"></td></table>\u202e{{ 7*7 }}'
    before, after = {"iam/x": document(statement())}, {"iam/x": document(statement(evil, Resource=[evil]))}
    page = opened(review([], [row("allow", resource=evil)], differences=diffs(before, after)))
    assert page.locator("img").count() == 0
    assert "{{ 7*7 }}" in page.locator("tbody td").nth(2).inner_text()
    assert "\u202e" not in page.content()
    assert page.title().startswith("Access review")


def test_without_a_browser_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(NoBrowserError, match="apt-get install chromium"):
        find()
