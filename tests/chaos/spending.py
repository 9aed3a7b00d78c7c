"""Many orders at once against few credits: exactly as many succeed as can be paid, and the ledger adds up."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from unittest import mock
from uuid import UUID, uuid4

from lambdas.runtime import clients
from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database
from lambdas.runtime.errors import PaymentRequired
from lambdas.runtime.video_models import MODELS
from lambdas.submit_video.jobs import PostgresJobs
from lambdas.submit_video.requests import VideoRequest
from tests.chaos.record import Figure, Record
from tests.database.scene import Database as Scene
from tests.database.scene import Person, database_in
from tests.lambdas.phones import claims_of, function_database

TITLE = "Spenders order at once from accounts that can pay half of it; no order is paid twice, none for nothing."
SHORT = {"spenders": 20, "spends": 500, "affordable": 250, "users": 5}
LONG = {"spenders": 200, "spends": 10_000, "affordable": 5_000, "users": 5}

_ORDER = VideoRequest.of({"model": "hailuo-02-standard", "prompt": "a canary"}, {})
PRICE = MODELS["hailuo-02-standard"].credits
# A Postgres on a laptop takes some hundred connections; spenders beyond that wait their turn for one.
CONNECTIONS = 40


class _Tokens:
    """In place of boto3's RDS client, whose login tokens this Postgres does not ask for."""

    def generate_db_auth_token(self, **_: object) -> str:
        return "token"


@dataclass(frozen=True)
class Spending:
    """What became of it; `adds_up` says that each user's balance is what it began with and the sum of its ledger."""

    spends: int
    affordable: int
    succeeded: int
    refused: int
    jobs: int
    entries: int
    adds_up: bool
    seconds: float


def run(record: Record, *, spenders: int, spends: int, affordable: int, users: int) -> list[Figure]:
    """One unit of work: a run that was stopped begins anew, with new accounts."""
    if not record.done("spending"):
        shutil.rmtree(record.folder / "state", ignore_errors=True)
        with database_in(record.folder / "state") as scene, mock.patch.object(clients, "rds", _Tokens):
            outcome = spend(scene, spenders=spenders, spends=spends, affordable=affordable, users=users)
        record.note("spending", asdict(outcome))
    return figures(Spending(**record.results["spending"]))


def figures(outcome: Spending) -> list[Figure]:
    return [
        Figure.exactly("orders that succeeded", outcome.succeeded, outcome.affordable),
        Figure.exactly("orders refused for want of credits", outcome.refused, outcome.spends - outcome.affordable),
        Figure.exactly("jobs", outcome.jobs, outcome.affordable),
        Figure.exactly("entries in the ledger", outcome.entries, outcome.affordable),
        Figure.exactly("every balance is what it was and its ledger", outcome.adds_up, wanted=True),
    ]


def spend(scene: Scene, *, spenders: int, spends: int, affordable: int, users: int = 5) -> Spending:
    """Have `spenders` threads order `spends` videos from `users` accounts that together can pay `affordable`."""
    each = affordable // users
    people = [scene.new_person(credits=each * PRICE) for _ in range(users)]
    begun, orders = time.monotonic(), iter(range(spends))
    lock, gate = threading.Lock(), threading.BoundedSemaphore(CONNECTIONS)
    opened: list[Database] = []
    idle: list[PostgresJobs] = []
    counted = {"succeeded": 0, "refused": 0}

    def jobs() -> PostgresJobs:
        with lock:
            if idle:
                return idle.pop()
            database = function_database(scene, "submit_video")
            opened.append(database)
        return PostgresJobs(database)

    def run(_: int) -> None:
        while True:
            with lock:
                number = next(orders, None)
            if number is None:
                return
            with gate:
                mine = jobs()
                outcome = _order(mine, claims_of(people[number % users]))
                with lock:
                    idle.append(mine)
                    counted[outcome] += 1

    with ThreadPoolExecutor(spenders) as pool:
        list(pool.map(run, range(spenders)))
    for database in opened:
        database.close()
    return _audited(scene, people, each * PRICE, spends, each * users, counted, time.monotonic() - begun)


def _order(jobs: PostgresJobs, claims: Claims) -> str:
    try:
        jobs.spend(claims, uuid4(), _ORDER, request_id="")
    except PaymentRequired:
        return "refused"
    return "succeeded"


def _audited(
    scene: Scene,
    people: list[Person],
    had: int,
    spends: int,
    affordable: int,
    counted: dict[str, int],
    seconds: float,
) -> Spending:
    ids: list[UUID] = [person.user_id for person in people]
    with scene.superuser() as connection:
        rows = connection.execute(
            "select u.credits_remaining, (select coalesce(sum(amount), 0) from public.credit_ledger l"
            " where l.user_id = u.id) as ledger, (select count(*) from public.credit_ledger l"
            " where l.user_id = u.id) as entries, (select count(*) from public.video_jobs j"
            " where j.user_id = u.id) as jobs from public.users u where u.id = any(%s)",
            (ids,),
        ).fetchall()
    return Spending(
        spends=spends,
        affordable=affordable,
        succeeded=counted["succeeded"],
        refused=counted["refused"],
        jobs=sum(row["jobs"] for row in rows),
        entries=sum(row["entries"] for row in rows),
        adds_up=all(row["credits_remaining"] == had + row["ledger"] for row in rows),
        seconds=seconds,
    )
