"""What can go wrong in the laptop cloud, as one tree of errors."""

from __future__ import annotations

from pathlib import Path


class LocalError(Exception):
    """Something the person at the keyboard can act on.

    Args:
        what: what failed, in one sentence.
        why: the cause as far as it is known.
        fix: what to do about it.
        log: the file with the details.
    """

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "", log: Path | None = None) -> None:
        self.what, self.why, self.fix, self.log = what, why, fix, log
        lines = [what]
        if why:
            lines.append(f"  why   {why}")
        if fix:
            lines.append(f"  do    {fix}")
        if log is not None:
            lines.append(f"  log   {log}")
        super().__init__("\n".join(lines))


class Interrupted(LocalError):
    """The person pressed Ctrl-C (or the process was told to end); what ran was stopped in order."""

    exit_code = 130


class Refused(LocalError):
    """The command would leave the laptop cloud, or touch what is not its own."""

    exit_code = 2


class EngineFailed(LocalError):
    """The Pulumi engine ended with an error; its own words were printed or are in the log."""
