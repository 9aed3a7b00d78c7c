"""Every alarm there is: what it means, when it fires and why at that number (docs/adr/0072-alarms.md).

The objective behind the API's alarms: 99.5 % of calls in 30 days end with no error of ours. An alarm that pages is one
that somebody must act on now, and its runbook says how.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.alarm_catalogue_aws import of_aws
from infra.alarm_model import (
    DAY,
    HOUR,
    MINUTE,
    Alarm,
    Generated,
    Math,
    Metric,
    Severity,
    Window,
    own,
    quiet,
    silent,
    uncounted,
)

PAGE, NOTIFY = Severity.PAGE, Severity.NOTIFY
NO_TRAFFIC = quiet("no calls, no errors; a night without users is no fault")
EVENTS_ONLY = uncounted("it is counted only when it happens")
HALF_HOUR = 30 * MINUTE
DATABASE_DOWN = "DATABASE-DOWN"
GENERATOR_REFUSES_US = "GENERATOR-REFUSES-US"
DEAREST_CREDITS = 24  # of a video, most


@dataclass(frozen=True)
class Watched:
    """What differs from stack to stack: functions with their time limits in seconds, schedules with their rates."""

    functions: dict[str, int]
    schedules: dict[str, tuple[str, str]]
    """By the schedule's name: the service whose ScheduleRan tells of it, and the rate."""
    queues: tuple[str, ...]
    dead_letters: tuple[str, ...]
    nat_gateways: tuple[str, ...]
    database: str
    database_storage_gb: int
    database_connections: int
    schedule_group: str
    users_a_day: int
    videos_a_day: int


def catalogue(watched: Watched) -> tuple[Alarm, ...]:
    """All alarms of a stack, in the order in which a reader asks: users, videos, money, access, machines."""
    return (*_users(), *_videos(), *_money_and_access(watched), *_runs(watched), *of_aws(watched))


def _api(name: str, statistic: str) -> Metric:
    return Metric("AWS/ApiGateway", name, statistic, {"ApiId": Generated("api")})


def _users() -> tuple[Alarm, ...]:
    errors = {"errors": _api("5xx", "Sum"), "calls": _api("Count", "Sum")}
    slow = {"calls": _api("Count", "Sum")}
    check_in = [own(name, "Sum", service="device_check") for name in _CHECK_IN_FAULTS]
    return (
        Alarm(
            DATABASE_DOWN, PAGE,
            symptom="Nobody can check in, upload, order or look at a video: functions do not reach the database.",
            watch=own("DatabaseUnreachable", "Sum"), at_least=3, window=Window(MINUTE, 20, 2),
            because="The sweeps ask every minute, so 3 failures a minute are no single lost connection. Two such "
            "minutes outlast a fail-over's first minute. Twenty are looked at, so that it outlasts the windows of the "
            "pages it hides (15) and the minutes in which sweeps make up for what was left.",
            missing=EVENTS_ONLY, remembered=Window(5 * MINUTE, 30, 1),
        ),
        Alarm(
            "API-ERRORS-FAST", PAGE,
            symptom="The app shows errors: more than 7 of 100 calls fail on our side.",
            watch=Math("IF(errors >= 5, 100 * errors / calls, 0)", errors), at_least=7.2, window=Window(5 * MINUTE),
            because="14.4 times what the objective allows, which spends a month's errors in two days. At low traffic a "
            "rate says nothing, so 5 errors are the least.",
            missing=NO_TRAFFIC, hidden_by=DATABASE_DOWN,
        ),
        Alarm(
            "API-ERRORS-SLOW", NOTIFY,
            symptom="Some calls of the app fail, hour after hour.",
            watch=Math("IF(errors >= 10, 100 * errors / calls, 0)", errors), at_least=1.5, window=Window(HOUR, 3, 2),
            because="Three times what the objective allows: a month's errors in ten days. Two hours of three, so that "
            "a short outage, which pages, does not come back as this.",
            missing=NO_TRAFFIC, hidden_by=DATABASE_DOWN,
        ),
        Alarm(
            "API-LATENCY-FAST", PAGE,
            symptom="The app hangs: one call of a hundred takes longer than 15 s.",
            watch=Math("IF(calls >= 20, p99, 0)", {**slow, "p99": _api("Latency", "p99")}), at_least=15_000,
            window=Window(5 * MINUTE, 3),
            because="The app gives up after 30 s, and the slowest healthy call, an order with a large image, takes 8 "
            "s. Under 20 calls the slowest is the p99 and says nothing.",
            missing=NO_TRAFFIC, hidden_by=DATABASE_DOWN,
        ),
        Alarm(
            "API-LATENCY-SLOW", NOTIFY,
            symptom="The app feels slow: one call of twenty takes longer than 4 s.",
            watch=Math("IF(calls >= 50, p95, 0)", {**slow, "p95": _api("Latency", "p95")}), at_least=4_000,
            window=Window(HOUR, 2),
            because="Most calls read one row and answer in a tenth of that; uploads and orders are the few that may "
            "take seconds. Two hours are a trend.",
            missing=NO_TRAFFIC, hidden_by=DATABASE_DOWN,
        ),
        Alarm(
            "CHECK-IN-FAILING", PAGE,
            symptom="Phones cannot check in, and it is our fault: a key, a setting or a defect.",
            watch=Math("SUM([refused, misconfigured, unhandled])",
                       dict(zip(("refused", "misconfigured", "unhandled"), check_in, strict=True))),
            at_least=3, window=Window(5 * MINUTE),
            because="Each of them would fail for every phone, so three are enough to know. Apple being away is not "
            "among them: it is told to the phone, and ends by itself.",
            missing=EVENTS_ONLY,
        ),
        Alarm(
            "SESSIONS-NOT-OPENED", PAGE,
            symptom="Phones check in and get no session, so nothing of a user's own works.",
            watch=own("SessionOpenFailed", "Sum", service="device_check"), at_least=3, window=Window(5 * MINUTE, 2),
            because="The next check-in repairs one failure (M1). Three in each of two windows are no passing throttle "
            "of the signing key.",
            missing=EVENTS_ONLY,
        ),
    )  # fmt: skip


_CHECK_IN_FAULTS = ("DeviceCheckMisconfigured", "ConfigurationErrors", "UnhandledErrors")


def _failed_percent(least: int) -> str:
    # Nothing over nothing would be no datapoint; a lone number may not stand among metrics.
    return f"IF(failed >= {least}, 100 * failed / MAX([asked, failed, 0 * failed + 1]), 0)"


def _videos() -> tuple[Alarm, ...]:
    failed = {name: own("VideoMigrationsFailed", "Sum", service=name) for name in ("migrate_video", "sweep_videos")}
    by_us = {
        "failed": own("GenerationsFailedByUs", "Sum"),
        "asked": own("GenerationsRequested", "Sum", service="submit_video"),
    }
    return (
        Alarm(
            GENERATOR_REFUSES_US, PAGE,
            symptom="Orders of videos fail because the generator refuses us: our key, our account, a model's name.",
            watch=own("GeneratorRefusesUs", "Sum"), at_least=1, window=Window(35 * MINUTE),
            because="No accident makes one: whatever it was refused for, the next order like it is refused too. A key "
            "that was replaced is read again before it counts. Kept for 35 minutes, so that it outlasts its "
            "consequence.",
            missing=EVENTS_ONLY,
        ),
        Alarm(
            "GENERATIONS-FAILING", PAGE,
            symptom="Videos that users ordered fail, and not because of what they asked for.",
            watch=Math(_failed_percent(3), by_us), at_least=1,
            window=Window(HALF_HOUR),
            because="Accidents are fewer than 1 in 1,000: chance makes three in half an hour every other month, two in "
            "ten minutes every tenth day. An outage pages within three minutes of the first failure by day, ten at "
            "four at night; 0.6 failures a minute (10 % at eight in the evening, 28 % at the mean) within ten; 2 % in "
            "15 and in 52. Sooner for 2 % would be a page for each accident (docs/adr/0072-alarms.md).",
            missing=EVENTS_ONLY, hidden_by=GENERATOR_REFUSES_US,
        ),
        Alarm(
            "GENERATIONS-FAILING-SLOW", NOTIFY,
            symptom="Some of the videos that users ordered fail, hour after hour.",
            watch=Math(_failed_percent(6), by_us), at_least=0.5,
            window=Window(6 * HOUR),
            because="Five times as many as accidents are, over a quarter of a day: what is too thin to page, and what "
            "1 % of the evening's videos shows by its end. Chance makes one a year.",
            missing=EVENTS_ONLY,
        ),
        Alarm(
            "MIGRATION-STALLED", PAGE,
            symptom="Videos finished more than 30 minutes ago still play from fal.ai and will vanish with it.",
            watch=own("OldestPendingVideoMigrationSeconds", "Maximum", service="sweep_videos"), at_least=1800,
            window=Window(5 * MINUTE, 3),
            because="A copy takes 30 s and is tried four times within some 20 minutes; what waits longer is not tried. "
            "fal.ai keeps a video for days, so 15 minutes more cost nothing.",
            missing=silent(
                "the sweep reports every minute, 0 too: silence means that nobody looks", stands_for=1800
            ),
            hidden_by=DATABASE_DOWN,
        ),
        Alarm(
            "VIDEO-ADDRESSES-EXPIRING", PAGE,
            symptom="Within a day users lose videos for good: fal.ai's addresses end before they were copied.",
            watch=own("VideoAddressesNearExpiry", "Maximum", service="sweep_videos"), at_least=1,
            window=Window(5 * MINUTE, 2),
            because="Each one is a user's video. A day is left, which is enough for a person and too little to wait "
            "for the morning twice.",
            missing=quiet("MIGRATION-STALLED tells when the sweep is silent"),
        ),
        Alarm(
            "VIDEO-MIGRATIONS-FAILED", NOTIFY,
            symptom="A video could not be copied in four attempts; it plays from fal.ai until its address ends.",
            watch=Math("SUM([migrate_video, sweep_videos])", failed), at_least=1, window=Window(15 * MINUTE),
            because="Each is a video that stays with fal.ai unless somebody asks again; days are left for it.",
            missing=EVENTS_ONLY,
        ),
    )  # fmt: skip


def _money_and_access(watched: Watched) -> tuple[Alarm, ...]:
    storage = own("StoragePercent", "Maximum", service="monitor_storage")
    storage_missing = quiet("SCHEDULE-DID-NOT-RUN tells when the storage monitor is silent")
    return (
        Alarm(
            "STORAGE-FULL", PAGE,
            symptom="Storage is at 95 % of its budget: soon every video costs what nobody agreed to.",
            watch=storage, at_least=95, window=Window(HOUR),
            because="The plan's number (M12). Growth is some percent a day, so a day or two are left.",
            missing=storage_missing,
        ),
        Alarm(
            "STORAGE-FILLING", NOTIFY,
            symptom="Storage is at 80 % of its budget.",
            watch=storage, at_least=80, window=Window(HOUR),
            because="The plan's number (M12): weeks are left to clean up or to buy.",
            missing=storage_missing,
        ),
        Alarm(
            "LEDGER-IMBALANCE", PAGE,
            symptom="Users' credits and the ledger disagree: credits were lost or made from nothing.",
            watch=own("LedgerImbalance", "Maximum", service="monitor_storage"), at_least=1, window=Window(DAY),
            because="The two change in one transaction, so a single difference is a defect or a hand in the database.",
            missing=storage_missing,
        ),
        Alarm(
            "SIGN-UP-SPIKE", NOTIFY,
            symptom="Many more new devices than usual: a success, or somebody farming free credits.",
            watch=own("NewUsers", "Sum", service="device_check"),
            at_least=watched.users_a_day // 2, window=Window(HOUR),
            because="Half of the users that a usual day brings (1,000 in production), in one hour, is twelve times the "
            "mean.",
            missing=EVENTS_ONLY,
        ),
        Alarm(
            "GENERATOR-SPEND", NOTIFY,
            symptom="Credits are spent much faster than usual, and the generator's bill with them.",
            watch=own("CreditsSpent", "Sum", service="submit_video"),
            at_least=watched.videos_a_day * DEAREST_CREDITS // 24 * 8, window=Window(HOUR),
            because="A usual day's videos (3,000 in production) at up to 24 credits are 3,000 an hour; eight times "
            "that is no evening peak.",
            missing=EVENTS_ONLY,
        ),
        Alarm(
            "ACCESS-DRIFT", PAGE,
            symptom="The database or a bucket lets somebody do what the access model does not say.",
            watch=own("AccessDrift", "Maximum", service="access_drift"), at_least=1, window=Window(HOUR),
            because="One difference is one too many. It is looked for every hour.",
            missing=quiet("SCHEDULE-DID-NOT-RUN tells when nobody looks"),
        ),
        Alarm(
            "ACCESS-MODEL-UNPLANNED", PAGE,
            symptom="Somebody ran the function that may change who may do what, and it was no deployment.",
            watch=own("DatabaseAdminInvocationsUnplanned", "Sum", service="database_admin"), at_least=1,
            window=Window(5 * MINUTE),
            because="Deployments are the only planned runs (docs/adr/0052-drift.md); one other is enough.",
            missing=EVENTS_ONLY,
        ),
    )  # fmt: skip


# Its function runs by another schedule too, so its own report tells.
_REPORTS = {"reconcile-storage": "LedgerImbalance"}


def _runs(watched: Watched) -> tuple[Alarm, ...]:
    return tuple(
        Alarm(
            "SCHEDULE-DID-NOT-RUN", NOTIFY, instance=name,
            symptom=f"The scheduled run {name} has not ended well for a while; what it cares for is left undone.",
            watch=own(_REPORTS.get(name, "ScheduleRan"), "SampleCount", service=service),
            below=1, window=patience(rate),
            because="Each run may fail once and be late once; what depends on it within minutes has an alarm "
            "of its own.",
            missing=silent("a run that ends well reports, so silence is the fault itself", stands_for=0),
            hidden_by=DATABASE_DOWN,
        )
        for name, (service, rate) in watched.schedules.items()
    )  # fmt: skip


def patience(rate: str) -> Window:
    """How long a schedule may be silent: a daily one two days, the others three runs or fifteen minutes."""
    if rate.startswith("cron(") or "day" in rate:
        return Window(DAY, 2)
    count, unit = rate.removeprefix("rate(").rstrip(")").split()
    seconds = int(count) * (HOUR if unit.startswith("hour") else MINUTE)
    return Window(max(seconds, 5 * MINUTE), 3)
