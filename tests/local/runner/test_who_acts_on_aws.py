"""Whoever acts on a stack on AWS does so with the shell's own credentials; every other command knows none of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from pytest_httpserver import HTTPServer

from local.cli import app
from local.state import REPOSITORY

KEY = "AKIAWHOEVERRUNSTHIS0"
STRANGER = "000000000042"
IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{STRANGER}:user/someone</Arn><UserId>AIDA</UserId><Account>{STRANGER}</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
ARGUMENTS = {
    "insights": ["failures"],
    "query": ["top-users"],
    "switch": ["stop-submits", "--because", "a test"],
    "restore": ["--user", "00000000-0000-0000-0000-000000000001", "--dry-run"],
}


COMMANDS = typer.main.get_group(app).commands


def on_any_stack() -> list[str]:
    """The commands that take the stack they act on; `matrix` reads its options by itself."""
    found = [name for name, command in COMMANDS.items() if any(option.name == "stack" for option in command.params)]
    assert len(found) > 5, found
    return [*found, "matrix --aws"]


ON_AWS = on_any_stack()


@pytest.fixture
def sts(httpserver: HTTPServer) -> HTTPServer:
    httpserver.expect_request("/", method="POST").respond_with_data(IDENTITY, content_type="text/xml")
    return httpserver


def ask(command: str, sts: HTTPServer, home: Path, *, stack: str, **more: str) -> subprocess.CompletedProcess[str]:
    name = command.split()[0]
    shell = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_STS": sts.url_for("").rstrip("/"),
        **more,
    }
    return subprocess.run(
        [str(REPOSITORY / "rendio"), *command.split(), *ARGUMENTS.get(name, []), "--stack", stack],
        env=shell, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", ON_AWS)
def test_a_stack_on_aws_is_asked_as_whoever_runs_the_command(command: str, sts: HTTPServer, tmp_path: Path) -> None:
    refused = ask(command, sts, tmp_path, stack="dev")

    assert refused.returncode != 0
    assert STRANGER in refused.stdout + refused.stderr, refused.stdout + refused.stderr
    assert sts.log, "AWS was never asked who this is"
    for request, _ in sts.log:
        assert f"Credential={KEY}/" in request.headers["Authorization"]


@pytest.mark.parametrize("command", ON_AWS)
def test_a_profile_that_there_is_not_is_the_persons_to_mend(command: str, sts: HTTPServer, tmp_path: Path) -> None:
    refused = ask(command, sts, tmp_path, stack="dev", AWS_PROFILE="nobody")

    told = refused.stdout + refused.stderr
    assert refused.returncode not in (0, 70), told
    assert "nobody" in told
    assert "open an issue" not in told
    assert not sts.log


@pytest.fixture
def telling(tmp_path: Path) -> Path:
    """The wrapper in a checkout whose Python only tells the environment that it is given."""
    shutil.copy(REPOSITORY / "rendio", tmp_path)
    python = tmp_path / ".rendio/venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexec env\n")
    python.chmod(0o755)
    for folder in (tmp_path, tmp_path / ".rendio/venv"):
        (folder / "requirements-dev.txt").touch()
    return tmp_path / "rendio"


def everything() -> list[str]:
    return [*COMMANDS, "matrix --aws"]


@pytest.mark.parametrize("command", everything())
def test_no_other_command_knows_the_shells_key(command: str, telling: Path) -> None:
    shell = {"PATH": "/usr/bin:/bin", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_PROFILE": KEY, "PULUMI_ACCESS_TOKEN": KEY}
    told = subprocess.run(
        [str(telling), *command.split(), "--stack", "dev"], env=shell, capture_output=True, text=True, check=True
    )

    assert (KEY in told.stdout) == (command in ON_AWS)
