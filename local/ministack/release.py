"""The one MiniStack version that the fixes were written against."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from local.errors import LocalError

MINISTACK = "1.5.33"


def require(expected: str = MINISTACK) -> None:
    """Refuse any other version: the fixes replace internals, which no version promises to keep.

    Raises:
        LocalError: another version is installed, or none.
    """
    try:
        installed = version("ministack")
    except PackageNotFoundError:
        raise LocalError(
            "MiniStack, the local AWS, is not installed.",
            fix="Install the development requirements: `pip install -r requirements-dev.txt`.",
        ) from None
    if installed != expected:
        raise LocalError(
            f"MiniStack {installed} is installed, but the fixes in local/ministack are for {expected}.",
            why="They replace internals of that version; on another one they could do harm without a word.",
            fix=f"`pip install ministack=={expected}`; or, to upgrade, run tests/local/ministack against the new"
            " version, drop the fixes whose defect is gone, and change MINISTACK in local/ministack/release.py.",
        )
