"""Logs of functions (from the local cloud's CloudWatch, as the auditor) and of programs (from the state folder)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from local.accounts import PREFIX
from local.cloud import Cloud
from local.errors import LocalError
from local.report import say

FOLLOW_SECONDS = 0.5
PAGE = 10_000


def show(cloud: Cloud, name: str, *, follow: bool, lines: int) -> None:
    """Print the last lines of one log, or the names of all.

    Args:
        name: a function by id or name, a program, or nothing.
        follow: go on until Ctrl-C.
    """
    programs = sorted(file.stem for file in cloud.state.logs.glob("*.log"))
    if not name:
        say(f"programs   {', '.join(programs) or 'none was started'}")
        say(f"functions  {', '.join(_functions(cloud)) if cloud.ports else 'none is deployed'}")
        return
    if name in programs:
        log = cloud.state.logs / f"{name}.log"
        _print(_file_lines(log.open(errors="replace").read, lines), follow)
        return
    group = f"/aws/lambda/{PREFIX}-{name.removeprefix(f'{PREFIX}-').replace('_', '-')}"
    client = cloud.auditor_credentials.client("logs", cloud.url)
    try:
        client.describe_log_streams(logGroupName=group, limit=1)
    except client.exceptions.ResourceNotFoundException:
        raise LocalError(
            f"There is no log of {name!r}.", fix="`./rendio logs` names functions and programs that have one."
        ) from None
    _print(_event_lines(client, group, lines), follow)


def _functions(cloud: Cloud) -> list[str]:
    client = cloud.auditor_credentials.client("logs", cloud.url)
    groups = client.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{PREFIX}-")["logGroups"]
    return sorted(group["logGroupName"].rpartition(f"{PREFIX}-")[2].replace("-", "_") for group in groups)


def _print(batches: Iterator[list[str]], follow: bool) -> None:
    for batch in batches:
        for line in batch:
            print(line, flush=True)
        if not follow:
            return
        # Both sources can only be asked again.
        time.sleep(FOLLOW_SECONDS)


def _file_lines(read: Callable[[], str], lines: int) -> Iterator[list[str]]:
    yield read().splitlines()[-lines:]
    while True:
        yield read().splitlines()


def _event_lines(client: Any, group: str, lines: int) -> Iterator[list[str]]:
    seen: set[tuple[str, int, str]] = set()
    since, first = 0, True
    while True:
        events = client.filter_log_events(logGroupName=group, startTime=since, limit=PAGE)["events"]
        fresh = [
            event for event in sorted(events, key=lambda found: found["timestamp"]) if _identity(event) not in seen
        ]
        seen = {_identity(event) for event in events}
        since = max((event["timestamp"] for event in events), default=since)
        texts = [str(event["message"]).rstrip("\n") for event in fresh]
        yield texts[-lines:] if first else texts
        first = False


def _identity(event: dict[str, Any]) -> tuple[str, int, str]:
    """What tells one event from another; the emulator gives no `eventId`."""
    return event["logStreamName"], event["timestamp"], event["message"]
