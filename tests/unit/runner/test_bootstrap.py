"""The shell script keeps the virtualenv in step with the locks and hands over with nothing of the shell's AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.state import REPOSITORY

# In place of a virtualenv's interpreter: tells how it was called and with what.
INTERPRETER = """#!/bin/sh
case "$1" in
  -c) exit 0 ;;
  -m) [ "$2" = local ] && { shift 2; echo "arguments: $*"; env; } ;;
esac
exit 0
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose virtualenv is current; its path has a space, as people's folders do."""
    root = tmp_path / "a clone"
    venv = root / ".rendio" / "venv"
    (venv / "bin").mkdir(parents=True)
    shutil.copy(REPOSITORY / "rendio", root / "rendio")
    for lock in ("requirements.txt", "requirements-dev.txt"):
        (root / lock).write_text("uv==1 \\\n    --hash=sha256:0\nother==2 \\\n    --hash=sha256:1\n")
        (venv / lock).write_text((root / lock).read_text())
    (venv / "bin" / "python").write_text(INTERPRETER)
    (venv / "bin" / "python").chmod(0o755)
    return root


def run(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "HOME": str(clone), **environment}
    return subprocess.run([str(clone / "rendio"), *arguments], env=given, capture_output=True, text=True, check=False)


def test_arguments_reach_the_runner_as_they_are(clone: Path) -> None:
    assert "arguments: pulumi preview -s local" in run(clone, "pulumi", "preview", "-s", "local").stdout


def test_nothing_of_the_shells_aws_and_pulumi_reaches_the_runner(clone: Path) -> None:
    canaries = {
        "AWS_ACCESS_KEY_ID": "canary", "AWS_PROFILE": "canary", "AWS_ENDPOINT_URL_S3": "http://canary.example",
        "PULUMI_ACCESS_TOKEN": "canary", "PULUMI_DEBUG_PROVIDERS": "canary", "PYTHONPATH": "canary",
    }  # fmt: skip
    answer = run(clone, "up", **canaries, EDITOR="kept")
    assert "canary" not in answer.stdout
    assert "AWS_EC2_METADATA_DISABLED=true" in answer.stdout
    assert "AWS_CONFIG_FILE=/dev/null" in answer.stdout
    assert "EDITOR=kept" in answer.stdout


def test_a_current_virtualenv_is_left_alone(clone: Path) -> None:
    assert "installing" not in run(clone, "up").stderr


@pytest.mark.parametrize(("command", "lock"), [("up", "requirements.txt"), ("test", "requirements-dev.txt")])
def test_a_changed_lock_is_installed_before_anything_runs(clone: Path, command: str, lock: str) -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        (clone / name).write_text((clone / name).read_text() + "# changed\n")
    answer = run(clone, command)
    # The interpreter in place has no uv, so the installation fails: said with reason and log, nothing handed over.
    assert answer.returncode == 1
    assert f"installing {lock}" in answer.stderr
    assert "do    " in answer.stderr
    assert "install.log" in answer.stderr
    assert "arguments" not in answer.stdout


def test_the_development_lock_serves_every_command(clone: Path) -> None:
    (clone / ".rendio" / "venv" / "requirements.txt").unlink()
    assert "arguments: up" in run(clone, "up").stdout


def test_uv_alone_is_installed_by_pip_with_its_hashes(clone: Path) -> None:
    (clone / "requirements.txt").write_text((clone / "requirements.txt").read_text() + "# changed\n")
    (clone / ".rendio" / "venv" / "requirements-dev.txt").unlink()
    run(clone, "up")
    wanted = (clone / ".rendio" / "venv" / "uv.txt").read_text()
    assert wanted == "uv==1 \\\n    --hash=sha256:0\n"


def test_it_is_a_posix_script() -> None:
    subprocess.run(["/bin/sh", "-n", str(REPOSITORY / "rendio")], check=True)
    text = (REPOSITORY / "rendio").read_text()
    assert text.startswith("#!/bin/sh\n")
    for word in ("[[ ", "function ", "local ", "readlink -f", "sed -i", "\\|", "pipefail", "realpath"):
        assert not [
            line for line in text.splitlines() if word in line and not line.startswith("#") and "-m local" not in line
        ]
