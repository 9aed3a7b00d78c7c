"""The instance: made once, whatever is killed meanwhile, and gone without a trace."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.errors import LocalError
from local.postgres import instance
from local.postgres.instance import Instance
from local.postgres.server import Server
from local.state import REPOSITORY, State, write_json

MASTER = "the_master"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / "state")
    made.create()
    yield made
    instance.delete(made)


def create(state: State, **changes: str) -> Instance:
    wanted = {"identifier": "db", "master_username": MASTER, "master_password": "pw", "database": "rendio", **changes}
    return instance.create(state, **wanted)


def segments() -> set[str]:
    """Ids of the shared memory segments of this machine."""
    listed = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout
    return {line.split()[1] for line in listed.splitlines() if line.startswith("0x")}


def test_it_has_the_roles_and_rules_of_rds(state: State) -> None:
    create(state)
    with Server(state).connect("rendio") as connection:
        rows = connection.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcanlogin from pg_roles where rolname !~ '^pg_'"
        ).fetchall()
        owner = connection.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = 'rendio'"
        ).fetchone()
    assert {row[0]: row[1:] for row in rows} == {
        "rdsadmin": (True, True, True, True),
        "rds_iam": (False, False, False, False),
        "rds_password": (False, False, False, False),
        "rds_replication": (False, False, False, False),
        "rds_superuser": (False, False, False, False),
        MASTER: (False, False, True, True),
    }
    assert owner == (MASTER,)


@pytest.mark.parametrize(
    ("statement", "may"),
    [
        ("create role x bypassrls", False),
        ("create role x superuser", False),
        ("create role x replication", False),
        ("set role rdsadmin", False),
        ("create role x login in role rds_iam", True),
        ("create schema x", True),
        ("create database x", True),
    ],
)
def test_what_the_master_may(state_of_master: str, statement: str, may: bool) -> None:
    with psycopg.connect(state_of_master, autocommit=True) as connection:
        if may:
            connection.execute(statement.encode())
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


@pytest.fixture(scope="module")
def state_of_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = State(tmp_path_factory.mktemp("rules") / "state")
    made.create()
    try:
        create(made)
        yield f"host={Server(made).sockets} user={MASTER} dbname=rendio"
    finally:
        instance.delete(made)


def test_making_it_again_keeps_its_data_and_sets_the_password(state: State) -> None:
    first = create(state)
    with Server(state).connect("rendio") as connection:
        connection.execute("create table kept (id int)")
        before = connection.execute("select rolpassword from pg_authid where rolname = %s", (MASTER,)).fetchone()
    assert create(state, master_password="another") == first == instance.describe(state)
    with Server(state).connect("rendio") as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
        after = connection.execute("select rolpassword from pg_authid where rolname = %s", (MASTER,)).fetchone()
    assert before != after
    assert after is not None
    assert str(after[0]).startswith("SCRAM-SHA-256$")


def test_a_second_instance_is_refused(state: State) -> None:
    create(state)
    with pytest.raises(LocalError, match="already has the database instance 'db'"):
        create(state, identifier="other")


def test_its_endpoint_is_the_fronts(state: State) -> None:
    assert instance.describe(state) is None
    write_json(state.ports, {"postgres": 20123})
    made = create(state)
    assert (made.host, made.port, made.identifier, made.database) == ("127.0.0.1", 20123, "db", "rendio")
    assert made.engine_version.startswith("18.")


def test_stopping_and_starting_keep_the_data(state: State) -> None:
    assert instance.ensure_running(state) is False
    create(state)
    instance.stop(state)
    instance.stop(state)
    assert not instance.is_running(state)
    assert instance.ensure_running(state) is True
    assert instance.ensure_running(state) is True
    assert instance.is_running(state)


def test_after_a_kill_it_starts_again_with_what_was_committed(state: State) -> None:
    create(state)
    server = Server(state)
    with server.connect("rendio") as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as id")
        process = server.process()
        assert process is not None
        process.kill()
    assert instance.ensure_running(state)
    with server.connect("rendio") as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)


def test_a_process_id_that_belongs_to_somebody_else_by_now_stops_nothing(state: State) -> None:
    create(state)
    server = Server(state)
    process = server.process()
    assert process is not None
    process.kill()
    process.wait(10)
    with subprocess.Popen(["sleep", "60"]) as other:
        file = server.data / "postmaster.pid"
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert not instance.is_running(state)
        assert instance.ensure_running(state)
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.4, 0.6])
def test_a_creation_that_is_killed_is_completed_by_the_next(state: State, delay: float) -> None:
    code = (
        "import sys; from pathlib import Path; from local.state import State; from local.postgres import instance;"
        f"instance.create(State(Path(sys.argv[1])), identifier='db', master_username={MASTER!r},"
        " master_password='pw', database='rendio')"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(state.root)], cwd=REPOSITORY) as creating:
        threading.Timer(delay, creating.kill).start()
        creating.wait(60)
    process = Server(state).process()
    if process is not None:
        process.kill()
    create(state)
    with Server(state).connect("rendio") as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_nothing_is_left_of_a_deleted_instance_even_after_a_kill(state: State) -> None:
    create(state)
    server = Server(state)
    segment = (server.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
    assert segment in segments()
    process = server.process()
    assert process is not None
    process.kill()
    process.wait(10)
    instance.delete(state)
    instance.delete(state)
    assert segment not in segments()
    assert {path.name for path in state.postgres.iterdir()} <= {"lock"}
    assert not server.sockets.exists()
    assert instance.describe(state) is None


def test_a_long_path_gets_its_sockets_elsewhere(tmp_path: Path) -> None:
    deep = State(tmp_path / ("d" * 90) / "state")
    deep.create()
    try:
        create(deep)
        sockets = Server(deep).sockets
        assert not sockets.is_relative_to(deep.root)
        assert sockets.stat().st_mode & 0o077 == 0
    finally:
        instance.delete(deep)
    assert not sockets.exists()
