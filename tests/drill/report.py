"""What a drill tells at its end: a table, one SVG, JSON.

The plot is drawn by hand: two bars a row are a few lines of SVG, which open in any browser, and need no plotting
library in anybody's virtualenv.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from rich import markup
from rich.console import Console
from rich.table import Table

from tests.drill.one_cause import OneCause
from tests.drill.run import Result
from tests.drill.scene import PACE

_ROW, _LABEL, _WIDTH, _TOP, _BOTTOM = 18, 330, 640, 66, 40
_TO_PAGE, _TO_CLEAR, _WRONG = "#c2410c", "#0f766e", "#b91c1c"
_TICKS = 6
_FONT = 'font-family="system-ui, sans-serif" font-size="11"'
_TITLE = (
    "Seconds from the fault to the message, and from its end to the all-clear"
    f" (a minute of an alarm takes {PACE.minute_seconds:g} s)"
)


def document(results: Sequence[Result], cause: OneCause | None, unreached: Sequence[str]) -> dict[str, Any]:
    """All of it for programs."""
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "minute_seconds": PACE.minute_seconds,
        "longest_seconds": PACE.longest_seconds,
        "passed": all(result.passed for result in results),
        "synthetic": sorted({result.alarm for result in results if result.synthetic}),
        "not_fired": list(unreached),
        "alarms": [result.as_json() for result in results],
        "one_cause": asdict(cause) if cause else None,
    }


def write(folder: Path, found: dict[str, Any]) -> list[Path]:
    """`drill.json`, `drill.svg` and `drill.md` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "drill.json": json.dumps(found, indent=2) + "\n",
        "drill.svg": plot(found["alarms"]),
        "drill.md": markdown(found),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def show(console: Console, found: dict[str, Any]) -> None:
    """The table, and what stands below it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("alarm", "told as"):
        table.add_column(column, overflow="fold")
    for column in ("s to page", "s to clear"):
        table.add_column(column, justify="right")
    for column in ("", "fault"):
        table.add_column(column, overflow="fold")
    for row in found["alarms"]:
        mark = "[red]✗[/red]" if row["problems"] else "[green]✓[/green]"
        words = "".join([_words(row), *(f"\n[red]{markup.escape(problem)}[/red]" for problem in row["problems"])])
        table.add_row(row["alarm"], row["severity"], *_times(row), mark, words)
    console.print(table)
    for line in below(found):
        console.print(line, markup=False, highlight=False)


def below(found: dict[str, Any]) -> list[str]:
    """What the table does not say."""
    passed = sum(not row["problems"] for row in found["alarms"])
    lines = ["", f"{passed} of {len(found['alarms'])} alarms were told with their runbook, and cleared."]
    if found["synthetic"]:
        lines.append(f"By a synthetic metric, which AWS alone makes: {', '.join(found['synthetic'])}.")
    looks = [looked for row in found["alarms"] for looked in row["first_look"]]
    tried = [looked for looked in looks if not looked["untried"]]
    answered = sum(looked["passed"] for looked in tried)
    if tried:
        lines.append(f"First looks of the runbooks, fault on: {answered} of {len(tried)} commands answered.")
    lines += sorted({f"Not tried: {looked['command']}: {looked['untried']}." for looked in looks if looked["untried"]})
    lines += [f"Not fired here: {reason}." for reason in found["not_fired"]]
    if cause := found["one_cause"]:
        lines.append(
            f"One cause: Postgres down for {cause['minutes']:g} minutes gave {len(cause['pages'])} pages"
            f" ({', '.join(cause['pages'])}) and {len(cause['notifications'])} notifications;"
            f" measured and hidden: {', '.join(cause['measured']) or 'nothing'}."
        )
    pace = f"A minute of an alarm took {found['minute_seconds']:g} s, the longest {found['longest_seconds']:g} s."
    return [*lines, pace]


def markdown(found: dict[str, Any]) -> str:
    """The table for a page of the documentation."""
    rows = [
        " | ".join(["", row["alarm"], row["severity"], _words(row), *_times(row), "✗" if row["problems"] else "✓", ""])
        for row in found["alarms"]
    ]
    head = ["| Alarm | Told as | Fault | s to page | s to clear | |", "|---|---|---|---|---|---|"]
    return "\n".join([f"Drill of {found['at']}", "", *head, *map(str.strip, rows), *below(found)]) + "\n"


def plot(rows: Sequence[dict[str, Any]]) -> str:
    """Each alarm's two times as bars, in one SVG that needs nothing else."""
    longest = max([10.0, *((row["seconds_to_page"] or 0) + (row["seconds_to_clear"] or 0) for row in rows)])
    height = _TOP + _ROW * len(rows) + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _WIDTH + 40}" height="{height}" {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="24" font-size="15" font-weight="bold">{_TITLE}</text>',
        f'<rect x="12" y="36" width="10" height="10" fill="{_TO_PAGE}"/><text x="27" y="45">to the message</text>',
        f'<rect x="130" y="36" width="10" height="10" fill="{_TO_CLEAR}"/><text x="145" y="45">to the all-clear</text>',
    ]
    for tick in range(_TICKS + 1):
        x, label = _LABEL + _WIDTH * tick / _TICKS, f"{longest * tick / _TICKS:.0f} s"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{height - _BOTTOM}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - _BOTTOM + 16}" text-anchor="middle">{label}</text>')
    for number, row in enumerate(rows):
        parts += _bars(row, _TOP + _ROW * number, longest)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bars(row: dict[str, Any], y: float, longest: float) -> list[str]:
    to_page, to_clear = (_WIDTH * (row[name] or 0) / longest for name in ("seconds_to_page", "seconds_to_clear"))
    tip = escape("{}: {} s to page, {} s to clear".format(_words(row), *_times(row)))
    color = _WRONG if row["problems"] else "black"

    def bar(x: float, width: float, fill: str) -> str:
        return f'<rect x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 6}" fill="{fill}"/>'

    return [
        f"<g><title>{tip}</title>",
        f'<text x="{_LABEL - 8}" y="{y + 11}" text-anchor="end" fill="{color}">{escape(row["alarm"])}</text>',
        bar(_LABEL, to_page, _TO_PAGE),
        bar(_LABEL + to_page, to_clear, _TO_CLEAR),
        "</g>",
    ]


def _words(row: dict[str, Any]) -> str:
    return str(row["fault"]) + (" (synthetic)" if row["synthetic"] else "")


def _times(row: dict[str, Any]) -> tuple[str, str]:
    """Seconds to page and to clear, as text."""
    return _seconds(row["seconds_to_page"]), _seconds(row["seconds_to_clear"])


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
