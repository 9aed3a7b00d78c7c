"""Keeps `./rendio pulumi …` to the stack `local`: another stack is somebody's AWS account."""

from __future__ import annotations

from collections.abc import Sequence

from local.errors import Refused
from local.state import STACK

# Commands that act on a stack, so that the local one is named when the person names none.
ON_STACK = frozenset(
    {
        "up", "update", "preview", "pre", "refresh", "destroy", "down", "dn", "cancel",
        "config", "console", "export", "import", "logs", "watch", "query", "state",
    }
)  # fmt: skip
NAMING = frozenset({"init", "select", "rm", "remove", "rename", "ls"})
BACKEND = frozenset({"login", "logout", "org", "deployment", "env", "esc", "neo", "policy", "whoami"})


def local_only(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--stack local` in force.

    Raises:
        Refused: they name another stack, folder, config file or back end.
    """
    words = list(arguments)
    named = _value(words, "-s", "--stack")
    command = next((word for word in words if not word.startswith("-")), "")
    position = words.index(command) if command else -1
    if named is not None and named != STACK:
        raise _another(named)
    if command in BACKEND:
        raise Refused(
            f"`pulumi {command}` is not for the local stack.",
            why="It works on Pulumi's service or on another back end.",
            fix="Use plain `pulumi` for it.",
        )
    for short, long in (("-C", "--cwd"), ("", "--config-file")):
        if _value(words, short, long) is not None:
            raise Refused(
                f"{long} is the runner's to choose for the local stack.", fix="Leave it out, or use plain `pulumi`."
            )
    if command == "stack":
        rest = [word for word in words[position + 1 :] if not word.startswith("-")]
        if rest and rest[0] in NAMING and len(rest) > 1 and rest[1] != STACK:
            raise _another(rest[1])
        if named is None and not (rest and rest[0] in NAMING):
            words[position + 1 :] = [*words[position + 1 :], "--stack", STACK]
    elif command in ON_STACK and named is None:
        words += ["--stack", STACK]
    return words


def _another(stack: str) -> Refused:
    return Refused(
        f"This wrapper runs the stack `{STACK}` alone, not `{stack}`.",
        why="Its engine is attached to a stand-in for AWS; a stack on AWS must never meet it.",
        fix=f"Use plain `pulumi` for it, in a shell without the local cloud's variables: pulumi preview -s {stack}",
    )


def _value(words: Sequence[str], short: str, long: str) -> str | None:
    """The value of an option in any of its spellings: `-s x`, `-sx`, `-s=x`, `--stack x`, `--stack=x`."""
    for index, word in enumerate(words):
        if word == "--":
            return None
        if word in (short, long) and word:
            return words[index + 1] if index + 1 < len(words) else ""
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
        if short and word.startswith(short) and not word.startswith("--"):
            return word[len(short) :].removeprefix("=")
    return None
