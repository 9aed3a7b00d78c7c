"""Named questions of people on call: each is answered, none changes anything, none shows what opens a door."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import boto3
import psycopg
import pytest

from lambdas.ask_database import adapters, handler
from lambdas.ask_database.adapters import PostgresRows, Settings, TookTooLong
from lambdas.ask_database.logic import MAXIMUM_ROWS, QUESTIONS, Asked, answer, catalogue
from lambdas.ask_database.question import Question
from lambdas.runtime.callers import HEADER, CallerUnknown, caller_of
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.errors import InvalidRequest
from local import people
from tests.database.scene import Database as Scene
from tests.database.scene import Person

KEPT = Settings(90, 90, 30, 90, 24, 30)
CONTEXT = SimpleNamespace(function_name="rendio-local-ask-database", aws_request_id="r")


@pytest.fixture
def rows(scene: Scene) -> PostgresRows:
    login = DatabaseSettings(str(scene.server.sockets), 5432, "rendio", "rendio_local_ask_database", "disable")
    return PostgresRows(Database(login), KEPT)


def asked(rows: PostgresRows, name: str, **parameters: object) -> list[dict[str, Any]]:
    found = answer(Asked.parse({"name": name, "parameters": {k: str(v) for k, v in parameters.items()}}), rows)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


@pytest.mark.plan("M16")
@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_is_answered_with_the_logins_rights_alone(rows: PostgresRows, name: str) -> None:
    given = {"id": uuid.uuid4()} if "id" in QUESTIONS[name].parameters else {}
    assert answer(Asked.parse({"name": name, "parameters": given}), rows)["more"] is False


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=lambda question: question.name)
def test_a_question_takes_values_alone_and_is_bounded(question: Question) -> None:
    assert question.sql.lstrip().startswith("select ")
    assert question.sql.endswith(" limit %(rows)s")
    assert ";" not in question.sql
    bound = set(re.findall(r"%\((\w+)\)s", question.sql))
    assert bound <= {*question.parameters, *vars(KEPT), "rows"}
    assert set(question.parameters) <= bound


def test_a_user_is_found_by_either_id_with_jobs_and_credits(rows: PostgresRows, scene: Scene) -> None:
    alice, bob = scene.new_person(credits=3), scene.new_person(credits=7)
    job, other = scene.new_job(alice, "pending"), scene.new_job(bob, "migrated")
    scene.new_device(alice)
    for identifier in (alice.user_id, alice.auth_user_id):
        (user,) = asked(rows, "user", id=identifier)
        assert (user["id"], user["credits_remaining"], user["jobs"]) == (str(alice.user_id), 3, 1)
        assert [row["id"] for row in asked(rows, "jobs", id=identifier)] == [str(job)]
    assert asked(rows, "job", id=other)[0]["plays"] == "from own storage"
    assert str(job) in {row["id"] for row in asked(rows, "pending-migrations")}


def test_credits_without_an_entry_are_found(rows: PostgresRows, scene: Scene) -> None:
    wrong, right = scene.new_person(credits=5), scene.new_person(credits=5)
    with scene.superuser() as connection:
        connection.execute(
            "insert into public.credit_ledger (user_id, amount, reason) values (%s, 5, 'purchase')", (right.user_id,)
        )
    found = {row["id"] for row in asked(rows, "ledger-imbalance")}
    assert str(wrong.user_id) in found
    assert str(right.user_id) not in found
    assert [row["balance"] for row in asked(rows, "ledger", id=right.user_id)] == [5]


def test_top_users_are_those_with_most_in_storage(rows: PostgresRows, scene: Scene) -> None:
    small, large = scene.new_person(), scene.new_person()
    for person, size in ((small, 10**10), (large, 10**12)):
        job = scene.new_job(person, "migrated")
        with scene.superuser() as connection:
            connection.execute("update public.video_jobs set bytes = %s where id = %s", (size, job))
    first, second = asked(rows, "top-users")[:2]
    assert (first["user_id"], first["bytes"]) == (str(large.user_id), 10**12)
    assert second["user_id"] == str(small.user_id)


def test_who_waits_for_whom_is_told(rows: PostgresRows, scene: Scene, alice: Person) -> None:
    with scene.connect("rendio_local_device_check") as holder, scene.connect("rendio_local_device_check") as waiter:
        change = "update public.users set updated_at = now() where id = %s"
        holder.execute("begin")
        holder.execute(change, (alice.user_id,))
        waiter.execute("begin")
        waiter.pgconn.send_query_params(change.replace("%s", "$1").encode(), [str(alice.user_id).encode()])
        until = datetime.now(UTC) + timedelta(seconds=10)
        while not (found := asked(rows, "locks")) and datetime.now(UTC) < until:
            pass
        assert found[0]["for_pid"] == holder.info.backend_pid
        assert found[0]["waits"] == "rendio_local_device_check"
        holder.execute("rollback")
        while waiter.pgconn.get_result() is not None:
            pass


@pytest.mark.plan("X1")
@pytest.mark.parametrize(
    "statement",
    [
        "update public.users set blocked_at = null",
        "delete from public.video_jobs",
        "insert into public.credit_ledger (user_id, amount, reason) values (gen_random_uuid(), 1, 'purchase')",
        "truncate public.devices",
        "create table public.mine (x int)",
        "select device_hash from public.devices",
        "select video_url from public.video_jobs",
        "select settings from public.video_jobs",
        "select object_key from public.images",
        "select * from auth.users",
        "set role authenticated",
        "set role rendio_local_database_admin",
        "copy public.users to program 'true'",
    ],
)
def test_the_login_writes_nothing_and_sees_nothing_that_opens_a_door(scene: Scene, statement: str) -> None:
    with scene.connect("rendio_local_ask_database") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_what_the_login_may_read_it_reads(scene: Scene, alice: Person) -> None:
    with scene.connect("rendio_local_ask_database") as connection:
        assert connection.execute("select id from public.users where id = %s", (alice.user_id,)).fetchone()


def test_a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered(
    rows: PostgresRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "STATEMENT_SECONDS", 0.05)
    unreachable: list[str] = []
    monkeypatch.setattr("lambdas.runtime.database.count_for_stack", unreachable.append)
    slow = Question("slow", "", "select pg_catalog.pg_sleep(5) limit %(rows)s")
    with pytest.raises(TookTooLong):
        rows.ask(slow, {}, limit=1)
    assert unreachable == [], "a slow question is no absent database"
    monkeypatch.setattr(adapters, "STATEMENT_SECONDS", 5)
    assert asked(rows, "storage")


def test_rows_are_bounded_and_the_rest_is_told_of() -> None:
    class Many:
        def ask(self, _question: Question, _values: object, *, limit: int) -> tuple[list[str], list[list[Any]]]:
            moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
            values: list[Any] = [moment, Decimal(3), UUID(int=0), timedelta(hours=1), *([1] * (limit - 4))]
            return ["a"], [[value] for value in values]

    found = answer(Asked.parse({"name": "storage"}), Many())
    assert len(found["rows"]) == MAXIMUM_ROWS
    assert found["more"] is True
    assert [row[0] for row in found["rows"][:4]] == [
        "2026-01-02 03:04:05+00:00", 3, "00000000-0000-0000-0000-000000000000", "1:00:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"name": "none"}, "There is no query none. There are: user"),
        ({"name": "job"}, "job wants id"),
        ({"name": "job", "parameters": {"id": "1; drop table x"}}, "id is not as it should be"),
        ({"name": "job", "parameters": {"id": str(uuid.uuid4()), "sql": "x"}}, "knows no parameter sql"),
        ({"name": "sign-ups", "parameters": {"hours": "0"}}, "hours is not as it should be"),
        ({"name": "sign-ups", "parameters": {"hours": "99999"}}, "hours is not as it should be"),
        ({"name": "storage", "parameters": []}, None),
        ({"name": "storage", "parameters": [1]}, "parameters is an object"),
    ],
)
def test_what_cannot_be_asked_is_said(event: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert Asked.parse(event).values == {}
        return
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        Asked.parse(event)


def test_the_catalogue_names_every_question_with_its_parameters() -> None:
    found = {each["name"]: each for each in catalogue()}
    assert set(found) == set(QUESTIONS)
    assert "id" in found["ledger"]["parameters"]


# --- who asks

PLACE = "https://sts.us-east-1.amazonaws.com"
ASKED = f"Action=GetCallerIdentity&X-Amz-SignedHeaders=host%3B{HEADER}"
SIGNED = f"X-Amz-SignedHeaders=host%3B{HEADER}&X-Amz-Date=<0>"


def dated(proof: str) -> str:
    """`proof` with the time so many seconds from now in the place of each `<seconds>`."""

    def written(seconds: re.Match[str]) -> str:
        return f"{datetime.now(UTC) + timedelta(seconds=int(seconds[1])):%Y%m%dT%H%M%SZ}"

    return re.sub(r"<(-?\d+)>", written, proof)


@pytest.mark.plan("X1")
@pytest.mark.parametrize(
    "proof",
    [
        None,
        "",
        7,
        "arn:aws:iam::000000000000:user/boss",
        f"https://sts.evil.example/?Action=GetCallerIdentity&{SIGNED}",
        f"https://sts.us-east-1.amazonaws.com@evil.example/?Action=GetCallerIdentity&{SIGNED}",
        f"http://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&{SIGNED}",
        f"{PLACE}/other?Action=GetCallerIdentity&{SIGNED}",
        f"{PLACE}/?Action=AssumeRole&{SIGNED}",
        f"{PLACE}/?Action=GetCallerIdentity&Action=AssumeRole&{SIGNED}",
        f"{PLACE}/?Action=GetCallerIdentity&X-Amz-SignedHeaders=host&X-Amz-Date=<0>",
        f"{PLACE}/?Action=GetCallerIdentity&X-Amz-Date=<0>",
        f"{PLACE}/?{ASKED}",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<-180>",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<-180>&X-Amz-Expires=900",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<180>",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<3600>",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<0>&X-Amz-Date=<0>",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<0>&X-Amz-Date=<-180>",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<0>&x-amz-date=<-180>",
        f"{PLACE}/?{ASKED}&X-Amz-Date=&X-Amz-Date=<0>",
        f"{PLACE}/?{ASKED}&X-Amz-Date=",
        f"{PLACE}/?{ASKED}&X-Amz-Date=now",
        f"{PLACE}/?{ASKED}&X-Amz-Date=20261399T999999Z",
        f"{PLACE}/?{ASKED}&X-Amz-Date=<0>0",
        f"{PLACE}/?{ASKED}&x-amz-date=<0>",
    ],
)
def test_what_is_no_proof_is_sent_nowhere(proof: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr("urllib3.PoolManager.request", lambda *_, **__: pytest.fail("it was sent"))
    with pytest.raises(CallerUnknown):
        caller_of(dated(proof) if isinstance(proof, str) else proof, CONTEXT)


@pytest.mark.plan("X1")
@pytest.mark.parametrize("seconds", [0, -60, 45, -110])
def test_a_fresh_proof_is_sent_with_the_functions_own_name(seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    arn = "arn:aws:sts::000000000000:assumed-role/rendio-local-on-call/ada"
    sent: list[Any] = []

    def request(_pool: object, method: str, url: str, **given: Any) -> SimpleNamespace:
        sent.append((method, url, given["headers"], given["redirect"]))
        return SimpleNamespace(status=200, data=f"<Arn>{arn}</Arn>".encode())

    monkeypatch.setattr("urllib3.PoolManager.request", request)
    proof = dated(f"{PLACE}/?{ASKED}&X-Amz-Date=<{seconds}>")
    assert caller_of(proof, CONTEXT) == arn
    assert sent == [("GET", proof, {HEADER: "rendio-local-ask-database"}, False)]


def test_what_the_command_signs_is_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session("AKIAEXAMPLE", "secret", "token", region_name="us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    sts = session.client("sts", endpoint_url=PLACE)
    monkeypatch.setattr(people.Person, "client", lambda _person, _service: sts)
    answered = SimpleNamespace(status=200, data=b"<Arn>arn:aws:sts::000000000000:assumed-role/a/ada</Arn>")
    monkeypatch.setattr("urllib3.PoolManager.request", lambda *_, **__: answered)
    proof = people.Person("local", "on-call", session.client)._proof(CONTEXT.function_name)
    assert caller_of(proof, CONTEXT).endswith("/ada")


def test_who_is_not_proven_is_answered_nothing_and_fails_no_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert "not proven" in handler.handler({"name": "storage"}, CONTEXT)["error"]
