"""Lints, tests, proof and locks: the commands of a developer of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local import environment
from local.errors import LocalError
from local.report import say
from local.state import REPOSITORY, State

PACKAGES = ("infra", "policies", "lambdas", "local")
# Each planted change is tried for itself, on both cores of the smallest machine.
SIDE_BY_SIDE = {"review": ("-n", "2")}
# The fastest first: what is wrong shows early.
LEVELS = ("unit", "infra", "policies", "review", "lambdas", "database", "local", "stack")
LOCKS = (
    ("requirements-dev.in", "requirements-dev.txt", ()),
    ("requirements.in", "requirements.txt", ("-c", "requirements-dev.txt")),
    ("requirements-lambda-image.in", "requirements-lambda-image.txt", ("-c", "requirements.txt")),
)


def lint() -> int:
    """Run every lint, also after one failed. 0 when all are content."""
    packages = [package for package in PACKAGES if (REPOSITORY / package / "__init__.py").exists()]
    commands = {
        "ruff": ["ruff", "check", "."],
        "mypy": ["mypy", *packages, "tests"],
        "imports": ["lint-imports"],
    }
    failed = []
    for name, command in commands.items():
        started = time.monotonic()
        status = _run(command)
        say(f"  {'✓' if status == 0 else '✗'} {name}  {time.monotonic() - started:.1f} s")
        if status != 0:
            failed.append(name)
    if failed:
        raise LocalError(f"Not content: {', '.join(failed)}.", fix="Each said above what and where.")
    return 0


def test(state: State, arguments: Sequence[str]) -> int:
    """Run the tests, level by level, and write down each one's outcome for `proof`.

    Args:
        arguments: pytest's own; with a path or `-k` among them, one run of just these.
    """
    state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if arguments:
        return _pytest(state, list(arguments))
    state.proof.unlink(missing_ok=True)
    failed, times = [], []
    for level in LEVELS:
        if not (REPOSITORY / "tests" / level).is_dir():
            continue
        started = time.monotonic()
        status = _pytest(state, [f"tests/{level}", "--durations=5", *SIDE_BY_SIDE.get(level, ())])
        times.append((level, time.monotonic() - started, status))
        if status not in (0, 5):
            failed.append(level)
    say("")
    for level, seconds, status in times:
        word = {0: "passed", 5: "no tests"}.get(status, "FAILED")
        say(f"  {'✓' if status in (0, 5) else '✗'} {level:<10} {word:<9} {seconds:6.1f} s")
    if failed:
        raise LocalError(f"Tests failed: {', '.join(failed)}.", fix=f"One level alone: ./rendio test tests/{failed[0]}")
    return 0


def chaos(arguments: Sequence[str]) -> int:
    """Run the experiments of tests/chaos. 0 when every figure is met."""
    return _run([sys.executable, "-m", "tests.chaos", *arguments])


def drill(arguments: Sequence[str]) -> int:
    """Fire every alarm by a real fault (tests/drill). 0 when each was told with its runbook, and cleared."""
    return _run([sys.executable, "-m", "tests.drill", *arguments])


def proof(state: State) -> int:
    """Print the table of plan ids and the tests that prove them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--proof", str(state.proof), "tests"]
    answer = subprocess.run(command, cwd=REPOSITORY, env=_environment(), capture_output=True, text=True, check=False)
    # Before the table pytest lists every test; after a mistake that list says what is wrong.
    before, head, after = answer.stdout.partition("id   system")
    say(f"{head}{after}".rstrip() if answer.returncode == 0 else f"{before}{answer.stderr}")
    return answer.returncode


def tool(module: str, arguments: Sequence[str]) -> int:
    """Run a tool of the reviewers, which know the product, in a process of its own.

    Only one that is told `--aws` gets what this shell has of AWS.
    """
    command = [sys.executable, "-m", module, *arguments]
    if "--aws" in arguments:
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    return _run(command)


def lock() -> int:
    """Compile each lock for every platform and Python at once, with hashes."""
    for source, target, more in LOCKS:
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--python-version", "3.11"]
        status = _run([*command, *more, source, "-o", target])
        if status != 0:
            return status
    return 0


def _pytest(state: State, arguments: list[str]) -> int:
    return _run([sys.executable, "-m", "pytest", "--record-proof", str(state.proof), *arguments])


def _run(command: list[str]) -> int:
    """Run a tool of the virtualenv on this terminal."""
    beside = Path(sys.executable).parent / command[0]
    if beside.exists():
        command = [str(beside), *command[1:]]
    return subprocess.run(command, cwd=REPOSITORY, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    """A shell's environment that names no AWS and no Pulumi."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_", "RENDIO_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**kept, **environment.NO_AWS, "PATH": path}
