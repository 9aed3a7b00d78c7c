"""The Pulumi engine: on PATH, else from the cache, else the official release, else built with Go.

docs/adr/ has why. Whatever is fetched or built lies outside the checkout, under
`${XDG_CACHE_HOME:-~/.cache}/rendioai/pulumi-<version>`, so that a second clone finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from local.engine import build, installed, release
from local.engine.installed import VERSION, Engine
from local.environment import tool_cache
from local.errors import LocalError

__all__ = ["VERSION", "Engine", "find"]

Say = Callable[[str], None]


def find(say: Say = lambda _line: None) -> Engine:
    """An engine that runs Python programs.

    Args:
        say: told in a few words what takes long.

    Raises:
        LocalError: none is installed, and none could be fetched or built; each way's reason is given.
    """
    folder = tool_cache() / f"pulumi-{VERSION}"
    engine = installed.on_path() or installed.in_folder(folder)
    if engine is not None:
        return engine
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Two clones started side by side build once.
    with FileLock(f"{folder}.lock"):
        engine = installed.in_folder(folder)
        return engine if engine is not None else _get(folder, say)


def _get(folder: Path, say: Say) -> Engine:
    reasons = []
    for name, way in (("the official release", release.fetch), ("a build with Go", build.build)):
        try:
            way(folder, say)
        except LocalError as error:
            reasons.append(f"{name}: {error.why or error.what}")
            continue
        engine = installed.in_folder(folder)
        if engine is not None:
            return engine
        reasons.append(f"{name}: what it left in {folder} does not run.")
    raise LocalError(
        "There is no Pulumi engine on this machine.",
        why="; ".join(reasons),
        fix="Install Pulumi (https://www.pulumi.com/docs/install/) or Go 1.25 or newer, then run the command again.",
    )
