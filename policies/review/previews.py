"""`make policies`: what every stack's policies say, as files that a pull request shows the change of.

Writes policies/previews/<stack>/: documents as indented JSON under what they are attached to, settings that open or
close something, and the Postgres model as SQL. Needs no cloud, no engine and no credentials.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from policies.errors import PolicyError
from policies.model.postgres import SECTIONS
from policies.review import stacks as stacks_of
from policies.review.stacks import REPOSITORY, STACKS, Stack

PREVIEWS = REPOSITORY / "policies" / "previews"
# What `make matrix` writes lies in the same folders.
NOT_OURS = ("access-matrix.json", "access-matrix.md")

_BREAKS = (" using (", " with check (", " for ", " to ", " language ", " return ")


def files(stack: Stack) -> dict[str, str]:
    """The previews of a stack, path below its folder -> text."""
    found = {f"{document.name}.json": pretty(json.loads(document.text)) for document in stack.documents}
    found["settings.json"] = pretty(stack.settings)
    found["postgres.sql"] = _sql(stack)
    return dict(sorted(found.items()))


def write(stacks: list[Stack], folder: Path = PREVIEWS) -> list[str]:
    """Bring the folder in line; the answer names what was written or removed, as `<stack>/<path>`."""
    changed = []
    for path, text in differences(stacks, folder):
        target = folder / path
        if text is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        changed.append(path)
    for empty in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(empty.iterdir()):
            empty.rmdir()
    return changed


def differences(stacks: list[Stack], folder: Path = PREVIEWS) -> Iterator[tuple[str, str | None]]:
    """Each file of the folder that is not as it should be, with what it should be; None for one that should go."""
    for stack in stacks:
        wanted = files(stack)
        place = folder / stack.name
        for path, text in wanted.items():
            there = place / path
            if not there.is_file() or there.read_text(encoding="utf-8") != text:
                yield f"{stack.name}/{path}", text
        for there in sorted(place.rglob("*")):
            path = there.relative_to(place).as_posix()
            if there.is_file() and path not in wanted and path not in NOT_OURS:
                yield f"{stack.name}/{path}", None


def pretty(value: object) -> str:
    """JSON with a line for each value, so that a diff shows what changed and nothing else."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. 0: done, or with `--check` nothing to do; 1: `--check` found stale files; 2: a policy is wrong."""
    from policies.review import lint  # a second's import, which the tools that use the previews can do without

    parser = argparse.ArgumentParser(prog="make policies", description="Write policies/previews/<stack>/ anew.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when a file is stale")
    parser.add_argument("--json", action="store_true", help="print the changed paths as a JSON list")
    chosen = parser.parse_args(arguments)
    try:
        models = list(stacks_of.load(STACKS).values())
        found = lint.findings(models)
    except PolicyError as error:
        print(error, file=sys.stderr)
        return 2
    if found:
        print("\n".join(map(str, found)), file=sys.stderr)
        return 2
    changed = [path for path, _ in differences(models)] if chosen.check else write(models)
    if chosen.json:
        print(json.dumps(changed))
    else:
        for path in changed:
            print(f"  policies/previews/{path}")
        done = "stale; run `make policies`" if chosen.check else "written"
        print(f"{len(changed)} files {done}." if changed else "The previews are current.")
    return 1 if changed and chosen.check else 0


def _sql(stack: Stack) -> str:
    """The Postgres model as the statements that `database_admin` brings about, one clause a line."""
    lines = [f"-- The access model of the database on stack {stack.name}: its statements, in the order of their keys."]
    for section in SECTIONS:
        lines += ["", f"-- {section}"]
        lines += [f"{_broken(statement)};" for statement in stack.postgres[section].values()]
    return "\n".join(lines) + "\n"


def _broken(statement: str) -> str:
    if not statement.startswith(("create policy", "create or replace function")):
        return statement
    for clause in _BREAKS:
        head, found, tail = statement.partition(clause)
        statement = f"{head}\n  {clause.strip(' ')}{'' if clause.endswith('(') else ' '}{tail}" if found else statement
    return statement


if __name__ == "__main__":
    sys.exit(main())
