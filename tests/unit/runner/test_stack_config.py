"""The effective config is the committed one but for this machine's ports, keys, runtime and wheels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from local.errors import LocalError
from local.stack_config import Endpoints, Machine, effective, project, read, write_config, write_project
from local.state import REPOSITORY, State

COMMITTED: dict[str, Any] = {
    "config": {
        "aws:region": "us-east-1",
        "aws:endpoints": [{"s3": "http://127.0.0.1:4566", "iam": "http://127.0.0.1:4566"}],
        "rendio:device_check": {"apple_url": "http://127.0.0.1:4570", "team_id": "ABCDE12345"},
        "rendio:functions": {"runtime": "python3.13", "architecture": "arm64", "wheels": "x", "log_days": 7},
        "rendio:generator": {"queue_url": "http://127.0.0.1:4571", "webhook_user_id": "someone", "result_days": 7},
        "rendio:network": {"cidr": "10.0.0.0/16"},
    }
}
MACHINE = Machine("python3.12", "x86_64", "x86_64-unknown-linux-gnu")


ENDPOINTS = Endpoints(*(f"http://127.0.0.1:{port}" for port in (1111, 2222, 3333, 4444)))


def config(**more: Any) -> dict[str, Any]:
    return effective(COMMITTED, endpoints=ENDPOINTS, machine=MACHINE, access_key="AK", previous=more)


def test_endpoints_apple_and_runtime_are_this_machines() -> None:
    values = config()["config"]
    assert values["aws:endpoints"] == [{"s3": "http://127.0.0.1:1111", "iam": "http://127.0.0.1:1111"}]
    assert values["aws:accessKey"] == "AK"
    assert values["rendio:device_check"] == {"apple_url": "http://127.0.0.1:2222", "team_id": "ABCDE12345"}
    assert values["rendio:functions"] == {
        "runtime": "python3.12", "architecture": "x86_64", "wheels": "x86_64-unknown-linux-gnu", "log_days": 7,
    }  # fmt: skip


def test_the_generator_is_the_stand_in_and_its_videos_come_from_the_cdn_alone() -> None:
    assert config()["config"]["rendio:generator"] == {
        "queue_url": "http://127.0.0.1:3333",
        "storage_url": "http://127.0.0.1:3333",
        "jwks_url": "http://127.0.0.1:3333/.well-known/jwks.json",
        "video_origins": ["http://127.0.0.1:4444"],
        "webhook_user_id": "someone",
        "result_days": 7,
    }


def test_everything_else_stays_as_committed() -> None:
    values = config()["config"]
    assert values["rendio:network"] == COMMITTED["config"]["rendio:network"]
    assert values["aws:region"] == "us-east-1"
    assert COMMITTED["config"]["rendio:functions"]["runtime"] == "python3.13"


def test_the_salt_and_the_encrypted_key_of_the_run_before_are_kept() -> None:
    previous = {"encryptionsalt": "v1:x", "config": {"aws:secretKey": {"secure": "v1:y"}}}
    content = config(**previous)
    assert content["encryptionsalt"] == "v1:x"
    assert content["config"]["aws:secretKey"] == {"secure": "v1:y"}


def test_a_key_that_is_not_encrypted_is_not_kept() -> None:
    assert "aws:secretKey" not in config(config={"aws:secretKey": "plain"})["config"]


def test_the_engine_sees_the_same_project_with_the_program_by_its_whole_path(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    committed = {"name": "rendioai", "main": "infra/", "runtime": {"name": "python", "options": {"virtualenv": ".v"}}}
    assert project(committed, repository=tmp_path) == {
        "name": "rendioai", "runtime": "python", "main": f"{tmp_path / 'infra'}/",
    }  # fmt: skip


def test_the_committed_project_is_never_written_to(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "Pulumi.yaml").write_text("name: rendioai\nruntime: python\nmain: infra/\n")
    before = (repository / "Pulumi.yaml").read_bytes()
    state = State(tmp_path / "state")
    state.create()
    assert write_project(state, repository=repository) == "rendioai"
    assert (repository / "Pulumi.yaml").read_bytes() == before
    assert yaml.safe_load(state.project.read_text())["name"] == "rendioai"


def test_a_file_that_is_no_map_is_named(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text("- a\n")
    with pytest.raises(LocalError, match=r"Pulumi\.local\.yaml"):
        read(tmp_path / "Pulumi.local.yaml")


def test_changes_stand_beside_what_is_committed_in_their_section(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.create()
    changes = {"rendio:storage": {"budget_gb": 7}}
    write_config(state, endpoints=ENDPOINTS, machine=MACHINE, access_key="AK", changes=changes)
    committed = read(REPOSITORY / "Pulumi.local.yaml")["config"]["rendio:storage"]
    assert read(state.config)["config"]["rendio:storage"] == {**committed, "budget_gb": 7}
