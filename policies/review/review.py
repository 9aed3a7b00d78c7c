"""`make review BASE=<rev>`: what a change grants and revokes, and whether an owner approved exactly that."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from policies.errors import PolicyError
from policies.review import approvals, revisions
from policies.review import stacks as stacks_of
from policies.review.comparison import Decision, compare
from policies.review.decisions import Side, Tries
from policies.review.diff import (
    DocumentDiff,
    diff_documents,
    diff_postgres,
    diff_settings,
    diff_texts,
    neutral,
    on_stacks,
)
from policies.review.markdown import comment
from policies.review.page import page
from policies.review.report import Review, counted, deed, target, visible
from policies.review.rows import read_matrix
from policies.review.stacks import REPOSITORY, STACKS, Stack

OUT = Path(".rendio") / "review"
MATRIX = "access-matrix.json"
FAILED = 1
SHOWN = 40
WIDTH = 200  # of a pipe, which has none of its own
_EPILOG = """exit status: 0 nothing widens, or an owner approved exactly this; 1 the revisions cannot be compared;
2 access widens and no approval counts (docs/reviewing.md)"""


def main(arguments: Sequence[str] | None = None, *, repository: Path = REPOSITORY, tries: Tries | None = None) -> int:
    """The command."""
    parser = _Parser(prog="make review", description=__doc__, epilog=_EPILOG)
    parser.add_argument("--base", default="main", metavar="REV", help="what to compare with: where HEAD left it (main)")
    parser.add_argument("--head", metavar="REV", help="a commit to review in place of the working tree")
    parser.add_argument("--stack", action="append", choices=STACKS, help="only this stack; may be given again")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where comment, page and JSON go (.rendio/review)")
    parser.add_argument("--json", action="store_true", help="print the review as JSON")
    chosen = parser.parse_args(arguments)
    try:
        stacks = chosen.stack or STACKS
        found = review(chosen.base, chosen.head, stacks, repository=repository, tries=tries, say=_say)
    except PolicyError as error:
        print(f"The revisions cannot be compared.\n  why   {error}", file=sys.stderr)
        return FAILED
    out = chosen.out or repository / OUT
    out.mkdir(parents=True, exist_ok=True)
    (out / "comment.md").write_text(comment(found), encoding="utf-8")
    (out / "access-review.html").write_text(page(found), encoding="utf-8")
    (out / "review.json").write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
    if chosen.json:
        print(json.dumps(found.as_json()))
    else:
        _tell(found, out)
    return found.status


def review(
    base: str,
    head: str | None = None,
    stacks: Sequence[str] = STACKS,
    *,
    repository: Path = REPOSITORY,
    tries: Tries | None = None,
    say: Callable[[str], None] = lambda _: None,
    today: dt.date | None = None,
) -> Review:
    """Compare `head`, or the working tree, with the commit at which it left `base`.

    Raises:
        PolicyError: a revision is unknown, or one of the two cannot be rendered, judged or applied.
    """
    start = revisions.fork_point(base, head or "HEAD", repository=repository)
    with ExitStack() as folders:
        was = folders.enter_context(revisions.checkout(start, repository=repository))
        now = folders.enter_context(revisions.checkout(head, repository=repository)) if head else repository
        say("rendering both revisions")
        before = Side(stacks_of.load(_of(was, stacks), checkout=was), was)
        after = Side(stacks_of.load(_of(now, stacks), checkout=now), now)
        comparison = (tries or Tries(say)).compare(before, after)
        diffs = on_stacks(_differences(before, after))
        standing = _standing(was, now, stacks)
        verdict = approvals.judge(
            approvals.digest(comparison, diffs),
            approvals.read_approvals(now),
            owners=approvals.owners(was),
            today=today or dt.datetime.now(dt.UTC).date(),
        )
    return Review(
        base=revisions.short(start, repository=repository),
        head=_name_of(head, repository),
        stacks=tuple(sorted({*before.stacks, *after.stacks})),
        comparison=comparison,
        diffs=tuple(diffs),
        verdict=verdict,
        standing=standing,
    )


def _standing(was: Path, now: Path, stacks: Iterable[str]) -> tuple[Decision, ...]:
    """What the matrices that both revisions committed say alike."""
    files = {stack: [side / "policies" / "previews" / stack / MATRIX for side in (was, now)] for stack in stacks}
    both = {stack: each for stack, each in files.items() if all(file.is_file() for file in each)}
    before, after = ({stack: read_matrix(each[place]) for stack, each in both.items()} for place in (0, 1))
    return compare(before, after).unchanged


def _of(checkout: Path, stacks: Iterable[str]) -> list[str]:
    """The stacks that a revision has."""
    return [stack for stack in stacks if (checkout / f"Pulumi.{stack}.yaml").is_file()]


def _name_of(head: str | None, repository: Path) -> str:
    name = revisions.short(head or "HEAD", repository=repository)
    return name if head or revisions.is_clean(repository=repository) else f"{name} with uncommitted changes"


def _differences(before: Side, after: Side) -> dict[str, list[DocumentDiff]]:
    """Per stack, with the stack's own names taken out."""
    found = {}
    for name in sorted({*before.stacks, *after.stacks}):
        old, new = (_Neutral(side.stacks[name]) if name in side.stacks else _Neutral(None) for side in (before, after))
        found[name] = [
            *diff_documents(old.documents, new.documents),
            *diff_settings(old.settings, new.settings),
            *diff_postgres(old.postgres, new.postgres),
            *diff_texts("schema versions", old.versions, new.versions),
        ]
    return found


class _Neutral:
    """What a stack says, in words that every stack shares."""

    def __init__(self, stack: Stack | None) -> None:
        self._stack = stack
        self.documents = {each.name: self._plain(json.loads(each.text)) for each in stack.documents} if stack else {}
        self.settings = self._plain(stack.settings) if stack else {}
        self.postgres = self._plain(stack.postgres) if stack else {}
        self.versions = dict(stack.schema_versions) if stack else {}

    def _plain(self, value: Any) -> Any:
        assert self._stack is not None
        text = json.dumps(value, ensure_ascii=False)
        return json.loads(neutral(text, stack=self._stack.name, account=self._stack.account))


def _tell(found: Review, out: Path) -> None:
    """The review on a terminal, as short as it can be."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for title, style, decisions in (
        ("granted", "red", found.comparison.granted),
        ("revoked", "blue", found.comparison.revoked),
    ):
        if decisions:
            console.print(_table(title, style, decisions))
        if len(decisions) > SHOWN:
            console.print(f"… and {len(decisions) - SHOWN} more {title}")
    style = "red" if found.status else "green"
    console.print(f"\n{visible(found.headline)}.", style=f"bold {style}", markup=False, highlight=False)
    unchanged = counted(len(found.comparison.unchanged), "decision")
    lines = [
        f"{unchanged} unchanged on {', '.join(found.stacks)}; statements that differ: {found.policy_counts}.",
        *(f"An approval names this change and does not count: {visible(remark)}." for remark in found.verdict.remarks),
        f"page     {out / 'access-review.html'}",
        f"comment  {out / 'comment.md'}",
    ]
    if found.status:
        lines.append(f"digest   {found.verdict.digest}  for an approval in {approvals.FOLDER}/")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(title: str, style: str, decisions: Sequence[Decision]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", style=style)
    for column in (title, "may do", "to what", "stacks"):
        table.add_column(column, overflow="fold")
    for each in decisions[:SHOWN]:
        cells = (each.attempt.principal, deed(each), target(each), ", ".join(each.stacks))
        table.add_row(*(escape(visible(cell)) for cell in cells))
    return table


class _Parser(argparse.ArgumentParser):
    """A mistake on the command line is a failure like others: status 2 says that access widens, and nothing else."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"{self.prog}: {message}\n")


def _say(what: str) -> None:
    print(f"  … {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
