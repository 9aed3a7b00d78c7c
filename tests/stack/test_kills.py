"""`kill -9` of what deploys, at a moment of chance: the next `up` ends well, with nothing twice.

A stack of its own, made from nothing: each of the four is killed once in the same making, and Postgres once more amid
the transaction that applies the access model. The seed is printed;
RENDIO_SEED=n repeats a run.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import psutil
import psycopg
import pytest
from rich.console import Console

from local import processes
from local.cloud import Cloud
from local.errors import LocalError
from local.journey import run
from local.ports import is_free
from local.postgres.server import Server
from local.state import REPOSITORY, State
from tests.stack.deployed import PREFIX, Deployed

FOLDER = REPOSITORY / ".rendio" / "test-kills"
VICTIMS = ("engine", "provider", "ministack", "postgres")
LATEST_SECONDS = 8.0
PATIENCE_SECONDS = 120.0
IN_TRANSACTION = (
    "select 1 from pg_stat_activity where usename = 'rendio_local_database_admin' and backend_xid is not null"
)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud(State(FOLDER))
    made.down(force=True)
    yield made
    made.down(force=True)


def victim(state: State, name: str) -> psutil.Process | None:
    """The process while the engine deploys, None before and after."""
    engine = processes.recall(state, "engine")
    if engine is None or engine.process() is None or not processes.is_running(state, "provider"):
        return None
    if name == "postgres":
        return Server(state).process()
    record = processes.recall(state, name)
    return record.process() if record else None


def begin_up(state: State) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", "up", "--no-journey"],
        cwd=REPOSITORY,
        env={**os.environ, "RENDIO_STATE": str(state.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def up_and_kill(state: State, name: str, delay: float) -> tuple[bool, str]:
    """Run `up` and kill one process `delay` seconds after it is there. Whether it was killed, and what `up` said."""
    up = begin_up(state)
    killed = False
    deadline = time.monotonic() + PATIENCE_SECONDS
    while up.poll() is None and time.monotonic() < deadline and not killed:
        if victim(state, name) is None:
            time.sleep(0.05)
            continue
        time.sleep(delay)
        found = victim(state, name)
        if found is not None:
            found.kill()
            killed = True
    output, _ = up.communicate(timeout=PATIENCE_SECONDS)
    return killed, output


@pytest.mark.plan("M20")
def test_a_killed_making_is_completed_by_the_next_with_nothing_twice(cloud: Cloud) -> None:
    seed = int(os.environ.get("RENDIO_SEED", random.SystemRandom().randrange(10**6)))
    print(f"RENDIO_SEED={seed}")
    chance = random.Random(seed)
    for name in chance.sample(VICTIMS, len(VICTIMS)):
        delay = chance.uniform(0.2, LATEST_SECONDS)
        killed, output = up_and_kill(cloud.state, name, delay)
        print(f"{name} killed after {delay:.1f} s: {killed}")
        assert "Traceback" not in output, output
    up_again(cloud)
    stack = Deployed(cloud)
    with stack.superuser() as connection:
        connection.execute("drop policy images_select_own on public.images")
    killed, output = up_and_kill_in_the_transaction(cloud.state)
    print(f"postgres killed in the transaction of database_admin: {killed}")
    assert killed
    assert "Traceback" not in output, output
    up_again(cloud)
    assert stack.query("select 1 from pg_policies where policyname = 'images_select_own'")
    told = io.StringIO()
    assert run(cloud.outputs(), state=cloud.state, console=Console(file=told, width=140)), told.getvalue()
    assert twice(stack) == []
    assert cloud.up().changed == 0
    ports = cloud.ports
    cloud.down()
    assert left_of(cloud.state, ports) == []


def left_of(state: State, ports: dict[str, int]) -> list[str]:
    """What outlives a `down`: files, processes that name the folder, ports that are taken."""
    found = [str(path) for path in state.root.rglob("*")] if state.root.exists() else []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        found += [f"process {process.pid}"] if any(str(state.root) in word for word in words) else []
    return found + [f"port {port} of {name}" for name, port in ports.items() if not is_free(port)]


def up_and_kill_in_the_transaction(state: State) -> tuple[bool, str]:
    """Run `up` and kill Postgres while `database_admin` has its transaction open."""
    up, server, killed = begin_up(state), Server(state), False
    while up.poll() is None and not killed:
        try:
            with server.connect() as connection:
                while up.poll() is None and not connection.execute(IN_TRANSACTION).fetchone():
                    time.sleep(0.005)
        except psycopg.OperationalError:
            time.sleep(0.05)
            continue
        found = server.process()
        if up.poll() is None and found is not None:
            found.kill()
            killed = True
    output, _ = up.communicate(timeout=PATIENCE_SECONDS)
    return killed, output


def up_again(cloud: Cloud) -> None:
    try:
        cloud.up()
    except LocalError as error:
        raise AssertionError(f"the up after the kills failed: {error}") from error


def twice(stack: Deployed) -> list[str]:
    """What the making left more than once, among the things whose names AWS chooses."""
    ec2, kms, gateway = stack.root("ec2"), stack.root("kms"), stack.root("apigatewayv2")

    def named(found: list[dict[str, object]]) -> list[str]:
        return [tag["Value"] for one in found for tag in one.get("Tags", []) if tag["Key"] == "Name"]  # type: ignore[attr-defined]  # AWS's shape

    aliases = [alias for alias in kms.list_aliases()["Aliases"] if alias["AliasName"].startswith(f"alias/{PREFIX}")]
    living = [
        key["KeyId"]
        for key in kms.list_keys()["Keys"]
        if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"].get("KeyState") == "Enabled"
        and kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"].get("KeyManager") == "CUSTOMER"
    ]
    everything = [
        *named(ec2.describe_vpcs()["Vpcs"]),
        *(f"subnet {name}" for name in named(ec2.describe_subnets()["Subnets"])),
        *(f"gateway {name}" for name in named(ec2.describe_internet_gateways()["InternetGateways"])),
        *(f"api {api['Name']}" for api in gateway.get_apis()["Items"]),
    ]
    more = [name for name, count in Counter(everything).items() if count > 1]
    return more if len(living) == len(aliases) else [*more, f"{len(living)} keys for {len(aliases)} aliases"]
