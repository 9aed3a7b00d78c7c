"""`make mutate`: is every rule of the access model noticed by some decision?

Drops or widens each statement, condition, grant, policy, membership and constraint, one at a time, and makes the
decisions again: the access matrix, requests made of what the documents name, logins, lints, and writes that constraints
keep out. A mutant that nothing notices is a rule that does nothing, unless policies/equivalent_mutants.yaml proves it
equivalent.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from local.errors import LocalError
from policies.errors import PolicyError
from policies.review import stacks
from policies.review.mutation import equivalents
from policies.review.mutation.equivalents import like
from policies.review.mutation.mutants import OPERATORS
from policies.review.mutation.tries import sample, tries_of
from policies.review.stacks import REPOSITORY, STACKS

Outcome = dict[str, Any]
EVERY = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. 0: all caught or proven equivalent; 1: one is not, or the list is wrong; 2: an error."""
    parser = argparse.ArgumentParser(
        prog="make mutate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--stack", choices=STACKS, default="dev", help="whose model; they differ little")
    parser.add_argument("--sample", type=int, default=EVERY, help="so many by chance, some of each operator; else all")
    parser.add_argument("--seed", type=int, default=None, help="which sample; printed, so that it can be repeated")
    parser.add_argument("--only", default="", metavar="ID", help="those whose id is like this; `*` for any letters")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--json", action="store_true", help="print each mutant and what caught it as JSON")
    parser.add_argument("--operators", action="store_true", help="print the operators and what each does")
    parser.add_argument("--part", type=int, default=None, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.operators:
        print("\n".join(f"{name:<22} {does}" for name, does in sorted(OPERATORS.items())))
        return 0
    chosen.seed = random.randrange(10**6) if chosen.seed is None else chosen.seed  # noqa: S311  # nothing secret
    try:
        if chosen.part is not None:
            return _part(chosen)
        listed = equivalents.read()
        began = time.monotonic()
        outcomes = sorted(_side_by_side(chosen), key=lambda outcome: str(outcome["mutant"]))
    except (PolicyError, LocalError) as error:
        print(error, file=sys.stderr)
        return 2
    return _report(outcomes, listed, chosen, time.monotonic() - began)


def _part(chosen: argparse.Namespace) -> int:
    """One of several processes: tries its share and prints a line for each."""
    model = stacks.load([chosen.stack])[chosen.stack]
    with tries_of(model) as tries:
        mutants = sample(tries.mutants, chosen.sample, chosen.seed) if chosen.sample else tries.mutants
        mutants = [mutant for mutant in mutants if not chosen.only or like(mutant.id, chosen.only)]
        print(json.dumps({"total": len(mutants), "all": len(tries.mutants)}), flush=True)
        for mutant in mutants[chosen.part :: chosen.jobs]:
            catch = tries.catches(mutant)
            found = {"by": catch.by, "what": catch.what} if catch else {"by": "", "what": ""}
            print(json.dumps({"mutant": mutant.id, "operator": mutant.operator, **found}), flush=True)
    return 0


def _side_by_side(chosen: argparse.Namespace) -> Iterator[Outcome]:
    """The outcomes of all parts as they come, with the progress on standard error."""
    lines: SimpleQueue[Outcome | None] = SimpleQueue()
    command = [
        sys.executable, "-m", "policies.review.mutation", "--stack", chosen.stack, "--sample", str(chosen.sample),
        "--seed", str(chosen.seed), "--jobs", str(chosen.jobs), "--only", chosen.only,
    ]  # fmt: skip

    def run(part: int) -> int:
        try:
            with subprocess.Popen([*command, "--part", str(part)], cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
                for line in process.stdout or ():
                    lines.put(json.loads(line))
            return process.returncode
        finally:
            lines.put(None)

    with ThreadPoolExecutor(chosen.jobs) as pool:
        parts = [pool.submit(run, part) for part in range(chosen.jobs)]
        running, done, total = chosen.jobs, 0, 0
        while running:
            line = lines.get()
            if line is None:
                running -= 1
            elif "total" in line:
                total = line["total"]
            else:
                done += 1
                if done % 25 == 0 or done == total:
                    print(f"  {done} of {total} mutants", file=sys.stderr, flush=True)
                yield line
        if any(part.result() for part in parts) or done != total:
            raise PolicyError("a part of the mutation check ended early; it said above why")


def _report(
    outcomes: Sequence[Outcome], listed: Sequence[equivalents.Equivalent], chosen: argparse.Namespace, seconds: float
) -> int:
    caught = [str(outcome["mutant"]) for outcome in outcomes if outcome["by"]]
    survived = [str(outcome["mutant"]) for outcome in outcomes if not outcome["by"]]
    idle = [mutant for mutant in survived if not any(entry.names(mutant) for entry in listed)]
    problems = equivalents.wrong(listed, caught, survived, whole=chosen.sample == EVERY and not chosen.only)
    by = Counter(str(outcome["by"]) for outcome in outcomes if outcome["by"])
    operators = Counter(str(outcome["operator"]) for outcome in outcomes)
    summary = {
        "stack": chosen.stack, "seed": chosen.seed if chosen.sample else None, "mutants": len(outcomes),
        "operators": dict(sorted(operators.items())), "caught": len(caught), "caught by": dict(by.most_common()),
        "equivalent": len(survived) - len(idle), "idle": idle, "problems": problems, "seconds": round(seconds, 1),
    }  # fmt: skip
    if chosen.json:
        print(json.dumps({**summary, "outcomes": list(outcomes)}, ensure_ascii=False))
    else:
        _say(summary)
    return 1 if idle or problems else 0


def _say(summary: dict[str, Any]) -> None:
    of = "" if summary["seed"] is None else f", a sample by seed {summary['seed']}"
    print(f"{summary['mutants']} mutants of stack {summary['stack']} by {len(summary['operators'])} operators{of}")
    for name, count in summary["operators"].items():
        print(f"  {name:<22} {count:>4}")
    by = ", ".join(f"{count} by {name}" for name, count in summary["caught by"].items())
    print(f"{summary['caught']} caught ({by}), {summary['equivalent']} equivalent; {summary['seconds']} s")
    for mutant in summary["idle"]:
        print(f"✗ nothing notices  {mutant}")
    for problem in summary["problems"]:
        print(f"✗ {problem}")


if __name__ == "__main__":
    sys.exit(main())
