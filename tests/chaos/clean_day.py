"""A day of users on a deployed stack of its own: nobody is paged while all is well, and somebody is when videos fail.

Four parts of the same day, drawn by its seed. *clean*: all of it. *refused*: hours in which 2 % of the orders fail on
our side, at random: the generator refuses our account. *thin*: hours in which 2 % of the generations break down at the
generator. *outage*: hours in which all do, until somebody is paged: ten minutes of it in the evening fail
as many as 2 % of the day's. The emulator's alarms and schedules go at the day's pace; what functions wait for
themselves (a generation's 1.5 s, a queue's delay, a lease) is real, and so counts for more minutes than on AWS.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from local import daemons
from local.cloud import Cloud
from local.pace import Pace
from local.state import State
from tests.chaos.day import Visit, visits
from tests.chaos.day_figures import REFUSED, WAY_MINUTES, figures, told
from tests.chaos.day_player import Played, Player
from tests.chaos.record import Figure, Record
from tests.stack.deployed import PREFIX, Deployed

TITLE = "1,000 users' day at compressed time: nobody is paged on a clean one; failing generations page."
LONG = {
    "users": 1000, "jobs": 3000, "seed": 1, "minute_seconds": 1.5,
    "clean": (0, 24), "refused": (0, 24), "thin": (17, 23), "outage": (20, 21),
}  # fmt: skip
SHORT = {
    **LONG, "users": 150, "jobs": 450,
    "clean": (20, 20.7), "refused": (20.7, 23), "thin": (0, 0), "outage": (21, 21.5),
}  # fmt: skip
THIN = 0.02
BUDGET_GB = 20
ORDERS = "/fal-ai/minimax/hailuo-02"  # where the day's model is ordered; how a job is, is asked elsewhere
GENERATION_MILLISECONDS = 1500
# Before each part: no alarm that pages is on for so long, which outlasts the windows of all but the hourly ones.
CALM_MINUTES, PATIENCE_MINUTES = 30, 90


def run(
    record: Record,
    *,
    users: int,
    jobs: int,
    seed: int,
    minute_seconds: float,
    clean: tuple[float, float],
    refused: tuple[float, float],
    thin: tuple[float, float],
    outage: tuple[float, float],
) -> list[Figure]:
    """Each part is a unit of work; the stack is the experiment's own and goes when all parts are done."""
    parts = {
        "clean": (clean, 0.0),
        REFUSED: (refused, THIN),
        "thin": (thin, THIN),
        "outage": (outage, 1.0),
    }
    open_parts = {name: part for name, part in parts.items() if part[0][1] > part[0][0] and not record.done(name)}
    if open_parts:
        pace = Pace(minute_seconds)
        cloud = Cloud(State(record.folder / "cloud"), pace=pace, changes=usual(users, jobs))
        print(f"  seed {seed}; a minute lasts {minute_seconds} s; deploying", file=sys.stderr, flush=True)
        cloud.up()
        day = Day(Deployed(cloud), pace, visits(users, jobs, seed), seed, record.progress)
        for name, (hours, share) in open_parts.items():
            record.note(name, day.part(name, hours, share))
        stop(record.folder)
    (record.folder / "day.md").write_text(told(record.results), encoding="utf-8")
    return [figure for name in parts if record.done(name) for figure in figures(name, record.results[name])]


def usual(users: int, jobs: int) -> dict[str, dict[str, int]]:
    """What the stack's alarms take for a usual day: the laptop's own is smaller, and its storage less than a day's."""
    return {"rendio:on_call": {"users_a_day": users, "videos_a_day": jobs}, "rendio:storage": {"budget_gb": BUDGET_GB}}


def stop(folder: Path) -> None:
    """Take down the stack that a run in this folder left up, so that it could go on."""
    Cloud(State(folder / "cloud")).down(force=True)


class Day:
    """Plays parts of one day on a stack, and collects what its pager got."""

    def __init__(
        self, stack: Deployed, pace: Pace, day: Sequence[Visit], seed: int, say: Callable[[int, int, str], None]
    ) -> None:
        self._stack, self._pace, self._visits, self._seed = stack, pace, day, seed
        self._player = Player(stack, pace, say=say)
        self._fal, self._pager = (daemons.url(stack.cloud.ports[name]) for name in ("fal", "pager"))

    def part(self, name: str, hours: tuple[float, float], share: float) -> dict[str, Any]:
        """Play these hours with that share of generations failing; only *clean* and *thin* go on when it pages."""
        self._program(0.0)
        self._player.warm_up()
        self._quiet()
        first, until = (60 * hour for hour in hours)
        print(f"  {name}: {hours[0]:g} to {hours[1]:g} h, {share:.0%} fail", file=sys.stderr, flush=True)
        if name == REFUSED:
            self._refuse(share)
        else:
            self._program(share)
        begun = time.time()
        over = (lambda: bool(self._pages(begun))) if share == 1.0 or name == REFUSED else (lambda: False)
        played = self._player.play(self._visits, first=first, until=until, over=over)
        # What was under way at the end is told, too.
        self._wait(WAY_MINUTES)
        self._program(0.0)

        def minute(at: float) -> float:
            return round(self._player.minute(at, played, first), 2)

        return {
            "hours": hours,
            "share": share,
            "seconds": round(time.time() - begun),
            "minute_seconds": self._pace.compressed(60.0),
            **self._seen(played),
            "pages": [[minute(at), alarm] for at, alarm in self._pages(begun)],
            "notified": [[minute(at), alarm] for at, alarm in self._notified(begun)],
            "failures": [[minute(at), code] for at, code in self._failures(begun)],
        }

    def _seen(self, played: Played) -> dict[str, Any]:
        return {
            "calls": dict(played.calls),
            "problems": played.problems,
            "failed": played.failed,
            "stored": played.stored,
            "late_minutes": played.late_minutes,
        }

    def _program(self, share: float) -> None:
        """How generations go from now on; two of three that fail break down, the third takes too long."""
        sound = {"times": None, "after_ms": GENERATION_MILLISECONDS}
        failing = [
            {**sound, "share": part, "seed": self._seed, "error": "a planned failure", "error_type": kind}
            for part, kind in ((share * 2 / 3, "internal_error"), (_rest(share), "request_timeout"))
            if part > 0
        ]
        for what in ("faults", "outcomes"):
            httpx.delete(f"{self._fal}/_control/{what}", trust_env=False).raise_for_status()
        httpx.post(f"{self._fal}/_control/outcomes", json=[*failing, sound], trust_env=False).raise_for_status()

    def _refuse(self, share: float) -> None:
        """Some orders are answered as an account without means is (docs.fal.ai/errors)."""
        fault = {"path": ORDERS, "status": 403, "times": None, "share": share, "seed": self._seed}
        httpx.post(f"{self._fal}/_control/faults", json=fault, trust_env=False).raise_for_status()

    def _quiet(self) -> None:
        """Wait until nothing has paged for a while: a deployment, or what was played before, is no part of this."""
        calm, deadline = time.time(), time.time() + self._pace.compressed(60.0 * PATIENCE_MINUTES)
        while time.time() - calm < self._pace.compressed(60.0 * CALM_MINUTES):
            if on := self._on():
                calm = time.time()
                if calm > deadline:
                    raise RuntimeError(f"before users came, {', '.join(on)} paged and did not end; see its runbook")
            time.sleep(0.5)

    def _on(self) -> list[str]:
        found = self._stack.root("cloudwatch").describe_alarms(
            AlarmTypes=["MetricAlarm", "CompositeAlarm"], StateValue="ALARM", MaxRecords=100
        )
        topic = self._stack.outputs["page_topic_arn"]
        alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
        return [alarm["AlarmName"] for alarm in alarms if topic in alarm.get("AlarmActions", [])]

    def _pages(self, since: float) -> list[tuple[float, str]]:
        """Incidents that began at the on-call service, by time.time()."""
        calls = httpx.get(f"{self._pager}/calls", trust_env=False).json()
        return [
            (call["at"], call["message"]["dedup_key"].removeprefix(f"{PREFIX}-"))
            for call in calls
            if call["path"] == "/alarms" and call["at"] >= since and call["message"].get("event_action") == "trigger"
        ]

    def _notified(self, since: float) -> list[tuple[float, str]]:
        """Alarms that went on and only notify, by their history."""
        topic, paged = self._stack.outputs["notify_topic_arn"], {alarm for _, alarm in self._pages(since)}
        cloudwatch = self._stack.root("cloudwatch")
        notifying = set()
        for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"]):
            for alarm in [*page.get("MetricAlarms", []), *page.get("CompositeAlarms", [])]:
                if topic in alarm.get("AlarmActions", []):
                    notifying.add(alarm["AlarmName"])
        found = []
        for page in cloudwatch.get_paginator("describe_alarm_history").paginate(HistoryItemType="StateUpdate"):
            for item in page["AlarmHistoryItems"]:
                at, name = item["Timestamp"].timestamp(), item["AlarmName"]
                if at >= since and name in notifying and "to ALARM" in item["HistorySummary"]:
                    found.append((at, name.removeprefix(f"{PREFIX}-")))
        return sorted((at, name) for at, name in found if name not in paged)

    def _failures(self, since: float) -> list[tuple[float, str]]:
        rows = self._stack.query(
            "select extract(epoch from finished_at)::float8 as at, error_code from public.video_jobs"
            " where status = 'failed' and finished_at >= to_timestamp(%s) order by finished_at",
            since,
        )
        return [(row["at"], row["error_code"]) for row in rows]

    def _wait(self, minutes: float) -> None:
        time.sleep(self._pace.compressed(60.0 * minutes))


def _rest(share: float) -> float:
    """What of those that the first outcome leaves must fail, for `share` of all to fail."""
    return 0.0 if share == 0 else (share / 3) / (1 - share * 2 / 3)
