"""One process serves them on their ports and ends at once when told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from local.standins import keys
from local.state import REPOSITORY, State


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_four_ports_and_ends_when_told(state: State, number: signal.Signals) -> None:
    ports = free_ports(4)
    named = zip(("apple", "fal", "pager", "fal-cdn"), ports, strict=True)
    words = [word for name, port in named for word in (f"--{name}-port", str(port))]
    process = subprocess.Popen(
        [sys.executable, "-m", "local.standins", "--state", str(state.root), *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        paths = ("/_control/requests", "/.well-known/jwks.json", "/calls")
        deadline = time.monotonic() + 20
        for port, path in zip(ports, paths, strict=False):
            assert answers(f"http://127.0.0.1:{port}{path}", deadline)
        with socket.create_connection(("127.0.0.1", ports[3])):
            # A connection that waits for ever keeps nobody.
            process.send_signal(number)
            assert process.wait(5) == 0
    finally:
        process.kill()
        output, _ = process.communicate()
    assert b"Traceback" not in output


def answers(url: str, deadline: float) -> bool:
    while time.monotonic() < deadline:
        try:
            return httpx.get(url, trust_env=False).status_code == 200
        except httpx.ConnectError:
            time.sleep(0.05)
    return False


def test_keys_are_made_once_and_readable_by_the_owner_alone(state: State) -> None:
    first, again = keys.apple(state), keys.apple(State(state.root))
    assert (first.key_id, first.private_pem) == (again.key_id, again.private_pem)
    assert (state.root / "standins" / "keys.json").stat().st_mode & 0o077 == 0
    assert first.private_pem not in repr(first)


def test_call_backs_name_the_account_that_the_stacks_config_names(state: State) -> None:
    assert keys.fal_user_id(state) == keys.FAL_USER_ID
    state.root.mkdir(parents=True)
    state.config.write_text("config:\n  rendio:generator:\n    webhook_user_id: somebody\n")
    assert keys.fal_user_id(state) == "somebody"
