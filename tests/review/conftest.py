"""A browser for the page, and a review that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from policies.review import stacks
from policies.review.decisions import Side, Tries
from policies.review.page import page as rendered
from policies.review.report import Review
from tests.policies.reviewing import diffs, document, many, review, row, statement
from tests.review.browser import NoBrowserError, chromium
from tests.review.planting import STACK, copy_into


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as opened:
            yield opened
    except NoBrowserError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def typical() -> Review:
    """300 lines on the page, 5 granted, 3 revoked, the rest standing, of more decisions; two documents differ."""
    steady, standing = many(1_000), [*many(200), *many(92, "deny", word="denied")]
    sql = {"layer": "postgres", "principal": "signed-in user", "resource": "public.images", "action": "select"}
    before = [row("deny", action=f"s3:Get{index}") for index in range(4)] + [row("deny", **sql)]
    after = [row("allow", action=f"s3:Get{index}") for index in range(4)] + [row("allow", **sql)]
    gone = [row("allow", principal="a stranger", action=f"sqs:{index}") for index in range(3)]
    lost = [row("deny", principal="a stranger", action=f"sqs:{index}") for index in range(3)]
    old, new = document(statement()), document(statement(Resource=["arn:aws:s3:::b/*"]), statement("More"))
    differences = diffs({"iam/me": old, "iam/you": old}, {"iam/me": new, "iam/you": document(statement("Renamed"))})
    return review([*steady, *before, *gone], [*steady, *after, *lost], differences=differences, standing=standing)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens a review's page from its file; what the page asks of the network, or complains of, fails the test."""
    contexts = []
    wrong: list[str] = []

    def open_page(review: Review, *, javascript: bool = True, width: int = 1280, dark: bool = False) -> Page:
        file = tmp_path / "access-review.html"
        file.write_text(rendered(review), encoding="utf-8")
        context = browser.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        context.set_default_timeout(5_000)
        shown = context.new_page()
        shown.on("request", lambda request: wrong.append(request.url) if request.url != file.as_uri() else None)
        shown.on("console", lambda message: wrong.append(message.text))
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.goto(file.as_uri())
        return shown

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Side:
    folder = copy_into(tmp_path_factory.mktemp("base"))
    return Side(stacks.load([STACK], checkout=folder), folder)


@pytest.fixture(scope="session")
def tries() -> Tries:
    """One for all, so that the layer which a change leaves alone is tried once."""
    return Tries()
