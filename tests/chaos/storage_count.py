"""The storage count against the bucket: many writers, killed at random, and drift that is put in."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import signal
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from lambdas.runtime import clients
from tests.chaos.record import Figure, Record
from tests.database.scene import Person
from tests.lambdas.clean_up_world import NAMES, CleanUpWorld, clean_up_world
from tests.lambdas.conftest import Tokens
from tests.lambdas.storage_writer import BUCKET, FUNCTIONS, Writer, settle

TITLE = "The storage count after random writes, deletes and SIGKILLs, and after drift that was put in"
SHORT = {"operations": 320, "writers": 8, "kills": 40, "seed": 1}
LONG = {"operations": 10_000, "writers": 32, "kills": 500, "seed": 1}
_CELL = struct.Struct("q")
_LOOK_SECONDS = 0.02
# The last operations are left to writers that end.
_KILLED_UNTIL = 0.9


@dataclass
class Outcome:
    """What was seen. Amounts are in bytes and objects; `wrong_checks` are moments at which the count was not what rows
    say; `left` is what kills had left in the bucket or in rows before the functions went on."""

    ended: int = 0
    killed: int = 0
    seconds: float = 0.0
    checks: int = 0
    wrong_checks: int = 0
    left: tuple[int, int] = (0, 0)
    settled: int = 0
    stored: tuple[int, int] = (0, 0)
    pending_deltas: int = 0
    wrong_pending: tuple[int, int] = (0, 0)
    wrong_rolled_up: tuple[int, int] = (0, 0)
    put_in: tuple[int, int] = (0, 0)
    found: tuple[int, int] = (0, 0)
    wrong_mended: tuple[int, int] = (0, 0)
    found_again: tuple[int, int] = (0, 0)


def run(record: Record, *, operations: int, writers: int, kills: int, seed: int) -> list[Figure]:
    """One unit of work: a run that was stopped begins anew."""
    clients.rds = Tokens  # type: ignore[assignment]  # this Postgres asks for no login tokens
    if not record.done("count"):
        folder = record.folder / f"world-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        with clean_up_world(folder) as world:
            outcome = _tried(record, world, operations, writers, kills, random.Random(seed))
        record.note("count", asdict(outcome))
    return _figures(record.results["count"], operations, kills)


def _figures(seen: dict[str, object], operations: int, kills: int) -> list[Figure]:
    nothing = [0, 0]
    amounts = {name: list(value) for name, value in seen.items() if isinstance(value, (list, tuple))}
    return [
        Figure.exactly("operations ended", seen["ended"], operations),
        Figure.exactly("SIGKILLs", seen["killed"], kills),
        Figure("looks at count and rows while writing", seen["checks"], "> 0", bool(seen["checks"])),
        Figure.exactly("of these, count and rows differed", seen["wrong_checks"], 0),
        Figure("bucket less count after the last kill", amounts["left"], "whatever", met=True),
        Figure("things the functions then made good", seen["settled"], "whatever", met=True),
        Figure("bytes and objects in the bucket", amounts["stored"], "> 0", amounts["stored"] > nothing),
        Figure("of its deltas, not rolled up yet", seen["pending_deltas"], "whatever", met=True),
        Figure.exactly("bucket less (totals and deltas)", amounts["wrong_pending"], nothing),
        Figure.exactly("bucket less totals, rolled up", amounts["wrong_rolled_up"], nothing),
        Figure.exactly("drift found, of that put in", amounts["found"], amounts["put_in"]),
        Figure.exactly("bucket less count, mended", amounts["wrong_mended"], nothing),
        Figure.exactly("drift found again", amounts["found_again"], nothing),
    ]


def _tried(
    record: Record, world: CleanUpWorld, operations: int, writers: int, kills: int, chance: random.Random
) -> Outcome:
    owners = [world.scene.new_person() for _ in range(writers)]
    for function in FUNCTIONS:
        world.storage(function)
    seen, began = Outcome(), time.monotonic()
    shares = [operations // writers + (number < operations % writers) for number in range(writers)]
    with _crew(world, owners, shares) as crew:
        # After how many operations each kill is due; those that miss, since one had just ended, are made up for.
        due = sorted((chance.uniform(0, _KILLED_UNTIL * operations) for _ in range(kills)), reverse=True)
        while crew.begin_missing():
            ended = sum(crew.ended)
            while due and ended >= due[-1] and crew.processes:
                if crew.kill(chance):
                    seen.killed += 1
                    due.pop()
            seen.checks += 1
            seen.wrong_checks += _differ(world)
            record.progress(ended, operations, f"{seen.killed} SIGKILLs")
            time.sleep(_LOOK_SECONDS)
        seen.ended = sum(crew.ended)
    seen.seconds = time.monotonic() - began
    seen.left = _wrong(world)
    seen.settled = settle(world, owners)
    _judge(world, owners, seen)
    return seen


def _judge(world: CleanUpWorld, owners: list[Person], seen: Outcome) -> None:
    seen.stored = _pair(world.in_bucket())
    seen.pending_deltas = int(world.say("select count(*) as n from rendio.storage_deltas")[0]["n"])
    seen.wrong_pending = _wrong(world)
    world.monitor("videos")[0].roll_up()
    seen.wrong_rolled_up = _wrong(world)
    seen.put_in = _drift(world, owners)
    seen.found = _pair(world.reconcile())
    seen.wrong_mended = _wrong(world)
    seen.found_again = _pair(world.reconcile())


def _drift(world: CleanUpWorld, owners: list[Person]) -> tuple[int, int]:
    """Lose an object, let one grow, put a stray one in, and falsify the totals; by how much the count is wrong then."""
    rows = world.say("select object_key, bytes from public.video_jobs where object_key is not null order by id limit 2")
    lost, grown = rows
    world.s3.delete_object(Bucket=BUCKET, Key=lost["object_key"])
    world.put(NAMES.videos_bucket, grown["object_key"], size=grown["bytes"] + 60)
    stray = f"videos/{owners[0].auth_user_id}/00000000-0000-4000-8000-000000000000.mp4"
    world.put(NAMES.videos_bucket, stray, size=1000)
    world.say("update rendio.storage_totals set bytes = bytes + 5, objects = objects - 1 where bucket = 'videos'")
    return 60 + 1000 - lost["bytes"] - 5, 1


def _wrong(world: CleanUpWorld) -> tuple[int, int]:
    """Bucket less count."""
    return _pair(world.in_bucket() - world.count())


def _pair(amount: object) -> tuple[int, int]:
    return amount.bytes, amount.objects  # type: ignore[attr-defined]


def _differ(world: CleanUpWorld) -> bool:
    """Whether count and rows differ, both seen as of one moment."""
    row = world.say(
        "select t.bytes + coalesce((select sum(bytes) from rendio.storage_deltas where bucket = 'videos'), 0)"
        " = coalesce((select sum(stored_bytes) from public.video_jobs), 0)"
        " and t.objects + coalesce((select sum(objects) from rendio.storage_deltas where bucket = 'videos'), 0)"
        " = coalesce((select sum(stored_objects) from public.video_jobs), 0) as same"
        " from rendio.storage_totals t where bucket = 'videos'"
    )[0]
    return not row["same"]


@dataclass
class Crew:
    """A process a writer, each with its share of operations; how many it ended is in memory that all of them see."""

    work: Callable[[int, int, Callable[[], None]], None]
    shares: list[int]
    cells: mmap.mmap
    processes: dict[int, int] = field(default_factory=dict)

    @property
    def ended(self) -> list[int]:
        return [_CELL.unpack_from(self.cells, _CELL.size * number)[0] for number in range(len(self.shares))]

    def begin_missing(self) -> bool:
        """Begin a process for each writer that has none and has work left; False when all is done."""
        self._reap()
        busy = set(self.processes.values())
        for number, ended in enumerate(self.ended):
            if number not in busy and ended < self.shares[number]:
                self._begin(number, ended)
        return bool(self.processes)

    def kill(self, chance: random.Random) -> int:
        """SIGKILL one at random; 0 when it had just ended."""
        process = chance.choice(sorted(self.processes))
        os.kill(process, signal.SIGKILL)  # not reaped yet, so that it is still ours
        _, status = os.waitpid(process, 0)
        number = self.processes.pop(process)
        _checked(status, number)
        return int(os.WIFSIGNALED(status))

    def _begin(self, number: int, ended: int) -> None:
        child = os.fork()
        if child:
            self.processes[child] = number
            return
        done = [ended]

        def one_more() -> None:
            done[0] += 1
            _CELL.pack_into(self.cells, _CELL.size * number, done[0])

        status = 1
        try:
            self.work(number, ended, one_more)
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _reap(self) -> None:
        for process, number in list(self.processes.items()):
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                del self.processes[process]
                _checked(status, number)


def _checked(status: int, number: int) -> None:
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise AssertionError(f"writer {number} failed; its error is above")


@contextmanager
def _crew(world: CleanUpWorld, owners: list[Person], shares: list[int]) -> Iterator[Crew]:
    """Writers at work; all are gone at the end, however it comes."""

    def work(number: int, ended: int, one_more: Callable[[], None]) -> None:
        writer = Writer(world, owners[number])
        writer.go_on()
        for operation in range(ended, shares[number]):
            writer.operate(operation)
            one_more()

    crew = Crew(work, shares, mmap.mmap(-1, _CELL.size * len(shares)))
    try:
        yield crew
    finally:
        for process in crew.processes:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
