"""Fires alarms, one fault after another in each lane, and notes what was heard and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.alarm_model import Alarm, Window
from infra.alarms import HIDDEN
from tests.drill.first_look import Look, Looked, no_look, unanswered
from tests.drill.listening import Ears, Heard, Stopped, until
from tests.drill.scene import PACE, Scene
from tests.drill.table import Fault, expected
from tests.stack.deployed import PREFIX, Deployed

# On a busy machine functions take their time; what is measured is written down, not bounded by this.
_MARGIN_SECONDS = 60.0


@dataclass
class Result:
    """One alarm's drill. Times are real seconds: from the fault to the message, and from its end to the all-clear."""

    alarm: str
    severity: str
    fault: str
    synthetic: bool
    seconds_to_page: float | None = None
    seconds_to_clear: float | None = None
    link: str = ""
    problems: list[str] = field(default_factory=list)
    first_look: list[Looked] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"passed": self.passed}


@dataclass
class _Fired:
    """An alarm that was heard, or was to be, and is now to clear."""

    alarm: Alarm
    result: Result
    heard: Heard | None
    ended: float = 0.0


@dataclass
class Drill:
    """Runs faults and waits for what they cause. `say` is told what happens, in words; `look` does a runbook's first
    look while the fault is on."""

    stack: Deployed
    ears: Ears
    say: Callable[[str], None]
    look: Look = no_look

    def stage(self, lanes: Sequence[Sequence[tuple[str, Fault]]]) -> list[Result]:
        """Run the lanes at once; what cleared late is waited for at the end of all of them."""
        with ThreadPoolExecutor(len(lanes)) as pool:
            try:
                fired = [one for lane in pool.map(self._lane, lanes) for one in lane]
            except BaseException:
                self.ears.stop()  # so that each lane takes its fault back now, and not when its alarm is heard
                raise
        for one in fired:
            self._cleared(one)
        return [one.result for one in fired]

    def _lane(self, faults: Sequence[tuple[str, Fault]]) -> list[_Fired]:
        return [one for identifier, fault in faults for one in self.fire(identifier, fault)]

    def fire(self, identifier: str, fault: Fault) -> list[_Fired]:
        """Break it, wait until every alarm is heard, take the fault back."""
        wanted = expected(identifier, fault)
        found = [
            _Fired(alarm, Result(alarm.name, str(alarm.severity), fault.words, fault.synthetic), None)
            for alarm in wanted
        ]
        if not self._quiet(wanted):
            for one in found:
                one.result.problems.append("it was on before the fault")
            return found
        scene = Scene(self.stack)
        self.say(f"{identifier}: {fault.words}")
        try:
            with fault.make(scene):
                for one in found:
                    self._heard(one, scene.struck)
                found[0].result.first_look = self.look(identifier)
                found[0].result.problems += unanswered(found[0].result.first_look)
                ended = time.time()
        except Stopped:
            raise
        except Exception as error:  # one fault that cannot be made does not keep the others from theirs
            for one in found:
                one.result.problems.append(f"the fault failed: {type(error).__name__}: {error}")
            ended = time.time()
        for one in found:
            one.ended = ended
        return found

    def _heard(self, one: _Fired, struck: float) -> None:
        patience = until_full(one.alarm.window) + _MARGIN_SECONDS - (time.time() - struck)
        one.heard = self.ears.wait(one.alarm.name, begins=True, since=struck, seconds=max(patience, 5.0))
        if one.heard is None:
            one.result.problems.append("nobody was told")
            return
        one.result.seconds_to_page = round(one.heard.at - struck, 1)
        one.result.link = one.heard.link
        if not one.heard.link.endswith(f"/docs/runbooks/{one.alarm.id}.md"):
            one.result.problems.append(f"the message has no link to its runbook: {one.heard.link!r}")
        if one.heard.severity is not one.alarm.severity:
            one.result.problems.append(f"it came as {one.heard.severity}")
        self.say(f"{one.alarm.name} is told after {one.result.seconds_to_page:.1f} s")

    def _cleared(self, one: _Fired) -> None:
        if one.heard is None:
            return
        patience = until_full(one.alarm.window) + _MARGIN_SECONDS - (time.time() - one.ended)
        over = self.ears.wait(one.alarm.name, begins=False, since=one.heard.at, seconds=max(patience, 1.0))
        if over is None:
            one.result.problems.append("it did not clear")
            return
        one.result.seconds_to_clear = round(max(0.0, over.at - one.ended), 1)
        self.say(f"{one.alarm.name} is over after {one.result.seconds_to_clear:.1f} s")

    def _quiet(self, wanted: Sequence[Alarm]) -> bool:
        """Whether none of them is on, waiting for what an earlier fault may have left."""
        longest = max(until_full(alarm.window) for alarm in wanted)
        return until(lambda: not (on(self.stack) & {alarm.name for alarm in wanted}), longest + _MARGIN_SECONDS)


def until_full(window: Window) -> float:
    """Seconds in which a window fills with breaches, or empties of them, at the drill's pace; a period more at most."""
    return PACE.compressed(window.seconds) * (window.periods + 1)


def on(stack: Deployed, *, measured: bool = False) -> set[str]:
    """The alarms that are on now, below the prefix; with `measured` those that only measure for another, too."""
    pages = stack.root("cloudwatch").get_paginator("describe_alarms")
    found = {
        str(alarm["AlarmName"]).removeprefix(f"{PREFIX}-")
        for page in pages.paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"], StateValue="ALARM")
        for alarm in [*page.get("MetricAlarms", []), *page.get("CompositeAlarms", [])]
    }
    return {name for name in found if measured or not name.endswith(HIDDEN)}
