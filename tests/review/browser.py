"""The Chromium of this machine, headless, and axe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

VARIABLE = "CHROMIUM"
_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


class NoBrowserError(Exception):
    """There is nothing to open the page with; the message says how to get it."""


def find() -> str:
    """The Chromium to use: $CHROMIUM, else one of the usual commands, else an application of macOS.

    Raises:
        NoBrowserError: there is none, or $CHROMIUM names none.
    """
    asked = os.environ.get(VARIABLE)
    candidates = [asked] if asked else [*_COMMANDS, *_APPLICATIONS]
    for candidate in candidates:
        found = shutil.which(candidate)
        if found:
            return found
    looked = f"${VARIABLE} is {asked!r}, which is no program" if asked else f"Looked for {', '.join(_COMMANDS)}"
    raise NoBrowserError(
        "The tests of the review page need Chromium or Chrome on this machine, and find none.\n"
        f"  why   {looked}.\n"
        f"  do    Install it (Debian, Ubuntu: apt-get install chromium; macOS: brew install --cask chromium), or set\n"
        f"        {VARIABLE} to its program. All other tests run without: ./rendio test tests/policies"
    )


# By itself it looks for updates and for its maker's services; a test calls nobody.
_ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium with a profile of its own, gone at the end."""
    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox of Chromium's; the page under test is a file made here.
        sandbox = os.geteuid() != 0
        browser = playwright.chromium.launch(executable_path=find(), chromium_sandbox=sandbox, args=_ALONE)
        try:
            yield browser
        finally:
            browser.close()


def axe() -> str:
    """The source of axe-core, as its package ships it."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
