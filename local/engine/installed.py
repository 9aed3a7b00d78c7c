"""Engines that are there already."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

# The version that the Python SDK of requirements.txt belongs to, and the oldest known to work with it.
VERSION = "3.250.0"
OLDEST = (3, 200, 0)
HOST = "pulumi-language-python"


@dataclass(frozen=True)
class Engine:
    """A `pulumi` that finds its Python language host.

    Attributes:
        binary: the command-line tool.
        folders: what has to be on PATH so that it finds its language host.
        version: as it reports it, `3.250.0`.
    """

    binary: Path
    folders: tuple[Path, ...]
    version: str


def on_path(search: str | None = None) -> Engine | None:
    """The engine on PATH, when it is new enough and its language host is there too."""
    # The virtualenv may hold a `pulumi` of nobody's choosing; PATH is the person's.
    found = shutil.which("pulumi", path=search)
    return _engine(Path(found), search) if found else None


def in_folder(folder: Path) -> Engine | None:
    """The engine that was fetched or built into `folder`."""
    binary = folder / "pulumi"
    return _engine(binary, str(folder)) if binary.is_file() else None


def _engine(binary: Path, search: str | None) -> Engine | None:
    beside = f"{binary.resolve().parent}{os.pathsep}{search if search is not None else os.environ.get('PATH', '')}"
    hosts = [shutil.which(name, path=beside) for name in (HOST, f"{HOST}-exec")]
    if None in hosts:
        return None
    version = _version(binary)
    if version is None or tuple(int(part) for part in version.split(".")) < OLDEST:
        return None
    folders = dict.fromkeys([binary.parent, *(Path(host).parent for host in hosts if host)])
    return Engine(binary, tuple(folders), version)


def _version(binary: Path) -> str | None:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        answer = subprocess.run(
            [str(binary), "version"], env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v?(\d+\.\d+\.\d+)", answer.stdout.strip())
    return match.group(1) if match and answer.returncode == 0 else None
