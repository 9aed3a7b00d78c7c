"""Every alarm has a fault that fires it; none on a metric that we make is told in place of made."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from io import StringIO
from xml.etree import ElementTree

import pytest
from rich.console import Console

from infra.alarm_catalogue import DATABASE_DOWN
from tests.drill import heartbeat, report
from tests.drill.faults_machines import synthetic
from tests.drill.one_cause import OneCause, problems_of
from tests.drill.run import Result
from tests.drill.table import REAL, STAGES, alarms, expected, faults

ALARMS, FAULTS = alarms(), faults()
LINK = "https://x/docs/runbooks/DATABASE-DOWN.md"


@pytest.mark.plan("M15")
def test_every_alarm_of_the_catalogue_has_a_fault() -> None:
    assert FAULTS.keys() == ALARMS.keys()
    staged = Counter(name for stage in STAGES for lane in stage for name in lane)
    assert staged == Counter(name for name in ALARMS if name != DATABASE_DOWN)


@pytest.mark.plan("M15")
def test_only_what_aws_alone_reports_is_synthetic() -> None:
    told = {alarm.id for name, fault in FAULTS.items() if fault.synthetic for alarm in ALARMS[name]}
    assert told == {name for name, alike in ALARMS.items() if all(alarm.of_aws_alone for alarm in alike)} - REAL.keys()
    assert told == {
        "DATABASE-CONNECTIONS", "DATABASE-CPU", "DATABASE-MEMORY", "DATABASE-STORAGE", "DATABASE-TRANSACTION-AGE",
        "FUNCTION-NEAR-TIMEOUT", "FUNCTIONS-THROTTLED", "NAT-PORTS", "SCHEDULES-DROPPED",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(REAL))
def test_a_metric_of_ours_is_never_told(name: str) -> None:
    with pytest.raises(ValueError, match="real fault"):
        synthetic(ALARMS[name])


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_says_what_it_breaks_and_reaches_an_alarm(name: str) -> None:
    fault = FAULTS[name]
    assert fault.words
    assert "\n" not in fault.words
    reached = expected(name, fault)
    assert reached
    assert len(reached) == len(ALARMS[name]) - len(fault.unreached)


def test_what_would_be_done_is_listed_and_nothing_is_done() -> None:
    command = [sys.executable, "-m", "tests.drill", "--list"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(name in said for name in [*ALARMS, heartbeat.NAME])


def test_an_unknown_alarm_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.drill", "--only", "NO-SUCH"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "There is no alarm NO-SUCH" in done.stderr


def results(*problems: str) -> list[Result]:
    return [Result("A", "page", "a <fault>", False, 1.0, 2.0, "link", list(problems))]


@pytest.mark.parametrize(("problems", "passed"), [((), True), (("nobody was told",), False)])
def test_a_drill_passes_when_every_alarm_did(problems: tuple[str, ...], passed: bool) -> None:
    found = report.document(results(*problems), None, [])
    assert found["passed"] is passed
    console = Console(width=120, file=StringIO())
    report.show(console, found)
    assert ("✓" if passed else "nobody was told") in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def test_the_plot_is_one_image_that_needs_nothing_else() -> None:
    image = ElementTree.fromstring(report.plot([result.as_json() for result in results()]))
    assert image.tag.endswith("svg")
    assert "href" not in ElementTree.tostring(image).decode()


@pytest.mark.parametrize(
    ("pages", "word"),
    [([], "0 pages"), (["DATABASE-DOWN"], ""), (["API-ERRORS-FAST", "DATABASE-DOWN"], ""),
     (["API-ERRORS-FAST", "DATABASE-DOWN", "MIGRATION-STALLED"], "3 pages"), (["API-ERRORS-FAST"], "itself")],
)  # fmt: skip
def test_one_cause_is_one_or_two_pages_with_the_cause_among_them(pages: list[str], word: str) -> None:
    found = OneCause(20, pages=pages, calls={"503 while it was down": 9}, seconds_to_clear=1.0, link=LINK)
    problems = problems_of(found, set())
    assert any(word in problem for problem in problems) if word else not problems


@pytest.mark.parametrize(
    "found",
    [OneCause(20, notifications=["SCHEDULE-DID-NOT-RUN-clean-images"], calls={"503 while it was down": 9}),
     OneCause(20, calls={"503 while it was down": 0})],
    ids=["a consequence was told", "no call reached the database"],
)  # fmt: skip
def test_one_cause_is_proven_by_calls_that_reached_the_database_and_nothing_else_told(found: OneCause) -> None:
    found.pages, found.seconds_to_clear, found.link = ["DATABASE-DOWN"], 1.0, LINK
    assert len(problems_of(found, set())) == 1
    assert len(problems_of(found, {"FUNCTIONS-FAILING-MEASURED"})) == 2
