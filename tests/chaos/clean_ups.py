"""Clean-ups among very many rows, at boundary ages, killed, and while users are at work."""

from __future__ import annotations

import os
import random
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg

from lambdas.clean_identities.logic import remove_closed, unused_accounts
from lambdas.clean_videos.logic import video_clean_up
from lambdas.runtime import clients
from lambdas.runtime.errors import DatabaseUnavailable, UserUnknown
from lambdas.runtime.users import current_user
from tests.chaos.record import Figure, Record
from tests.database.scene import Person
from tests.lambdas.clean_up_world import AGE, NAMES, SESSION, CleanUpWorld, clean_up_world, killed_at
from tests.lambdas.conftest import Tokens
from tests.lambdas.phones import claims_of

TITLE = "Clean-ups of videos and accounts at boundary ages, with kills and users who come back"
SHORT = {"rows": 3_000, "identities": 800, "stored": 800, "kills": 20}
LONG = {"rows": 1_000_000, "identities": 100_000, "stored": 5_000, "kills": 20}
# Around the retention's end: a second and five minutes (the clocks' skew) on either side, and far from it.
_OFFSETS = "(array['1 second', '-1 second', '5 minutes', '-5 minutes', '-20 days', '-40 days', '-60 days', '2 days'])"
_FORWARD = "interval '91 days'"


def run(record: Record, *, rows: int, identities: int, stored: int, kills: int) -> list[Figure]:
    clients.rds = Tokens  # type: ignore[assignment]
    with clean_up_world(record.folder / f"world-{os.getpid()}") as world:
        _fill(world, rows, identities)
        record.progress(1, 4, "rows are made")
        figures = _speed(world, stored)
        record.progress(2, 4, "speed compared")
        figures += _videos(world, kills)
        record.progress(3, 4, "videos cleaned up")
        figures += _accounts(world, kills)
        record.progress(4, 4, "accounts cleaned up")
        return figures


def _fill(world: CleanUpWorld, rows: int, identities: int) -> None:
    """Users of all ages of activity, and videos of all ages among them; the objects of few exist."""
    age = f"now() - {_FORWARD} - ({_OFFSETS}[1 + n %% 8])::interval".replace("%%", "%")
    world.say(
        f"insert into auth.users (id, created_at, last_sign_in_at)"
        f" select md5('i' || n)::uuid, now(), {age} from generate_series(1, {identities}) n"
    )
    world.say(
        f"insert into public.users (id, auth_user_id, last_active_at)"
        f" select md5('u' || n)::uuid, md5('i' || n)::uuid, {age} from generate_series(1, {identities}) n"
    )
    # Half of the users have videos, of which every second is due at some offset; the other half has none under way.
    world.say(
        "insert into public.video_jobs (id, user_id, model, credits, credits_left, request_digest, status, finished_at,"
        " video_url, migration_status, migrated_at, object_key, bytes, sha256)"
        " select md5('j' || n)::uuid, md5('u' || (1 + n % greatest(" + str(identities) + " / 2, 1)))::uuid, 'm', 1, 0,"
        f" '\\x00', 'completed', case when n % 10 = 0 then {age.replace('n % 8', '(n / 10) % 8')} else now() end,"
        " 's3://x', 'migrated', now(), 'videos/' || md5('i' || (1 + n % greatest("
        + str(identities)
        + " / 2, 1)))::uuid"
        " || '/' || md5('j' || n)::uuid || '.mp4', 10, '\\x00'"
        f" from generate_series(1, {rows}) n"
    )
    world.say("analyze")


def _speed(world: CleanUpWorld, objects: int) -> list[Figure]:
    """Objects a second of the clean-up beside bare DeleteObjects, taking turns in one run."""
    owner, bare, cleaned = world.scene.new_person(), [], []
    videos, removal = world.videos()
    batch = min(500, objects // 4)
    for _ in range(max(objects // (4 * batch), 2)):
        jobs = [world.scene.new_job(owner, "migrated") for _ in range(batch)]
        keys = [f"videos/{owner.auth_user_id}/{job}.mp4" for job in jobs]
        extra = [f"videos/{owner.auth_user_id}/bare-{job}.mp4" for job in jobs]
        for key in [*keys, *extra]:
            world.put(NAMES.videos_bucket, key)
            world.put(NAMES.videos_bucket, key.replace("videos/", "thumbnails/").replace(".mp4", ".jpg"))
        names = "array[" + ",".join(f"'{job}'::uuid" for job in jobs) + "]"
        world.say(
            f"update public.video_jobs j set object_key = 'videos/{owner.auth_user_id}/' || j.id || '.mp4', bytes = 10,"
            f" finished_at = now() - interval '400 days' where id = any({names})"
        )
        began = time.perf_counter()
        removal.remove([*extra, *(key.replace("videos/", "thumbnails/").replace(".mp4", ".jpg") for key in extra)])
        bare.append(2 * batch / (time.perf_counter() - began))
        began = time.perf_counter()
        video_clean_up(videos, removal).run(batch=batch, cap=batch, dry_run=False, may_go_on=lambda: True)
        cleaned.append(2 * batch / (time.perf_counter() - began))
    ratio = statistics.median(cleaned) / statistics.median(bare)
    return [
        Figure("objects a second, of bare DeleteObjects", round(ratio, 3), ">= 0.8", ratio >= 0.8),
    ]


def _videos(world: CleanUpWorld, kills: int) -> list[Figure]:
    began = _now(world)

    def clean(batch: int = 500) -> None:
        videos, objects = world.videos()
        video_clean_up(videos, objects).run(batch=batch, cap=10**9, dry_run=False, may_go_on=lambda: True)

    world.storage("clean_videos")
    killed = sum(killed_at(2 * step + step % 2 + 6, partial(clean, 5)) for step in range(kills))
    growth = _memory(clean)
    # Whatever went, by when it went: no clock but the database's decides.
    wrong = world.say(
        "select count(*) as n from public.video_jobs where deleted_because = 'retention'"
        f" and finished_at >= deleted_at - {_FORWARD}"
    )[0]["n"]
    missed = world.say(
        "select count(*) as n from public.video_jobs where deleted_at is null and status = 'completed'"
        f" and finished_at < '{began.isoformat()}'::timestamptz - {_FORWARD}"
    )[0]["n"]
    gone = world.say("select count(*) as n from public.video_jobs where deleted_because = 'retention'")[0]["n"]
    return [
        Figure.exactly("videos deleted wrongly", wrong, 0),
        Figure.exactly("videos due and left", missed, 0),
        Figure("videos deleted", gone, "> 0", gone > 0),
        Figure.exactly("kills of the clean-up of videos", killed, kills),
        Figure.at_most("memory gained over the run, MB", growth, 8),
    ]


def _accounts(world: CleanUpWorld, kills: int) -> list[Figure]:
    began = _now(world)
    due = [
        Person(row["auth_user_id"], row["id"])
        for row in world.say(
            f"select id, auth_user_id from public.users where last_active_at < now() - {_FORWARD} - interval '1 day'"
            " order by md5(id::text) limit 400"
        )
    ]

    def clean(batch: int = 500, cap: int = 10**9) -> None:
        accounts, _ = world.accounts()
        unused_accounts(accounts).run(batch=batch, cap=cap, dry_run=False, may_go_on=lambda: True)

    def remove(batch: int = 50) -> None:
        accounts, objects = world.accounts()
        remove_closed(accounts, objects, batch=batch, cap=200, may_go_on=lambda: True)

    world.storage("clean_identities")
    killed = sum(killed_at(2 * step + step % 2 + 6, partial(clean, 5)) for step in range(kills // 2))
    clean(cap=50)
    killed += sum(killed_at(3 * step + 5, partial(remove, 2)) for step in range(kills - kills // 2))
    with _users_at_work(world, due) as (stayed, waits):
        clean()
    remove()
    back = {str(user) for user in stayed}
    closed = {str(row["id"]) for row in world.say("select id from public.users where deleted_at is not null")}
    wrong = world.say(
        "select count(*) as n from public.users where deleted_at is not null"
        f" and last_active_at >= deleted_at - {_FORWARD}"
    )[0]["n"]
    missed = world.say(
        "select count(*) as n from public.users u where deleted_at is null"
        f" and last_active_at < '{began.isoformat()}'::timestamptz - {_FORWARD}"
        " and exists (select from auth.users a where a.id = u.auth_user_id"
        f" and a.last_sign_in_at < '{began.isoformat()}'::timestamptz - {_FORWARD})"
    )[0]["n"]
    lonely = world.say(
        "select count(*) as n from auth.users a where not exists"
        " (select from public.users u where u.auth_user_id = a.id)"
    )[0]["n"]
    p99 = 1000 * sorted(waits)[int(len(waits) * 0.99)] if waits else -1.0
    return [
        Figure.exactly("accounts closed wrongly", wrong, 0),
        Figure.exactly("users who came back and were closed", len(back & closed), 0),
        Figure("users who came back", len(back), "> 0", len(back) > 0),
        Figure.exactly("accounts due and left", missed, 0),
        Figure.exactly("identities without a user", lonely, 0),
        Figure.exactly("kills of the clean-up of accounts", killed, kills),
        Figure("waits of users for a row, p99, ms", round(p99, 1), "< 50", 0 <= p99 < 50),
    ]


@contextmanager
def _users_at_work(world: CleanUpWorld, people: list[Person]) -> Iterator[tuple[list[UUID], list[float]]]:
    """Unused users come back meanwhile; who was answered, and how long each statement waited for its row."""
    stayed: list[UUID] = []
    waits: list[float] = []
    over = threading.Event()

    def work(part: list[Person]) -> None:
        database = world.database("me")
        for person in part:
            if over.is_set():
                break
            try:
                with database.user_transaction(claims_of(person)) as cursor:
                    began = time.perf_counter()
                    current_user(cursor)
                    waits.append(time.perf_counter() - began)
                stayed.append(person.user_id)
            except UserUnknown:
                waits.append(time.perf_counter() - began)
            except (DatabaseUnavailable, psycopg.Error):
                continue
            time.sleep(random.uniform(0, 0.01))  # users come when they come

    threads = [threading.Thread(target=work, args=(people[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield stayed, waits
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _memory(work: Callable[[], object]) -> float:
    """MB by which a copy of this process grows while it works, beyond its first quarter of a second."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = [0]
        timer = threading.Timer(0.25, lambda: before.__setitem__(0, _peak()))
        timer.start()
        work()
        timer.join()
        os.write(writing, str(max(_peak() - before[0], 0) / 1024).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        grown = float(told.read() or "nan")
    os.waitpid(child, 0)
    return round(grown, 1)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _now(world: CleanUpWorld) -> datetime:
    moment: datetime = world.say("select now() as now")[0]["now"]
    return moment


assert timedelta(days=91) == AGE > SESSION
