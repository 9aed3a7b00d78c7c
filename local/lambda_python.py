"""The interpreter that the functions run on: the runtime's Python, with boto3 and nothing else, as on Lambda.

A dependency that a function's package forgot is thus missing here as it would be on AWS.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from local.environment import network, tool_cache
from local.errors import LocalError
from local.state import REPOSITORY

LOCK = REPOSITORY / "requirements-lambda-image.txt"
# Runtimes that Lambda has; a machine with another Python cannot stand in for one of them.
RUNTIMES = ("3.11", "3.12", "3.13", "3.14")
WISHED = "3.13"


@dataclass(frozen=True)
class LambdaPython:
    """An interpreter for functions.

    Attributes:
        version: `3.13`.
        binary: of the virtualenv that has only boto3.
    """

    version: str
    binary: Path

    @property
    def runtime(self) -> str:
        """As Lambda calls it: `python3.13`."""
        return f"python{self.version}"


def find(wished: str = WISHED, say: Callable[[str], None] = lambda _line: None) -> LambdaPython:
    """The interpreter of the wished version, else of the version that runs this program.

    Raises:
        LocalError: the virtualenv cannot be made.
    """
    source = interpreter(wished)
    version = wished
    if source is None:
        source, version = Path(sys.executable), f"{sys.version_info.major}.{sys.version_info.minor}"
        if version not in RUNTIMES:
            raise LocalError(
                f"No Python on this machine can run the functions: Lambda has no runtime for {version}.",
                fix=f"Install Python {wished}, for instance with `uv python install {wished}`.",
            )
    key = hashlib.sha256(LOCK.read_bytes() + str(source.resolve()).encode()).hexdigest()[:12]
    folder = tool_cache() / f"lambda-python{version}-{key}"
    binary = folder / "bin" / "python"
    if not binary.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not binary.exists():
                say(f"preparing Python {version} for the functions")
                _make(source, folder)
    return LambdaPython(version, binary)


def interpreter(version: str) -> Path | None:
    """A Python of this version: on PATH, of pyenv, of uv; None when the machine has none."""
    for candidate in _candidates(version):
        if _is(candidate, version):
            return candidate
    return None


def _candidates(version: str) -> Iterator[Path]:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        yield Path(sys.executable)
    # pyenv first: its shims on PATH answer only for the versions that are switched on.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), key=_patch, reverse=True)
    found = shutil.which(f"python{version}")
    if found:
        yield Path(found)
    uv = _uv()
    answer = subprocess.run(
        [uv, "python", "find", "--no-python-downloads", "--no-project", "--system", version],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode == 0 and answer.stdout.strip():
        yield Path(answer.stdout.strip())


def _patch(path: Path) -> int:
    match = re.search(r"(\d+)$", path.parent.parent.name)
    return int(match.group(1)) if match else 0


def _is(python: Path, version: str) -> bool:
    try:
        answer = subprocess.run(
            [str(python), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == version


def _make(source: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".lambda-") as temporary:
        built = Path(temporary) / "venv"
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(Path.home()),
            **{name: os.environ[name] for name in ("XDG_CACHE_HOME",) if name in os.environ},
            **network(),
        }
        for command in (
            [_uv(), "venv", "--no-project", "--relocatable", "--python", str(source), str(built)],
            [_uv(), "pip", "sync", "--require-hashes", "--python", str(built / "bin" / "python"), str(LOCK)],
        ):
            answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                raise LocalError(
                    "The functions' interpreter could not be prepared.",
                    why=(answer.stderr.strip().splitlines() or ["uv said nothing"])[-1],
                    fix="See that a Python package index can be reached, then run the command again.",
                )
        shutil.rmtree(folder, ignore_errors=True)
        built.rename(folder)


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv") or "uv"
