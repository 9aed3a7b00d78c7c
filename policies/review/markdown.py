"""A review as the comment of a pull request: summary first, never longer than `BOUND`.

All text of the change stands in code, with nothing in it that could mention people, link, or close the code again.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from policies.review.approvals import FOLDER
from policies.review.comparison import Decision
from policies.review.diff import PolicyDiff
from policies.review.report import Review, counted, deed, kept, target, title_of, visible

GITHUB_LIMIT = 65_536  # characters of a comment
BOUND = 60_000  # bytes in UTF-8, so fewer characters still; the rest is for what a workflow adds
MARKER = "<!-- rendio access review -->"
_SHARES = {"granted": 0.5, "revoked": 0.7, "policies": 1.0}  # how far each part may fill the comment
_POINTER = "the page `access-review.html`, an artifact of this run, has all"


class Comment:
    """Lines that fit; a part that does not is left out whole, and counted."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = float(BOUND - 1)

    def add(self, text: str) -> None:
        self._parts.append(text)
        self._room -= len(text.encode()) + 1

    def fits(self, text: str, share: float) -> bool:
        return self._room - len(text.encode()) - 1 > BOUND * (1 - share) + _RESERVE

    @property
    def text(self) -> str:
        return "\n".join(self._parts) + "\n"


_RESERVE = 1_000  # for the lines that say what was left out


def comment(review: Review) -> str:
    """The comment, at most BOUND bytes."""
    out = Comment()
    for line in _summary(review):
        out.add(line)
    _table(out, "granted", "Granted", review.comparison.granted)
    _table(out, "revoked", "Revoked", review.comparison.revoked)
    _policies(out, review.diffs)
    return out.text


def _summary(review: Review) -> Iterator[str]:
    mark = "✅" if review.status == 0 else "❌"
    yield MARKER
    yield f"## {mark} {_plain(review.headline)}"
    yield ""
    yield "| granted | revoked | unchanged | statements that differ |"
    yield "|---|---|---|---|"
    found = review.comparison
    counts = (str(len(each)) for each in (found.granted, found.revoked, found.unchanged))
    yield f"| {' | '.join(counts)} | {review.policy_counts} |"
    yield ""
    yield (
        f"{_code(review.base)} → {_code(review.head)} on {', '.join(review.stacks)}. Each decision was found by trying "
        "it under both revisions (docs/reviewing.md)."
    )
    for remark in review.verdict.remarks:
        yield f"- An approval names this change and does not count: {_code(remark)}."
    if review.status != 0:
        yield ""
        yield f"To approve exactly this change, an owner of `{FOLDER}/` adds a file there with this digest:"
        yield f"`{review.verdict.digest}`"


def _table(out: Comment, part: str, title: str, decisions: Sequence[Decision]) -> None:
    if not decisions:
        return
    out.add(f"\n### {title}: {counted(len(decisions), 'decision')}\n")
    out.add("| who | may do | to what | before → after | stacks |")
    out.add("|---|---|---|---|---|")
    for number, decision in enumerate(decisions):
        cells = (
            _code(decision.attempt.principal),
            _code(deed(decision)),
            _code(target(decision)),
            f"{decision.before} → **{decision.after}**",
            ", ".join(decision.stacks),
        )
        line = f"| {' | '.join(cells)} |"
        if not out.fits(line, _SHARES[part]):
            out.add(f"\n… and {len(decisions) - number} more: {_POINTER}.")
            return
        out.add(line)


def _policies(out: Comment, diffs: Sequence[PolicyDiff]) -> None:
    if not diffs:
        return
    out.add(f"\n### Policies: {counted(len(diffs), 'document')} differ{'s' if len(diffs) == 1 else ''}\n")
    left_out = 0
    for each in diffs:
        block = _block(each)
        if out.fits(block, _SHARES["policies"]):
            out.add(block)
        else:
            left_out += 1
    if left_out:
        out.add(f"\n… and {counted(left_out, 'document')} more: {_POINTER}.")


def _block(each: PolicyDiff) -> str:
    lines = []
    for statement in each.diff.statements:
        lines.append(f"  {visible(statement.name)}: {statement.kind}")
        lines += [f"{line.mark}   {kept(line.text)}" for line in statement.lines]
    fence = "`" * (max((len(run) for run in re.findall(r"`+", "\n".join(lines))), default=0) + 1)
    fence = fence if len(fence) > 2 else "```"
    summary = f"<code>{html.escape(visible(title_of(each.diff)))}</code>, {', '.join(each.stacks)}"
    body = ["", f"{fence}diff", *lines, fence, ""]
    return "\n".join([f"<details><summary>{summary}</summary>", *body, "</details>"])


def _code(text: str) -> str:
    """Text as a code span, also within a table: the one place where GitHub makes nothing of it."""
    text = visible(text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", "\\|")


def _plain(text: str) -> str:
    """Our own sentence with a person in it: nobody is called by it."""
    return re.sub(r"@([\w./-]+)", r"`@\1`", visible(text))
