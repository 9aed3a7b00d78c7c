"""The provider as a process: its port first, calls side by side, an end when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

from local.state import REPOSITORY
from tests.local.provider.engine import Engine

PARALLEL = 24


def test_it_prints_its_port_and_ends_at_sigterm(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local.provider", "--state", str(tmp_path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            information = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty())
        assert information.version
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_calls_run_side_by_side(engine: Engine) -> None:
    def one(number: int) -> str:
        name = f"/rendio-local/parallel/{number}"
        held = engine.create("aws:cloudwatch/logGroup:LogGroup", f"parallel-{number}", {"name": name})
        engine.delete(held)
        return held.id

    with ThreadPoolExecutor(PARALLEL) as threads:
        assert len(set(threads.map(one, range(PARALLEL)))) == PARALLEL
