"""Which fault fires which alarm, and what may be tried at the same time as what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

from infra.alarm_catalogue import catalogue
from infra.alarm_model import Alarm
from infra.alarms import watched
from infra.names import Names
from tests.drill import faults_hands as hands
from tests.drill import faults_machines as machines
from tests.drill import faults_phones as phones
from tests.drill import faults_videos as videos
from tests.drill.scene import Scene
from tests.infra.resource_tree import stack_config

Make = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A way to fire all alarms of an id.

    Attributes:
        words: what is broken, for a table.
        synthetic: told to CloudWatch and not made; only for what AWS alone reports.
        unreached: instances of the alarm that it does not fire, with the reason.
    """

    make: Make
    words: str
    synthetic: bool = False
    unreached: tuple[tuple[str, str], ...] = ()


@cache
def alarms() -> dict[str, list[Alarm]]:
    """The local stack's alarms by id."""
    config = stack_config("local")
    found: dict[str, list[Alarm]] = {}
    for alarm in catalogue(watched(Names.of(config), config)):
        found.setdefault(alarm.id, []).append(alarm)
    return found


def _real(make: Make, *unreached: tuple[str, str]) -> Fault:
    return Fault(make, (make.__doc__ or "").strip(), unreached=unreached)


REAL = {
    "DATABASE-DOWN": _real(machines.database_stopped),
    "API-ERRORS-FAST": _real(phones.apple_is_away),
    "API-ERRORS-SLOW": _real(phones.some_calls_fail),
    "API-LATENCY-FAST": _real(phones.generator_stalls),
    "API-LATENCY-SLOW": _real(phones.generator_is_slow),
    "CHECK-IN-FAILING": _real(phones.wrong_apple_key),
    "SESSIONS-NOT-OPENED": _real(phones.signing_key_disabled),
    "GENERATOR-REFUSES-US": _real(videos.account_is_empty),
    "GENERATIONS-FAILING": _real(videos.generator_refuses),
    "GENERATIONS-FAILING-SLOW": _real(videos.generator_refuses),
    "MIGRATION-STALLED": _real(videos.a_video_waits),
    "VIDEO-ADDRESSES-EXPIRING": _real(videos.an_address_ends),
    "VIDEO-MIGRATIONS-FAILED": _real(videos.downloads_are_no_videos),
    "STORAGE-FULL": _real(hands.budget_used),
    "STORAGE-FILLING": _real(hands.budget_nearly_used),
    "LEDGER-IMBALANCE": _real(hands.credits_by_hand),
    "SIGN-UP-SPIKE": _real(phones.many_sign_ups),
    "GENERATOR-SPEND": _real(videos.many_orders),
    "ACCESS-DRIFT": _real(hands.grant_by_hand),
    "ACCESS-MODEL-UNPLANNED": _real(hands.unplanned_change),
    "SCHEDULE-DID-NOT-RUN": _real(machines.schedules_disabled),
    "DEAD-LETTERS": _real(
        machines.poisoned_messages,
        ("schedules-dlq", "the laptop's scheduler starts every run, and drops none"),
    ),
    "QUEUE-AGE": _real(videos.nobody_takes_messages),
    "FUNCTIONS-FAILING": _real(machines.a_setting_is_lost),
}


def faults() -> dict[str, Fault]:
    """The fault of each alarm's id: a real one, but for what AWS alone reports."""
    found = dict(REAL)
    for identifier, alike in alarms().items():
        if identifier not in REAL:
            words = f"{alike[0].metrics()[0].namespace} {alike[0].metrics()[0].name} is reported past the threshold"
            found[identifier] = Fault(machines.synthetic(alike), words, synthetic=True)
    return found


def expected(identifier: str, fault: Fault) -> list[Alarm]:
    """The alarms of this id that the fault fires."""
    unreached = {instance for instance, _ in fault.unreached}
    return [alarm for alarm in alarms()[identifier] if alarm.instance not in unreached]


# Stages come one after another; DATABASE-DOWN after all of them (one_cause.py). The lanes of a stage run at once and
# keep out of each other's way; the faults of a lane use the same things (Apple, the generator, the queue), and come one
# after another.
STAGES: tuple[tuple[tuple[str, ...], ...], ...] = (
    (
        ("SIGN-UP-SPIKE", "CHECK-IN-FAILING", "SESSIONS-NOT-OPENED", "API-ERRORS-FAST", "API-ERRORS-SLOW"),
        ("SCHEDULE-DID-NOT-RUN",),
        ("DATABASE-CPU",),
        ("DATABASE-STORAGE",),
        ("DATABASE-MEMORY",),
        ("DATABASE-TRANSACTION-AGE", "DATABASE-CONNECTIONS"),
        ("FUNCTIONS-THROTTLED", "NAT-PORTS", "SCHEDULES-DROPPED"),
        ("FUNCTION-NEAR-TIMEOUT",),
    ),
    (
        ("API-LATENCY-FAST", "API-LATENCY-SLOW", "GENERATIONS-FAILING", "GENERATIONS-FAILING-SLOW",
         "GENERATOR-REFUSES-US", "FUNCTIONS-FAILING"),
        (
            "GENERATOR-SPEND", "VIDEO-MIGRATIONS-FAILED", "QUEUE-AGE", "MIGRATION-STALLED", "VIDEO-ADDRESSES-EXPIRING",
            "DEAD-LETTERS",
        ),
        ("LEDGER-IMBALANCE", "ACCESS-DRIFT", "ACCESS-MODEL-UNPLANNED", "STORAGE-FILLING", "STORAGE-FULL"),
    ),
)  # fmt: skip
