"""Logins through the front, as RDS decides them: tokens for members of rds_iam, passwords for the others."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from pytest_httpserver import HTTPServer

from local.postgres import instance
from local.postgres.server import SUPERUSER, Server
from local.state import State
from tests.local.postgres.doors import Judge, RunningFront

MASTER, PASSWORD = "the_master", "a-made-up-password"
TOKEN = "127.0.0.1:port/?Action=connect&DBUser=by_token&X-Amz-Signature=made-up"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    state = State(tmp_path_factory.mktemp("front") / "state")
    state.create()
    try:
        instance.create(
            state, identifier="rendio-test", master_username=MASTER, master_password=PASSWORD, database="rendio"
        )
        made = Server(state)
        with made.connect() as connection:
            connection.execute("create role by_token login in role rds_iam")
            connection.execute("create role a_group in role rds_iam")
            connection.execute("create role indirectly login in role a_group")
            connection.execute("create role by_password login password 'their-password'")
            connection.execute("create role no_login password 'their-password'")
            connection.execute("create role other_super superuser login password 'their-password'")
        yield made
    finally:
        instance.delete(state)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(lambda token, user: token == TOKEN and user == "by_token")


@pytest.fixture(scope="module")
def doors(server: Server, judge: Judge) -> Iterator[RunningFront]:
    iam = HTTPServer(host="127.0.0.1")
    iam.expect_request("/_rendio/rds-connect", method="POST").respond_with_handler(judge)
    iam.start()
    running = RunningFront(server, iam.url_for(""))
    yield running
    running.end()
    iam.stop()


def refusal(doors: RunningFront, user: str, password: str) -> str:
    with pytest.raises(psycopg.OperationalError) as caught:
        doors.connect(user, password)
    return str(caught.value)


def test_a_token_opens_exactly_its_users_door(doors: RunningFront, judge: Judge) -> None:
    with doors.connect("by_token", TOKEN) as connection:
        assert connection.execute("select current_user, session_user").fetchone() == ("by_token", "by_token")
    asked = judge.asked[-1]
    assert asked["token"] == TOKEN
    assert {**asked, "token": ""} == {
        "token": "",
        "hostname": "127.0.0.1",
        "port": doors.port,
        "user": "by_token",
        "region": "us-east-1",
        "account_id": "000000000000",
    }


def test_another_users_token_is_refused(doors: RunningFront) -> None:
    assert 'PAM authentication failed for user "indirectly"' in refusal(doors, "indirectly", TOKEN)
    doors.connect("by_token", TOKEN).close()


def test_a_member_of_rds_iam_has_no_password_door(doors: RunningFront, server: Server) -> None:
    """Even an indirect member, and even with the right password."""
    with server.connect() as connection:
        connection.execute("alter role by_token password 'their-password'")
        connection.execute("alter role indirectly password 'their-password'")
    for user in ("by_token", "indirectly"):
        assert f'PAM authentication failed for user "{user}"' in refusal(doors, user, "their-password")
    doors.connect("by_password", "their-password").close()


def test_a_password_opens_the_door_of_who_is_no_member(doors: RunningFront) -> None:
    with doors.connect("by_password", "their-password") as connection:
        assert connection.execute("select current_user").fetchone() == ("by_password",)
    assert 'password authentication failed for user "by_password"' in refusal(doors, "by_password", "another")
    assert 'password authentication failed for user "by_password"' in refusal(doors, "by_password", TOKEN)


def test_who_does_not_exist_looks_like_a_wrong_password(doors: RunningFront) -> None:
    assert 'password authentication failed for user "nobody_here"' in refusal(doors, "nobody_here", "their-password")


def test_a_role_that_may_not_log_in_does_not(doors: RunningFront) -> None:
    assert "is not permitted to log in" in refusal(doors, "no_login", "their-password")


@pytest.mark.parametrize("user", [SUPERUSER, "other_super"])
def test_superusers_do_not_log_in_here(doors: RunningFront, user: str) -> None:
    assert "no pg_hba.conf entry" in refusal(doors, user, "their-password")


def test_the_master_logs_in_by_password_until_it_holds_rds_iam(doors: RunningFront, server: Server) -> None:
    """It may hand rds_iam out from the start, through rds_superuser, which does not make it a member."""
    with doors.connect(MASTER, PASSWORD) as connection:
        connection.execute("create role made_by_master login")
        doors.connect(MASTER, PASSWORD).close()
        connection.execute("grant rds_iam to current_user")
    assert "PAM authentication failed" in refusal(doors, MASTER, PASSWORD)
    with server.connect() as connection:
        connection.execute(f"revoke rds_iam from {MASTER} granted by rds_superuser")
    doors.connect(MASTER, PASSWORD).close()


def test_creating_a_member_makes_its_creator_one(doors: RunningFront, server: Server) -> None:
    """As on RDS from Postgres 16 on: a creator is a member of what it creates, with ADMIN alone."""
    with doors.connect(MASTER, PASSWORD) as connection:
        connection.execute("create role a_function login")
        doors.connect(MASTER, PASSWORD).close()
        connection.execute("grant rds_iam to a_function")
    assert "PAM authentication failed" in refusal(doors, MASTER, PASSWORD)
    with server.connect() as connection:
        connection.execute("drop role a_function")
    doors.connect(MASTER, PASSWORD).close()


def test_the_sqlstate_is_that_of_rds(doors: RunningFront) -> None:
    """libpq keeps it from the caller of a failed login, so it is read from the wire."""
    parameters = b"user\0by_token\0database\0rendio\0\0"
    with socket.create_connection(("127.0.0.1", doors.port), timeout=10) as client:
        client.sendall(struct.pack("!ii", 8, 80877103))
        assert client.recv(1) == b"N"
        client.sendall(struct.pack("!ii", len(parameters) + 8, 3 << 16) + parameters)
        assert client.recv(9) == b"R" + struct.pack("!ii", 8, 3)
        client.sendall(b"p" + struct.pack("!i", 9) + b"abcd\0")
        answer = client.recv(4096)
    assert answer[:1] == b"E"
    assert b"C28000\0" in answer
    assert b"SFATAL\0" in answer


def test_a_query_can_be_cancelled(doors: RunningFront) -> None:
    with doors.connect("by_password", "their-password") as connection:
        timer = threading.Timer(0.3, connection.cancel_safe)
        timer.start()
        began = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(20)")
        assert time.monotonic() - began < 10
        timer.join()


def test_large_results_and_writes_pass_whole(doors: RunningFront) -> None:
    text = "x" * 8_000_000
    with doors.connect("by_password", "their-password") as connection:
        row = connection.execute("select length(%s), repeat('y', 8000000)", (text,)).fetchone()
    assert row is not None
    assert (row[0], len(row[1])) == (8_000_000, 8_000_000)


def test_many_clients_at_once(doors: RunningFront) -> None:
    def one(_: int) -> int:
        with doors.connect("by_token", TOKEN) as connection:
            row = connection.execute("select 1").fetchone()
            return int(row[0]) if row else 0

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(one, range(60))) == 60


def test_it_survives_the_death_of_postgres(doors: RunningFront, server: Server) -> None:
    session = doors.connect("by_password", "their-password")
    process = server.process()
    assert process is not None
    process.kill()
    process.wait(10)
    with pytest.raises(psycopg.OperationalError):
        session.execute("select 1")
    assert "the database system is not running" in refusal(doors, "by_password", "their-password")
    with server.alone():
        server.start()
    with doors.connect("by_password", "their-password") as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_neither_passwords_nor_tokens_are_logged(
    doors: RunningFront, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    refusal(doors, "by_password", "canary-password")
    refusal(doors, "indirectly", "canary-token")
    with doors.connect("by_password", "their-password") as connection:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("select canary_column from pg_class where relname = 'canary-literal'")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("select %s::uuid", ("canary-parameter",))
    printed = capfd.readouterr().err
    assert "refused by_password: wrong password" in printed
    assert "canary" not in printed
    assert "canary" not in server.log.read_text()


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0", b"\0\0\0\x08\0\x09\0\0"])
def test_other_protocols_are_turned_away(doors: RunningFront, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", doors.port), timeout=10) as client:
        client.sendall(first)
        assert client.recv(4096)[:1] == b"E"
        assert client.recv(1) == b""
