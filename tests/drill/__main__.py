"""`./rendio drill [--only ID …] [--list] [--keep] [--folder FOLDER] [--json]`: fires every alarm and sees it clear."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from infra.alarm_catalogue import DATABASE_DOWN
from local.cloud import Cloud
from local.errors import Interrupted, LocalError
from local.progress import Progress
from local.report import console
from local.state import State
from tests import drill
from tests.drill import heartbeat, report
from tests.drill.first_look import look, no_look
from tests.drill.listening import Ears
from tests.drill.one_cause import as_result, one_cause
from tests.drill.run import Drill, Result
from tests.drill.scene import PACE
from tests.drill.table import STAGES, Fault, expected, faults
from tests.stack.deployed import Deployed

OUTAGE_MINUTES = 35.0


def main() -> int:
    """0 when every alarm was told with its runbook's link, and cleared."""
    asked = _arguments()
    found = faults()
    if unknown := set(asked.only) - {*found, heartbeat.NAME}:
        raise LocalError(
            f"There is no alarm {', '.join(sorted(unknown))}.", fix="`./rendio drill --list` names all there are."
        )
    chosen = set(asked.only) or {*found, heartbeat.NAME}
    if asked.list:
        _list(found, chosen)
        return 0
    progress = Progress(Console(stderr=True, soft_wrap=True))
    cloud = Cloud(State(State.default().root / "drill-stack"), progress=progress)
    # At real time: a deployment has work enough without a minute's schedules every two seconds.
    cloud.up()
    Cloud(cloud.state, progress=progress, pace=PACE).start()
    try:
        document = _run(Deployed(cloud), progress, found, chosen, first_looks=asked.first_looks)
    finally:
        if asked.keep:
            Cloud(cloud.state, progress=progress).start()
        else:
            cloud.down(force=True)
    files = report.write(asked.folder, document)
    if asked.json:
        print(json.dumps(document, indent=2))
    else:
        report.show(console(), document)
    progress.note(f"written: {', '.join(str(file) for file in files)}")
    return 0 if document["passed"] else 1


def _run(
    stack: Deployed, progress: Progress, found: dict[str, Fault], chosen: set[str], *, first_looks: bool
) -> dict[str, object]:
    began = time.monotonic()
    looks = partial(look, stack) if first_looks else no_look

    def say(text: str) -> None:
        progress.note(f"{time.monotonic() - began:6.1f} s  {text}")

    ears, results, cause = Ears(stack), list[Result](), None
    with ears.listening():
        runs = Drill(stack, ears, say, looks)
        for stage in STAGES:
            lanes = [[(name, found[name]) for name in lane if name in chosen] for lane in stage]
            if any(lanes):
                results += runs.stage([lane for lane in lanes if lane])
        if heartbeat.NAME in chosen:
            results.append(heartbeat.missed_heartbeat(stack, ears, say, looks))
        if DATABASE_DOWN in chosen:
            # The last: for hours of its pace afterwards what it may have caused is not told.
            cause = one_cause(stack, ears, say, minutes=OUTAGE_MINUTES, look=looks)
            results.append(as_result(cause, found[DATABASE_DOWN].words))
    return report.document(results, cause, _unreached(found, chosen))


def _unreached(found: dict[str, Fault], chosen: set[str]) -> list[str]:
    return [
        f"{name}-{instance}: {reason}"
        for name, fault in found.items()
        if name in chosen
        for instance, reason in fault.unreached
    ]


def _list(found: dict[str, Fault], chosen: set[str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("alarm", "of them", "fault"):
        table.add_column(column, overflow="fold")
    for name, fault in found.items():
        if name in chosen:
            words = fault.words + (" (synthetic)" if fault.synthetic else "")
            table.add_row(name, str(len(expected(name, fault))), words)
    if heartbeat.NAME in chosen:
        table.add_row(heartbeat.NAME, "1", heartbeat.WORDS)
    console().print(table)


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rendio drill", description=(drill.__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="this alarm; may be given again")
    parser.add_argument("--list", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--first-looks", action="store_true", help="try each runbook's first look while its fault is on; takes longer"
    )
    parser.add_argument("--keep", action="store_true", help="leave the stack up, at real time")
    parser.add_argument("--json", action="store_true", help="print the figures for a program")
    parser.add_argument(
        "--folder", type=Path, default=State.default().root / "drill", help="where drill.json, .svg and .md are written"
    )
    return parser.parse_args(given)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """`kill` and a closed terminal end it as Ctrl-C does: what is broken is mended first."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _as_interrupt)
    signal.signal(signal.SIGHUP, _as_interrupt)
    try:
        sys.exit(main())
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        with suppress(OSError):
            print("\nStopped. What was broken is mended.", file=sys.stderr)
        sys.exit(Interrupted.exit_code)
