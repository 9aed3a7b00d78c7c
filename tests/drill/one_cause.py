"""One cause, at most two pages: Postgres is down for half an hour while phones use the API, and comes back.

The pages counted are all that come from the moment it goes down until the alarm that tells of it is over and nothing
that it caused is on any more: neither during the outage nor when the hiding alarm ends does a consequence wake anybody.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from infra.alarm_catalogue import DATABASE_DOWN
from infra.alarm_model import Severity
from infra.alarms import HIDDEN, LATELY
from tests.drill.faults_machines import database_stopped
from tests.drill.first_look import Look, Looked, no_look, unanswered
from tests.drill.listening import Ears, until
from tests.drill.run import Result, on, until_full
from tests.drill.scene import PACE, Scene
from tests.drill.table import alarms
from tests.stack.deployed import Deployed

MOST_PAGES = 2
_MARGIN_SECONDS = 60.0
_LATELY = f"{DATABASE_DOWN}-{LATELY}-{HIDDEN}"


@dataclass
class OneCause:
    """What came of it. `calls` by their status, `measured` the consequences that were there and hidden."""

    minutes: float
    pages: list[str] = field(default_factory=list)
    notifications: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    measured: list[str] = field(default_factory=list)
    seconds_to_page: float | None = None
    seconds_to_clear: float | None = None
    link: str = ""
    first_look: list[Looked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def one_cause(
    stack: Deployed, ears: Ears, say: Callable[[str], None], *, minutes: float, look: Look = no_look
) -> OneCause:
    """Stop Postgres for so many minutes of the drill's pace."""
    scene, found = Scene(stack), OneCause(minutes)
    (cause,) = alarms()[DATABASE_DOWN]
    if not until(lambda: DATABASE_DOWN not in on(stack), until_full(cause.window) + _MARGIN_SECONDS):
        found.problems.append("it was on before the fault")
        return found
    during, after = Counter[int](), Counter[int]()
    statuses = during
    phones = [scene.phone() for _ in range(4)]
    turn = iter(range(10**6))

    def me() -> None:
        statuses[phones[next(turn) % 4].call("GET", "/v1/me").status_code] += 1

    def check_in() -> None:
        statuses[scene.check_in(phones[next(turn) % 4]).status_code] += 1

    measured: set[str] = set()
    with ExitStack() as traffic:
        traffic.enter_context(scene.keeps(me, every=0.5, at_once=4))
        traffic.enter_context(scene.keeps(check_in, every=1.0, at_once=4))
        with database_stopped(scene):
            say(f"{DATABASE_DOWN}: Postgres is stopped for {minutes:g} minutes, while phones use the API")
            during.clear()
            ends = scene.struck + PACE.compressed(60) * minutes
            found.first_look = look(DATABASE_DOWN)
            while time.time() < ends:
                measured |= on(stack, measured=True)
                time.sleep(1.0)
        ended, statuses = time.time(), after
        first = ears.wait(DATABASE_DOWN, begins=True, since=scene.struck, seconds=1.0)
        if first is not None:
            found.seconds_to_page, found.link = round(first.at - scene.struck, 1), first.link
            over = ears.wait(
                DATABASE_DOWN, begins=False, since=ended, seconds=until_full(cause.window) + _MARGIN_SECONDS
            )
            found.seconds_to_clear = round(over.at - ended, 1) if over else None
        # What is still measured now would be told when the memory of the cause ends.
        quiet = until(lambda: on(stack, measured=True) <= {_LATELY}, _MARGIN_SECONDS)
        left = on(stack, measured=True) - {_LATELY}
    heard = [message for message in ears.all(scene.struck) if message.begins]
    found.pages = [message.alarm for message in heard if message.severity is Severity.PAGE]
    found.notifications = [message.alarm for message in heard if message.severity is Severity.NOTIFY]
    found.calls = {"503 while it was down": during[503], "others while it was down": during.total() - during[503],
                   "200 afterwards": after[200]}  # fmt: skip
    hidden = (name.removesuffix(f"-{HIDDEN}") for name in measured if name.endswith(HIDDEN) and name != _LATELY)
    found.measured = sorted(hidden)
    found.problems = unanswered(found.first_look) + problems_of(found, left if not quiet else set())
    return found


def problems_of(found: OneCause, left: set[str]) -> list[str]:
    problems = []
    if not 1 <= len(found.pages) <= MOST_PAGES:
        problems.append(f"{len(found.pages)} pages came of one cause: {', '.join(found.pages) or 'none'}")
    if DATABASE_DOWN not in found.pages:
        problems.append("the cause itself was not told")
    elif found.seconds_to_clear is None:
        problems.append("it did not clear")
    if found.pages and not found.link.endswith(f"/docs/runbooks/{DATABASE_DOWN}.md"):
        problems.append(f"the message has no link to its runbook: {found.link!r}")
    if found.notifications:
        problems.append(f"consequences were told: {', '.join(found.notifications)}")
    if not found.calls["503 while it was down"]:
        problems.append("no call reached the database while it was down")
    if left:
        problems.append(f"still measured, to be told later: {', '.join(sorted(left))}")
    return problems


def as_result(found: OneCause, words: str) -> Result:
    """Its row among the others."""
    return Result(
        DATABASE_DOWN, str(Severity.PAGE), words, False, found.seconds_to_page, found.seconds_to_clear, found.link,
        found.problems, found.first_look,
    )  # fmt: skip
