"""Throws a switch of any stack and says what changed, who did it and how to take it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from local.people import Person

ROLE, FUNCTION = "operator", "throw-switch"


def throw(person: Person, name: str, *, because: str, back: bool, user: str, dry_run: bool) -> dict[str, Any]:
    """Throw the switch `name`, or take it back.

    Raises:
        Refused: there is no such switch, no reason, no such user, or the person may not.
        LocalError: the function cannot be called, or it failed.
    """
    wish: dict[str, Any] = {"switch": name.replace("-", "_"), "back": back, "because": because, "dry_run": dry_run}
    return {"stack": person.stack, **person.call(FUNCTION, {**wish, **({"user_id": user} if user else {})})}


def show(done: Mapping[str, Any], console: Console) -> None:
    """One line for what is so, one for who and when, one for the way back."""
    name, stack = str(done["switch"]).replace("_", "-"), done["stack"]
    whom = f" of {done['user_id']}" if done["user_id"] else ""
    state = "thrown" if done["thrown"] else "not thrown"
    if done["dry_run"]:
        would = "would change that" if done["would_change"] else "would change nothing"
        lines = [f"{name}{whom} is {state}; this {would}. Nothing was changed."]
    elif done["changed"]:
        lines = [f"{name}{whom} is {state} now, by {done['called_by']}."]
    else:
        lines = [f"{name}{whom} was {state} already; nothing was changed."]
    if done["thrown"]:
        words = [f"since {done['since']}"]
        words += [f"by {done['by']}"] if done["by"] else []
        words += [f"because: {done['because']}"] if done["because"] else []
        lines.append("  " + ", ".join(words))
        user = f" --user {done['user_id']}" if done["user_id"] else ""
        lines.append(f"  take it back: ./rendio switch {name} --back{user} --stack {stack}")
    if done["standing"]:
        lines.append(f"  Pulumi.{stack}.yaml throws it as well (rendio:switches): only a deployment takes that back.")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
