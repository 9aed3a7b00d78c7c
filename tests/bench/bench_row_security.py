"""What row-level security costs, and what a bare helper in a policy would cost, at a million rows.

    .rendio/venv/bin/python -m tests.bench.bench_row_security

Both sides of a ratio take turns in one run, on one database, so that a busy machine slows both; each is the median of
its rounds. The policy's query is compared with the same query that says `where` itself, as a role that row-level
security does not hold back.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import LiteralString

from tests.database.scene import Connection, Database, database_in

BOUND = 1.15
USERS, ROWS = 100, 1_000_000
OWNER = "00000000-0000-4000-8000-000000000007"
OWN = "user_id = (select id from public.users where auth_user_id = %(owner)s)"
QUERIES: dict[str, tuple[LiteralString, LiteralString]] = {
    "all own images, counted": (
        "select count(bytes) from public.images",
        f"select count(bytes) from public.images where {OWN}",
    ),
    "the newest 50 own images": (
        "select id, status from public.images order by created_at desc limit 50",
        f"select id, status from public.images where {OWN} order by created_at desc limit 50",
    ),
}
# Of one row by its key there is little to compare: what is told is the time a policy adds to any statement.
OWN_USER: tuple[LiteralString, LiteralString] = (
    "select credits_remaining from public.users",
    "select credits_remaining from public.users where auth_user_id = %(owner)s",
)
Timed = Callable[[], object]


def fill(connection: Connection, rows: int) -> None:
    """USERS users with `rows` images between them, and statistics for the planner."""
    connection.execute(
        "insert into auth.users (id) select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"
        " from generate_series(1, %s) n",
        (USERS,),
    )
    connection.execute("insert into public.users (auth_user_id) select id from auth.users")
    connection.execute(
        "insert into public.images (user_id, status, content_type, bytes, created_at)"
        " select (array(select id from public.users order by auth_user_id))[1 + n %% %s], 'ready', 'image/jpeg', n,"
        " now() - n * interval '1 second' from generate_series(1, %s) n",
        (USERS, rows),
    )
    connection.execute("vacuum analyze public.images")
    connection.execute("vacuum analyze public.users")


def compared(first: Timed, second: Timed, rounds: int) -> tuple[float, float]:
    """Milliseconds of each, as the median of rounds in which they take turns; the first rounds warm caches."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 3):
        for side, action in enumerate((first, second) if turn % 2 else (second, first)):
            began = time.perf_counter()
            action()
            times[side if turn % 2 else 1 - side].append((time.perf_counter() - began) * 1000)
    return statistics.median(times[0][3:]), statistics.median(times[1][3:])


def asked(connection: Connection, query: LiteralString) -> object:
    return connection.execute(query, {"owner": OWNER} if "%(owner)s" in query else None).fetchall()


def policy_against_where(database: Database, rounds: int) -> dict[str, float]:
    """For each query the time under its policy divided by that of an explicit `where`."""
    ratios = {}
    with database.as_user(OWNER) as user, database.superuser() as free:
        for name, (plain, explicit) in QUERIES.items():
            under, beside = compared(partial(asked, user, plain), partial(asked, free, explicit), rounds)
            ratios[name] = under / beside
            print(f"policy / explicit where   {name:<26} {under:9.3f} ms / {beside:9.3f} ms = {ratios[name]:.2f} x")
        under, beside = compared(partial(asked, user, OWN_USER[0]), partial(asked, free, OWN_USER[1]), rounds)
    print(f"a policy adds to a look-up {under - beside:9.3f} ms ({under:.3f} ms for {beside:.3f} ms)")
    return ratios


def bare_against_wrapped(database: Database, rounds: int) -> float:
    """The same scan of every row, with the helper called once a row and once a statement."""
    with database.superuser() as connection:
        # The owner beside the rows and no index on it, as where policies come without one.
        connection.execute("create table public.notes as select auth_user_id as owner, i.bytes from public.images i"
                           " join public.users u on u.id = i.user_id")  # fmt: skip
        connection.execute("alter table public.notes enable row level security")
        connection.execute("vacuum analyze public.notes")
        connection.execute("grant select on public.notes to authenticated")
        connection.execute("create policy own on public.notes for select to authenticated using (owner = auth.uid())")
    times: dict[str, list[float]] = {"auth.uid()": [], "(select auth.uid())": []}
    for _ in range(rounds):
        for helper, found in times.items():
            with database.superuser() as connection:
                connection.execute(f"alter policy own on public.notes using (owner = {helper})".encode())
            with database.as_user(OWNER) as session:
                began = time.perf_counter()
                session.execute("select count(bytes) from public.notes").fetchall()
                found.append((time.perf_counter() - began) * 1000)
    bare, wrapped = (statistics.median(found) for found in times.values())
    said = f"{bare:9.1f} ms / {wrapped:9.1f} ms = {bare / wrapped:.1f} x"
    print(f"bare / wrapped helper     {'a scan of every row':<26} {said}")
    return bare / wrapped


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every query under its policy is within the bound; 1: one is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=41)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rendio-bench-") as folder, database_in(Path(folder) / "state") as database:
        print(f"writing {chosen.rows} images of {USERS} users …", file=sys.stderr)
        with database.superuser() as connection:
            fill(connection, chosen.rows)
        ratios = policy_against_where(database, chosen.rounds)
        bare_against_wrapped(database, max(3, chosen.rounds // 8))
    slow = {name: ratio for name, ratio in ratios.items() if ratio > BOUND}
    over = ", ".join(f"{name} has {ratio:.2f} x" for name, ratio in slow.items())
    print(f"bound {BOUND} x: {over or 'kept'}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
