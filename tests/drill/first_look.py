"""The first look of a runbook, tried while its fault is on: does what it says to run answer on this stack?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.environment import cache_home
from local.state import ACCOUNT, REGION, REPOSITORY
from tests.runbooks import FOLDER
from tests.stack.deployed import Deployed

_SECONDS = 60.0
_AWS = re.compile(r"\baws (?=--profile )")
_PROFILE = re.compile(r"--profile \S+ ")
_BLOCK = re.compile(r"```(sh|sql)\n(.*?)```", re.S)
# Written for production; a laptop's names differ by the stack alone.
_HERE = (("rendio-prod", "rendio-local"), ("rendio/prod", "rendio/local"), ("STACK=prod", "STACK=local"),
         ("Value=prod", "Value=local"), ("Values=prod", "Values=local"), ("222222222222", "000000000000"))  # fmt: skip
NOT_ON_A_LAPTOP = {
    "aws cloudtrail": "the emulator has no CloudTrail",
    "aws rds": "the laptop's Postgres is no instance of the emulator's RDS",
    "aws scheduler get-schedule": "the emulator judges each schedule as one of the group default",
}


@dataclass(frozen=True)
class Looked:
    """What became of one command. `said` is its last line; nothing was tried when `untried` says why."""

    command: str
    passed: bool = True
    seconds: float = 0.0
    said: str = ""
    untried: str = ""


Look = Callable[[str], list[Looked]]


def no_look(_identifier: str) -> list[Looked]:
    """Nobody looks: a drill of the alarms alone."""
    return []


def look(stack: Deployed, identifier: str, *, begins: str = "") -> list[Looked]:
    """Try each command under "First look" of the alarm's runbook that begins so, as the role that its profile names.

    What names no role (`make …`, SQL) is tried as the laptop's administrator, from whom `make` takes the role on.
    """
    keys = stack.cloud.admin_credentials
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        config.write_text(profiles("local", ACCOUNT, REGION), encoding="utf-8")
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(stack.cloud.state.home), "LANG": "C.UTF-8",
            "RENDIO_STATE": str(stack.cloud.state.root), **stack.cloud.environment(),
            "AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_CONFIG_FILE": str(config),
            # The engine is there, and not built anew in another home.
            "XDG_CACHE_HOME": str(cache_home()),
        }  # fmt: skip
        wanted = [(kind, command) for kind, command in commands(identifier) if command.startswith(begins)]
        return [_try(kind, command, environment) for kind, command in wanted]


def profiles(stack: str, account: str, region: str) -> str:
    """The AWS command line's profiles of people on call, as docs/going-to-production.md has them."""
    return "\n".join(
        f"[profile rendio-{stack}-{role}]\nrole_arn = arn:aws:iam::{account}:role/rendio-{stack}-{role}\n"
        f"credential_source = Environment\nregion = {region}\n"
        for role in ("on-call", "operator")
    )


def unanswered(looks: Sequence[Looked]) -> list[str]:
    """What is wrong with a runbook, in words."""
    return [f"the first look failed: {one.command}: {one.said}" for one in looks if not one.passed]


def commands(identifier: str) -> Iterator[tuple[str, str]]:
    """Language and text of each command under "First look", with this stack's names."""
    text = (FOLDER / f"{identifier}.md").read_text(encoding="utf-8")
    part = text.partition("## First look")[2].partition("\n## ")[0]
    for production, here in _HERE:
        part = part.replace(production, here)
    for kind, block in _BLOCK.findall(part):
        pieces = block.split(";") if kind == "sql" else block.splitlines()
        yield from ((kind, " ".join(piece.split())) for piece in pieces if piece.strip())


def _try(kind: str, command: str, environment: Mapping[str, str]) -> Looked:
    program = "psql" if kind == "sql" else command.split()[0]
    reason = next((why for begins, why in NOT_ON_A_LAPTOP.items() if _PROFILE.sub("", command).startswith(begins)), "")
    if not reason and shutil.which(program) is None:
        reason = f"there is no {program} on this machine"
    if reason:
        return Looked(command, untried=reason)
    # Version 1 of the command line knows older addresses of SQS and RDS, and takes no variable's word for these.
    local = _AWS.sub('aws --endpoint-url "$AWS_ENDPOINT_URL" ', command)
    argv = ["psql", "-X", "-q", "-c", command] if kind == "sql" else ["bash", "-o", "pipefail", "-c", local]
    began = time.monotonic()
    try:
        done = subprocess.run(
            argv, cwd=REPOSITORY, env=dict(environment), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        passed, text = done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    except subprocess.TimeoutExpired:
        passed, text = False, f"no answer within {_SECONDS:.0f} s"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return Looked(command, passed, round(time.monotonic() - began, 1), lines[-1][:200] if lines else "")
