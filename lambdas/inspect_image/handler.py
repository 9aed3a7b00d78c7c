"""The images bucket's events (s3:ObjectCreated:* under incoming/), and `{"sweep": true}` from the schedule.

Events come at least once, late, and in any order; Lambda repeats a failed one twice and then keeps it as a dead letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from urllib.parse import unquote_plus

from lambdas.inspect_image.adapters import Adapters
from lambdas.inspect_image.logic import Inspection, Outcome, sweep
from lambdas.runtime.errors import DatabaseUnavailable, FunctionError
from lambdas.runtime.observability import begin_invocation, count, count_by, end_invocation, log, schedule_ran

# The sweep begins nothing new in its last seconds: an inspection takes a few.
_LAST_SECONDS = 15

_adapters = cache(Adapters.build)


class InspectionFailed(FunctionError):
    """Some uploads could not be settled; each is in the log. Repeat the event, or wait for the sweep."""


@dataclass
class _Report:
    """What one invocation did, by outcome; `without_database` are those of the failed that did not reach it."""

    outcomes: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    without_database: int = 0

    def run(self, key: str, inspection: Callable[[], Inspection]) -> None:
        """Run one inspection and note what became of it; a failure does not keep the others from theirs."""
        try:
            done = inspection()
        except Exception as error:  # storage's, the database's or a decoder's; the key names it for the log
            log().exception("upload not inspected", object_key=key)
            count("InspectionsFailed")
            self.failed += 1
            self.without_database += isinstance(error, DatabaseUnavailable)
            return
        self.outcomes[done.outcome] = self.outcomes.get(done.outcome, 0) + 1
        log().info("upload inspected", object_key=key, outcome=done.outcome, reason=done.reason or "")
        if done.outcome is Outcome.READY:
            count("ImagesReady")
        elif done.reason is not None:
            count_by("ImagesRefused", reason=done.reason)

    def result(self) -> dict[str, Any]:
        if self.failed:
            raise InspectionFailed(f"{self.failed} uploads could not be inspected: see the log of this invocation")
        return {"outcomes": self.outcomes}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    lambda_request_id = getattr(context, "aws_request_id", "")
    begin_invocation(request_id=lambda_request_id, lambda_request_id=lambda_request_id)
    try:
        return _sweep(context) if event.get("sweep") is True else _inspect(event)
    finally:
        end_invocation()


def _inspect(event: dict[str, Any]) -> dict[str, Any]:
    inspector, report = _adapters().inspector, _Report()
    for key, version in _written(event):
        # A bucket with versions always names one; should it not, the versions are looked up.
        inspect = partial(inspector.inspect, key, version) if version else partial(inspector.inspect_again, key)
        report.run(key, inspect)
    return report.result()


def _sweep(context: Any) -> dict[str, Any]:
    adapters, report = _adapters(), _Report()

    def may_go_on() -> bool:
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        return remaining is None or remaining() > 1000 * _LAST_SECONDS

    # Its failure would be repeated and kept as a dead letter, once a minute, while no upload was given up: the next
    # sweep does it all. DATABASE-DOWN tells, and SCHEDULE-DID-NOT-RUN by this one's silence.
    try:
        sweep(
            adapters.inspector,
            now=datetime.now(UTC),
            upload_seconds=adapters.upload_seconds,
            inspected=report.run,
            may_go_on=may_go_on,
        )
    except DatabaseUnavailable:
        log().warning("not swept: the database is away", exc_info=True)
        return {"outcomes": report.outcomes}
    if report.failed and report.failed == report.without_database:
        return {"outcomes": report.outcomes}
    count("InspectionSweeps")
    result = report.result()
    schedule_ran()
    return result


def _written(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and version of each record; S3's test event has none."""
    for record in event.get("Records") or ():
        written = record["s3"]["object"]
        yield unquote_plus(written["key"]), str(written.get("versionId") or "")
