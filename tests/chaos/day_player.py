"""Plays a day's visits on a deployed stack: each user a phone, each minute as long as the stack's pace says."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx

from local.journey.client import Phone, PhoneError, told
from local.journey.photograph import photograph
from local.pace import Pace
from tests.chaos.day import Visit
from tests.stack.deployed import Deployed

MODEL = "hailuo-02-standard"
PURCHASE = 200
# Who waits for a video looks again so often, and gives up after so long; in real seconds, as functions work in them.
LOOK_SECONDS, PATIENCE_SECONDS = 1.5, 90.0
RANGE = {"Range": "bytes=0-65535"}
PHONES_AT_ONCE, WARM_UP_PHONES = 40, 4


@dataclass
class Played:
    """What phones saw: `calls` by what was asked, `problems` with their minute, the latest start of a visit in
    minutes of the day, and how many videos were played from own storage."""

    calls: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[float, str]] = field(default_factory=list)
    failed: int = 0
    stored: int = 0
    late_minutes: float = 0.0
    began: float = 0.0
    """By time.time(), of minute `first`."""


class Player:
    """One emulated day's phones. Users' phones outlive the hours that are played."""

    def __init__(self, stack: Deployed, pace: Pace, *, say: Callable[[int, int, str], None]) -> None:
        self._stack, self._pace, self._say = stack, pace, say
        self._phones: dict[int, Phone] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()
        # Loopback is reached directly; one pool of connections serves all phones.
        limits = httpx.Limits(max_connections=PHONES_AT_ONCE + 8)
        self._http = httpx.Client(timeout=40.0, trust_env=False, limits=limits)

    def warm_up(self) -> None:
        """A few visits before the day: what a deployment starts cold is no part of it."""
        visit = Visit(minute=0.0, user=-1, orders=1, photograph=True, deletes=True)
        with ThreadPoolExecutor(WARM_UP_PHONES) as pool:
            for number in range(WARM_UP_PHONES):
                pool.submit(self._visit, replace(visit, user=-1 - number), time.time(), 0.0, Played())

    def play(
        self, visits: Sequence[Visit], *, first: float, until: float, over: Callable[[], bool] = lambda: False
    ) -> Played:
        """Play the visits of these minutes of the day, each in its time, until the last one ended or it is `over`."""
        chosen = [visit for visit in visits if first <= visit.minute < until]
        played = Played(began=time.time())
        with ThreadPoolExecutor(PHONES_AT_ONCE) as pool:
            try:
                for number, visit in enumerate(chosen):
                    due = played.began + self._real(visit.minute - first)
                    if not self._until(due, over):
                        break
                    pool.submit(self._visit, visit, due, first, played)
                    hour, minute = divmod(int(visit.minute), 60)
                    done = f"{hour:02}:{minute:02}, {played.stored} videos stored, {len(played.problems)} problems"
                    self._say(number + 1, len(chosen), f"visits, {done}")
                # The day goes on to its end without visits.
                self._until(played.began + self._real(until - first), over)
            except BaseException:  # Ctrl-C: who has not come yet need not
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return played

    def minute(self, at: float, played: Played, first: float) -> float:
        """The minute of the day at which something was at `at`, by time.time()."""
        return first + (at - played.began) * 60 / self._pace.compressed(3600.0)

    def _until(self, at: float, over: Callable[[], bool]) -> bool:
        """Wait until then; False when it was over before."""
        while not over():
            left = at - time.time()
            if left <= 0:
                return True
            time.sleep(min(left, 0.5))
        return False

    def _real(self, minutes: float) -> float:
        return self._pace.compressed(60.0 * minutes)

    def _visit(self, visit: Visit, due: float, first: float, played: Played) -> None:
        late = time.time() - due
        with self._lock:
            played.late_minutes = max(played.late_minutes, late / self._real(1.0))
            lock = self._locks.setdefault(visit.user, threading.Lock())
        with lock:
            try:
                self._open_app(visit, played)
            except (PhoneError, httpx.HTTPError) as error:
                with self._lock:
                    what = str(error) if isinstance(error, PhoneError) else type(error).__name__
                    played.problems.append((round(self.minute(time.time(), played, first), 1), what))

    def _open_app(self, visit: Visit, played: Played) -> None:
        phone = self._phone(visit.user, played)
        self._counted(played, "me", phone.me)
        image = self._counted(played, "upload", lambda: phone.upload(_picture())) if visit.photograph else None
        job = ""
        for number in range(visit.orders):
            job = self._order(phone, image["image_id"] if image and not number else None, played)
        if job and visit.deletes:
            self._counted(played, "delete", lambda: _expect(phone.call("DELETE", f"/v1/videos/{job}"), 204))

    def _phone(self, user: int, played: Played) -> Phone:
        """The user's phone, checked in; a new user buys credits, which the app's store would see to."""
        known = user in self._phones
        if not known:
            phone = Phone(self._stack.api_url, self._stack.apple_url)
            phone.http.close()
            phone.http = self._http
            self._phones[user] = phone
        phone = self._phones[user]
        self._counted(played, "check-in", phone.check_in)
        if not known:
            self._stack.give_credits(phone, PURCHASE)
        return phone

    def _order(self, phone: Phone, image: str | None, played: Played) -> str:
        request = {"model": MODEL, "prompt": "The sea at dawn.", **({"image_id": image} if image else {})}
        answer = self._counted(
            played, "order", lambda: _expect(phone.submit_video(request, key=str(uuid.uuid4())), 202, 503)
        )
        if answer.status_code == 503:  # the generator did not take it; credits were given back
            with self._lock:
                played.failed += 1
            return ""
        job = str(answer.json()["job_id"])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            time.sleep(LOOK_SECONDS)  # the pace of a person who looks again, not a wait for a condition of ours
            video = self._counted(played, "view", lambda: phone.video(job))
            if video["status"] == "failed":
                with self._lock:
                    played.failed += 1
                return ""
            if video["storage"] == "own":
                break
            if time.monotonic() > deadline:
                raise PhoneError(f"given up: the video was {video['status']}, its storage {video['storage']}")
        self._counted(played, "play", lambda: _expect(self._http.get(video["video_url"], headers=RANGE), 206))
        with self._lock:
            played.stored += 1
        return job

    def _counted(self, played: Played, what: str, call: Callable[[], Any]) -> Any:
        with self._lock:
            played.calls[what] += 1
        return call()


def _expect(answer: httpx.Response, *statuses: int) -> httpx.Response:
    if answer.status_code not in statuses:
        raise PhoneError(f"{answer.request.method}: {told(answer)}")
    return answer


@cache
def _picture() -> bytes:
    return photograph(7, width=640, height=480)
