"""`make matrix`: who may do what on every stack, found by trying.

Tries every principal on every thing, in a real Postgres and by the IAM evaluator, compares the outcomes with
policies/expectations/, and writes policies/previews/<stack>/access-matrix.json and .md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError

from local.errors import LocalError
from policies.errors import PolicyError
from policies.review import attempts, aws, expectations
from policies.review import stacks as stacks_of
from policies.review.previews import PREVIEWS
from policies.review.rows import ALLOW, Row
from policies.review.stacks import STACKS, Stack
from policies.review.summary import ANYTHING, ANYTHING_ELSE, summary_of_iam, summary_of_postgres
from policies.review.things import VERBS
from policies.review.trial import trial_of


@dataclass(frozen=True)
class Matrix:
    """The matrix of one stack.

    Attributes:
        rows: what people read.
        tried: how many attempts each layer took.
        digest: SHA-256 of every attempt with its outcome, so that what the rows do not say cannot change unseen.
    """

    stack: str
    rows: tuple[Row, ...]
    tried: dict[str, int]
    digest: str


def matrix_of(stack: Stack) -> Matrix:
    """Try everything on one stack: some seconds, most of them Postgres's.

    Raises:
        PolicyError: a document cannot be judged, or Postgres refuses the model.
    """
    pairs = attempts.tried(stack)
    with trial_of(stack) as trial:
        in_postgres = trial.rows()
    rows = [*summary_of_iam(pairs), *summary_of_postgres(in_postgres, trial)]
    in_iam = {row for _, row in pairs}
    every = "\n".join(json.dumps(asdict(row), sort_keys=True) for row in sorted({*in_iam, *in_postgres}))
    return Matrix(
        stack=stack.name,
        rows=tuple(sorted(rows)),
        tried={"iam": len(in_iam), "postgres": len(in_postgres)},
        digest=hashlib.sha256(every.encode()).hexdigest(),
    )


def matrices(models: Iterable[Stack]) -> list[Matrix]:
    """Those of several stacks at once."""
    chosen = list(models)
    with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
        return list(pool.map(matrix_of, chosen))


def files(matrix: Matrix) -> dict[str, str]:
    """The matrix as JSON, a row a line, and as Markdown."""
    rows = ",\n".join(f"    {json.dumps(asdict(row), ensure_ascii=False)}" for row in matrix.rows)
    head = {"stack": matrix.stack, "tried": matrix.tried, "digest": matrix.digest}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    text = "\n".join(["{", *lines, '  "rows": [', rows, "  ]", "}"])
    return {"access-matrix.json": f"{text}\n", "access-matrix.md": _markdown(matrix)}


def write(matrix: Matrix, folder: Path = PREVIEWS) -> None:
    for name, text in files(matrix).items():
        (folder / matrix.stack).mkdir(parents=True, exist_ok=True)
        (folder / matrix.stack / name).write_text(text, encoding="utf-8")


def _markdown(matrix: Matrix) -> str:
    tried = " and ".join(f"{count} attempts in {layer}" for layer, count in matrix.tried.items())
    lines = [
        f"# Who may do what on stack {matrix.stack}",
        "",
        f"Found by trying: {tried}. Written by `make matrix`; what is expected is in policies/expectations/.",
        f'"{ANYTHING.capitalize()}" means every verb below and every other that a document grants by name.',
        "",
        *(f"- {kind}: {', '.join(verbs)}" for kind, verbs in sorted(VERBS.items())),
    ]
    by_principal: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in matrix.rows:
        by_principal[row.layer, row.principal].append(row)
    for (layer, principal), rows in sorted(by_principal.items()):
        lines += ["", f"## {principal} ({'AWS' if layer == 'iam' else 'Postgres'})", ""]
        lines += ["| | Action | On | Whose | When |", "|---|---|---|---|---|"]
        lines += [_line(row) for row in sorted(rows, key=_reading_order)]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    mark = "✓" if row.decision == ALLOW else "✗"
    cells = (mark, row.action, row.resource, "" if row.whose == "-" else row.whose, row.context)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _reading_order(row: Row) -> tuple[bool, bool, Row]:
    """What is allowed first, what is refused as a whole last."""
    return row.decision != ALLOW, row.action in (ANYTHING, ANYTHING_ELSE), row


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. 0: as expected; 1: an outcome that nobody expected, or `--check` found a stale file; 2: an error."""
    parser = argparse.ArgumentParser(
        prog="make matrix", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--stack", choices=STACKS, action="append", help="one stack; all without it")
    parser.add_argument("--check", action="store_true", help="write nothing; compare with what is committed")
    parser.add_argument("--aws", action="store_true", help="ask AWS about the roles of one stack, as they are deployed")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    chosen = parser.parse_args(arguments)
    if chosen.aws:
        return _on_aws(parser, chosen.stack or [], as_json=chosen.json)
    began = time.monotonic()
    try:
        models = stacks_of.load(chosen.stack or STACKS)
        rules = expectations.read()
        print(f"Trying on {', '.join(models)} …", file=sys.stderr)
        found = matrices(models.values())
    except (PolicyError, LocalError) as error:
        print(error, file=sys.stderr)
        return 2
    answers = [_answer(matrix, rules, check=chosen.check) for matrix in found]
    if chosen.json:
        print(json.dumps(answers, ensure_ascii=False))
    else:
        _say(answers)
        print(f"{time.monotonic() - began:.1f} s")
    return 1 if any(answer["differences"] or answer["stale"] for answer in answers) else 0


def _on_aws(parser: argparse.ArgumentParser, stacks: Sequence[str], *, as_json: bool) -> int:
    """0: AWS decides as the judge; 1: it differs somewhere; 2: it could not be asked."""
    if len(stacks) != 1 or stacks[0] == "local":
        parser.error("--aws needs --stack with one stack that is on AWS")
    import boto3  # only here: nothing else needs AWS

    try:
        (stack,) = stacks_of.load(stacks).values()
        session = boto3.Session(region_name=stack.region)
        found = aws.compare(stack, iam=session.client("iam"), sts=session.client("sts"))
    except (PolicyError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps({"asked": found.asked, "differences": found.differences, "left_out": found.left_out}))
    else:
        print(f"{stack.name}: {found.asked} decisions asked of AWS, {len(found.differences)} differ")
        for line in found.differences:
            print(f"  {line}")
        for reason, count in sorted(found.left_out.items()):
            print(f"  left out: {count} of {reason}")
    return 1 if found.differences else 0


def _answer(matrix: Matrix, rules: Sequence[expectations.Rule], *, check: bool) -> dict[str, Any]:
    differences = expectations.compare(matrix.stack, matrix.rows, rules)
    stale = [name for name, text in files(matrix).items() if check and _there(matrix.stack, name) != text]
    if not check:
        write(matrix)
    allowed = sum(row.decision == ALLOW for row in matrix.rows)
    return {
        "stack": matrix.stack,
        "rows": len(matrix.rows),
        "allowed": allowed,
        "tried": matrix.tried,
        "differences": differences.lines(),
        "stale": stale,
    }


def _there(stack: str, name: str) -> str:
    path = PREVIEWS / stack / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _say(answers: Sequence[dict[str, Any]]) -> None:
    """What came of it; what is the same on several stacks once."""
    stacks_with: dict[str, list[str]] = defaultdict(list)
    for answer in answers:
        tried = sum(answer["tried"].values())
        print(f"{answer['stack']}: {answer['rows']} rows, {answer['allowed']} allowed, from {tried} attempts")
        for line in answer["differences"]:
            stacks_with[line].append(answer["stack"])
        for name in answer["stale"]:
            print(f"  {answer['stack']}/{name} is stale; run `make matrix`")
    for line, stacks in stacks_with.items():
        where = "" if len(stacks) == len(answers) or line.startswith(" ") else f" (on {', '.join(stacks)})"
        print(f"  {line}{where}")


if __name__ == "__main__":
    sys.exit(main())
