"""The laptop cloud starts clean, beside another, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import daemons, ports, processes
from local.accounts import Keys
from local.cloud import Cloud
from local.errors import LocalError
from local.state import State

CANARY = "AKIACANARY0000000000"
SHELL = {
    "AWS_ACCESS_KEY_ID": CANARY,
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "AWS_PROFILE": CANARY,
    "AWS_ENDPOINT_URL_S3": f"https://{CANARY}.example",
    "PULUMI_ACCESS_TOKEN": CANARY,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose cloud is stopped at the end, in a shell that is full of AWS."""
    found = tmp_path_factory.mktemp("cloud")
    profile = found / "home" / ".aws"
    profile.mkdir(parents=True)
    for name in ("config", "credentials"):
        (profile / name).write_text(f"[{CANARY}]\naws_access_key_id = {CANARY}\naws_secret_access_key = {CANARY}\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SHELL.items():
            patch.setenv(name, value)
        yield found / "state"
    Cloud(State(found / "state")).stop()


@pytest.fixture
def cloud(folder: Path) -> Cloud:
    """A started cloud; what a test before stopped or killed is back."""
    started = Cloud(State(folder))
    started.start()
    return started


def running(cloud: Cloud) -> list[psutil.Process]:
    """Every process of this machine that knows the cloud's state folder, the test's own left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("RENDIO_STATE") == str(cloud.state.root):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_no_process_sees_the_shells_credentials_and_each_listens_on_loopback_only(cloud: Cloud) -> None:
    seen = running(cloud)
    assert len(seen) >= len(daemons.NAMES)
    for process in seen:
        environment = process.environ()
        assert CANARY not in "".join(environment.values()), process.cmdline()
        assert environment["HOME"] == str(cloud.state.home)
        addresses = [one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
        assert set(addresses) <= {"127.0.0.1", "::1"}, process.cmdline()


def test_a_second_start_starts_nothing(cloud: Cloud) -> None:
    before = processes.remembered(cloud.state)
    cloud.start()
    assert processes.remembered(cloud.state) == before


@pytest.mark.parametrize("name", daemons.NAMES)
def test_a_killed_program_is_back_after_the_next_start(cloud: Cloud, name: str) -> None:
    record = processes.recall(cloud.state, name)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(record.pid)] if psutil.pid_exists(record.pid) else [], timeout=5)
    cloud.start()
    assert all(processes.is_running(cloud.state, each) for each in daemons.NAMES)
    keys = cloud.deployer_credentials
    assert keys.client("sts", cloud.url).get_caller_identity()["Arn"].endswith("user/rendio-deployer")


def test_deployer_and_auditor_are_users_with_their_own_rights(cloud: Cloud) -> None:
    def arn(keys: Keys) -> str:
        return str(keys.client("sts", cloud.url).get_caller_identity()["Arn"])

    assert arn(cloud.deployer_credentials).endswith(":user/rendio-deployer")
    assert arn(cloud.auditor_credentials).endswith(":user/rendio-auditor")
    # The twin first: the deployer makes what the auditor may see and not touch.
    cloud.deployer_credentials.client("s3", cloud.url).create_bucket(Bucket="rendio-local-images-000000000000")
    auditor = cloud.auditor_credentials.client("s3", cloud.url)
    assert [bucket["Name"] for bucket in auditor.list_buckets()["Buckets"]] == ["rendio-local-images-000000000000"]
    with pytest.raises(auditor.exceptions.ClientError, match="AccessDenied"):
        auditor.delete_bucket(Bucket="rendio-local-images-000000000000")


def test_two_clouds_run_side_by_side_and_one_stops_alone(cloud: Cloud, tmp_path: Path) -> None:
    other = Cloud(State(tmp_path / "another"))
    other.start()
    try:
        assert not set(cloud.ports.values()) & set(other.ports.values())
        cloud.stop()
        assert running(cloud) == []
        assert daemons.answers(f"{other.url}/_ministack/health")
    finally:
        other.down()
    assert running(other) == []


def test_down_leaves_no_process_no_port_and_no_folder(cloud: Cloud) -> None:
    used = cloud.ports
    assert running(cloud)
    cloud.down()
    assert running(cloud) == []
    assert all(ports.is_free(port) for port in used.values())
    assert not cloud.state.root.exists()


def test_one_command_at_a_time(cloud: Cloud) -> None:
    other = Cloud(cloud.state)
    with cloud._alone(), pytest.raises(LocalError, match="Another command"):
        other.start()


def test_what_was_never_started_says_so(tmp_path: Path) -> None:
    nothing = Cloud(State(tmp_path / "nothing"))
    for use in (lambda: nothing.url, lambda: nothing.auditor_credentials, nothing.outputs):
        with pytest.raises(LocalError, match="make up"):
            use()
    nothing.down()
    assert not nothing.state.root.exists()


def test_daemons_whose_folder_was_deleted_under_them_are_ended_by_the_next_start(cloud: Cloud) -> None:
    before = running(cloud)
    shutil.rmtree(cloud.state.root)
    Cloud(cloud.state).start()
    assert not [process for process in before if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert {record.name for record in processes.remembered(cloud.state)} == set(daemons.NAMES)


def test_a_process_that_only_knows_the_folder_is_no_daemon_of_it(cloud: Cloud) -> None:
    """Such as the shell of somebody who exported RENDIO_STATE."""
    environment = {**os.environ, "RENDIO_STATE": str(cloud.state.root)}
    shell = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=environment)
    try:
        cloud.start()
        cloud.stop()
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()
