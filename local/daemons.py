"""The programs that make up the laptop cloud, and how to tell that each serves."""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

from local import environment
from local.lambda_python import LambdaPython
from local.pace import REAL_TIME, Pace
from local.processes import Daemon
from local.state import REGION, REPOSITORY, State

LOCAL = REPOSITORY / "local"
PORTS_OF = {
    "ministack": ("ministack",),
    "postgres-front": ("postgres",),
    "standins": ("apple", "fal", "fal_cdn", "pager"),
}
NAMES = tuple(PORTS_OF)


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def all_of(state: State, ports: Mapping[str, int], python: LambdaPython, *, pace: Pace = REAL_TIME) -> list[Daemon]:
    """The daemons in the order in which they start; `pace` is the emulator's clock for alarms and schedules."""
    aws = ports["ministack"]
    return [
        Daemon(
            "ministack",
            (sys.executable, "-m", "local.ministack"),
            {
                **environment.daemon(state, **{f"MS_PY_{python.runtime.replace('.', '_')}": str(python.binary)}),
                "GATEWAY_PORT": str(aws),
                "BIND_HOST": "127.0.0.1",
                "AUTH": "true",
                "MINISTACK_REGION": REGION,
                "PERSIST_STATE": "1",
                "S3_PERSIST": "1",
                "STATE_DIR": str(state.ministack / "state"),
                "S3_DATA_DIR": str(state.ministack / "s3"),
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
                **pace.environment(),
            },
            ready=lambda: answers(f"{url(aws)}/_ministack/health"),
            sources=(LOCAL / "ministack", LOCAL / "pace.py"),
        ),
        Daemon(
            "postgres-front",
            (
                sys.executable, "-m", "local.postgres.front",
                "--state", str(state.root), "--port", str(ports["postgres"]), "--ministack", url(aws),
            ),
            environment.daemon(state),
            ready=lambda: listens(ports["postgres"]),
            sources=(LOCAL / "postgres",),
        ),
        Daemon(
            "standins",
            (
                sys.executable, "-m", "local.standins", "--state", str(state.root),
                *(word for name in PORTS_OF["standins"] for word in (_flag(name), str(ports[name]))),
            ),
            environment.daemon(state),
            ready=lambda: all(listens(ports[name]) for name in PORTS_OF["standins"]),
            sources=(LOCAL / "standins",),
        ),
    ]  # fmt: skip


def _flag(port: str) -> str:
    """The argument that names a stand-in's port: `fal_cdn` has `--fal-cdn-port`."""
    return f"--{port.replace('_', '-')}-port"


def listens(port: int) -> bool:
    """True when something accepts connections on the loopback port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def answers(address: str) -> bool:
    """True when the address answers 200, asked directly whatever proxy the shell names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
