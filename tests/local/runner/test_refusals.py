"""Local and cloud never cross: run by hand, in the wrong shell, a stack refuses before anything is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local import engine, stack_config
from local.engine import Engine
from local.environment import aws_client_settings, shell_exports
from local.state import REPOSITORY


@pytest.fixture(scope="module")
def pulumi() -> Engine:
    return engine.find()


class Desk:
    """A person's shell in a checkout, with a plain `pulumi` and a state file of their own."""

    def __init__(self, folder: Path, pulumi: Engine) -> None:
        self.folder = folder
        self._path = ":".join([str(Path(sys.executable).parent), *map(str, pulumi.folders), "/usr/bin", "/bin"])
        committed = stack_config.read(REPOSITORY / "Pulumi.yaml")
        # The program by its whole path: `stack init` writes into the folder it runs in.
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump(stack_config.project(committed)))
        for name in ("local", "prod"):
            shutil.copy(REPOSITORY / f"Pulumi.{name}.yaml", folder)
            self.sh(f"pulumi stack init {name}")

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": self._path,
            "HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": self.folder.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # A person has the real provider; here the program must refuse before it is asked for.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        return subprocess.run(
            ["/bin/sh", "-c", script], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def resources(self, stack: str) -> list[str]:
        exported = json.loads(self.sh(f"pulumi stack export -s {stack}").stdout)
        found = (exported["deployment"] or {}).get("resources") or []
        return [entry["type"] for entry in found if entry["type"] != "pulumi:pulumi:Stack"]


@pytest.fixture
def desk(tmp_path: Path, pulumi: Engine) -> Desk:
    return Desk(tmp_path, pulumi)


@pytest.mark.parametrize("command", ["preview", "up --yes --skip-preview"])
def test_the_local_stack_outside_the_wrapper_refuses(desk: Desk, command: str) -> None:
    answer = desk.sh(f"pulumi {command} -s local --non-interactive")
    said = answer.stdout + answer.stderr
    assert answer.returncode != 0
    assert "PULUMI_DEBUG_PROVIDERS" in said
    assert "./rendio pulumi" in said
    assert desk.resources("local") == []


def test_prod_in_a_shell_with_the_local_clouds_variables_refuses(desk: Desk) -> None:
    exports = shell_exports(aws_client_settings("http://127.0.0.1:4566", "key", "secret"))
    answer = desk.sh(f"{exports}\npulumi up -s prod --yes --skip-preview --non-interactive")
    said = answer.stdout + answer.stderr
    assert answer.returncode != 0
    assert "AWS_ENDPOINT_URL" in said
    assert desk.resources("prod") == []


def test_prod_with_an_attached_provider_refuses(desk: Desk) -> None:
    answer = desk.sh("export PULUMI_DEBUG_PROVIDERS=aws:1\npulumi up -s prod --yes --skip-preview --non-interactive")
    assert answer.returncode != 0
    assert "PULUMI_DEBUG_PROVIDERS" in answer.stdout + answer.stderr
    assert desk.resources("prod") == []
