"""The plan's ids, the marker that names what a test proves, and the table of what is proven.

`@pytest.mark.plan("M3", "M5")` on a test; an id that the plan does not have fails the collection.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

TITLES = {
    "M1": "Device check opens a session",
    "M2": "auth_user_id on users",
    "M3": "Authenticated image upload",
    "M4": "Zero-downtime roll-out",
    "M5": "Upload through a function",
    "M6": "Video migration",
    "M7": "Fallback and retry",
    "M8": "Path of a video",
    "M9": "Backward compatible videos",
    "M10": "Own videos only",
    "M11": "Video clean-up",
    "M12": "Storage monitoring",
    "M13": "Anonymous identity clean-up",
    "M14": "Structured logging and metrics",
    "M15": "Alerts",
    "M16": "Dashboards",
    "M17": "Credits",
    "M18": "Model settings",
    "M19": "Video viewing",
    "M20": "Success criteria",
    "N1": "Thumbnails",
    "N2": "Enhanced error handling",
    "N3": "Webhooks / realtime",
    "X1": "Rate limiting (left out on purpose)",
}


def ids_of(item: pytest.Item) -> list[str]:
    """The plan ids a test names.

    Raises:
        pytest.UsageError: with the test and the id.
    """
    named = [str(name) for marker in item.iter_markers("plan") for name in marker.args]
    unknown = [name for name in named if name not in TITLES]
    if unknown:
        raise pytest.UsageError(f"{item.nodeid}: the plan has no id {', '.join(unknown)}; it has M1-M20, N1-N3, X1")
    return named


class Proof:
    """Collects which test proves what, and how each ended."""

    def __init__(self, record: Path | None, show: Path | None) -> None:
        self._record, self._show = record, show
        self._tests: dict[str, list[str]] = defaultdict(list)
        self._outcomes: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for name in ids_of(item):
                self._tests[name].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ended = (
            report.failed or (report.when == "call" and report.passed) or (report.when == "setup" and report.skipped)
        )
        # A failure in any phase stands.
        if ended and self._outcomes.get(report.nodeid) != "failed":
            self._outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        if self._record is not None and self._outcomes:
            self._record.write_text(json.dumps({**_read(self._record), **self._outcomes}, indent=0))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._show is not None:
            for line in table(self._tests, _read(self._show)):
                terminalreporter.write_line(line)


def table(tests: dict[str, list[str]], outcomes: dict[str, str]) -> list[str]:
    """One line an id: id, title, number of tests, state; then the ids that no test proves yet."""
    lines = [f"{'id':<4} {'system':<36} {'tests':>5}  state"]
    for name, title in TITLES.items():
        named = tests.get(name, [])
        lines.append(f"{name:<4} {title:<36} {len(named):>5}  {_state(named, outcomes)}")
    missing = [name for name in TITLES if not tests.get(name)]
    lines.append("")
    lines.append(f"No test proves yet: {', '.join(missing)}" if missing else "Every id is named by a test.")
    return lines


def _state(named: list[str], outcomes: dict[str, str]) -> str:
    if not named:
        return "-"
    ended = [outcomes.get(test, "not run") for test in named]
    for outcome in ("failed", "not run", "skipped"):
        count = ended.count(outcome)
        if count:
            return f"{outcome} {count} of {len(ended)}"
    return "proven"


def _read(path: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return content
