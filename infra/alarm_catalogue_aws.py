"""The alarms on what AWS runs for us: queues, functions, the database, the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.alarm_model import HOUR, MINUTE, Alarm, Generated, Metric, Severity, Window, quiet, uncounted

if TYPE_CHECKING:  # the catalogue is made of this module
    from infra.alarm_catalogue import Watched

PAGE, NOTIFY = Severity.PAGE, Severity.NOTIFY
GIB = 1024**3
ALWAYS_REPORTED = quiet("RDS reports every minute; when it does not, DATABASE-DOWN tells")
REPORTED_IN_USE = quiet("SQS and Lambda report while they are used; a queue without traffic is empty")


# The start of a function takes seconds, far from 90 % of such a limit.
_NO_SLOW_START = 60


def of_aws(watched: Watched) -> tuple[Alarm, ...]:
    return (*_queues(watched), *_functions(watched), *_database(watched), *_network(watched))


def _queues(watched: Watched) -> tuple[Alarm, ...]:
    def queue(name: str, metric: str) -> Metric:
        return Metric("AWS/SQS", metric, "Maximum", {"QueueName": f"{{prefix}}-{name}"})

    return (
        *(
            Alarm(
                "DEAD-LETTERS", NOTIFY, instance=name,
                symptom="Something was given up for good: an upload, a video or a run that nobody tries again.",
                watch=queue(name, "ApproximateNumberOfMessagesVisible"), at_least=1, window=Window(5 * MINUTE),
                because="Every message is one thing lost, kept for 14 days.",
                missing=REPORTED_IN_USE,
            )
            for name in watched.dead_letters
        ),
        *(
            Alarm(
                "QUEUE-AGE", NOTIFY, instance=name,
                symptom="Finished videos wait longer than 15 minutes before anybody copies them.",
                watch=queue(name, "ApproximateAgeOfOldestMessage"), at_least=900, window=Window(5 * MINUTE, 2),
                because="Healthy messages wait seconds, delayed ones 15 minutes at most (the longest back-off).",
                missing=REPORTED_IN_USE,
            )
            for name in watched.queues
        ),
    )  # fmt: skip


def _functions(watched: Watched) -> tuple[Alarm, ...]:
    return (
        Alarm(
            "FUNCTIONS-THROTTLED", NOTIFY,
            symptom="Calls fail or wait because the account runs as many functions as it may.",
            watch=Metric("AWS/Lambda", "Throttles", "Sum"), at_least=10, window=Window(5 * MINUTE),
            because="SQS and the scheduler try again, so a few cost nothing; API calls that are throttled "
            "page by rate.",
            missing=REPORTED_IN_USE,
        ),
        Alarm(
            "FUNCTIONS-FAILING", NOTIFY,
            symptom="Functions end in errors: what they were asked to do is late or lost.",
            watch=Metric("AWS/Lambda", "Errors", "Sum"), at_least=5, window=Window(15 * MINUTE, 2),
            because="API functions answer their errors and do not count here; the others try again. Five in each of "
            "two windows is more than one bad event and its retries.",
            missing=REPORTED_IN_USE, hidden_by="DATABASE-DOWN",
        ),
        *(
            Alarm(
                "FUNCTION-NEAR-TIMEOUT", NOTIFY, instance=name,
                symptom="A function uses nearly all the time it has; soon it is cut off in the middle.",
                watch=Metric("AWS/Lambda", "Duration", "Maximum", {"FunctionName": f"{{prefix}}-{name}"}),
                at_least=seconds * 900,
                window=Window(HOUR) if seconds >= _NO_SLOW_START else Window(15 * MINUTE, 3, 2),
                because=f"90 % of its limit of {seconds} s. Of a call that a phone waits for, in two of three windows: "
                "once is a slow start. What may take a minute or more runs rarely, and once is enough.",
                missing=REPORTED_IN_USE,
            )
            for name, seconds in watched.functions.items()
        ),
    )  # fmt: skip


def _database(watched: Watched) -> tuple[Alarm, ...]:
    def rds(name: str, statistic: str = "Average") -> Metric:
        return Metric("AWS/RDS", name, statistic, {"DBInstanceIdentifier": watched.database})

    return (
        Alarm(
            "DATABASE-STORAGE", PAGE,
            symptom="The database's disk is nearly full; then every write fails.",
            watch=rds("FreeStorageSpace", "Minimum"), below=watched.database_storage_gb * GIB // 20,
            window=Window(5 * MINUTE, 3),
            because="A twentieth of the first size. RDS begins to enlarge the disk, up to four times, when less than a "
            "tenth was free for five minutes (RDS User Guide): at half of that it did not.",
            missing=ALWAYS_REPORTED,
        ),
        Alarm(
            "DATABASE-TRANSACTION-AGE", PAGE,
            symptom="Postgres nears the point where it stops taking writes (transaction id wraparound).",
            watch=rds("MaximumUsedTransactionIDs", "Maximum"), at_least=1_000_000_000, window=Window(HOUR),
            because="Half of what there is. Autovacuum starts at 200 million, so it has been failing for long; AWS "
            "warns at the same number (RDS User Guide).",
            missing=ALWAYS_REPORTED,
        ),
        Alarm(
            "DATABASE-CPU", NOTIFY,
            symptom="The database works at its limit; calls get slow.",
            watch=rds("CPUUtilization"), at_least=85, window=Window(5 * MINUTE, 6),
            because="Half an hour above 85 % is load, not a vacuum or a back-fill's batch. Users feel it as latency, "
            "which pages.",
            missing=ALWAYS_REPORTED,
        ),
        Alarm(
            "DATABASE-MEMORY", NOTIFY,
            symptom="The database runs out of memory and begins to swap.",
            watch=rds("FreeableMemory", "Minimum"), below=100 * 1024**2, window=Window(5 * MINUTE, 3),
            because="100 MiB is what the smallest instance keeps free at rest; below it Postgres is killed "
            "sooner or later.",
            missing=ALWAYS_REPORTED,
        ),
        Alarm(
            "DATABASE-CONNECTIONS", NOTIFY,
            symptom="Soon functions cannot open a connection.",
            watch=rds("DatabaseConnections", "Maximum"), at_least=watched.database_connections * 7 // 10,
            window=Window(5 * MINUTE, 2),
            because=f"70 % of database.max_connections ({watched.database_connections}), of which RDS keeps a few for "
            "itself. Each running copy of a function holds one.",
            missing=ALWAYS_REPORTED,
        ),
    )  # fmt: skip


def _network(watched: Watched) -> tuple[Alarm, ...]:
    return (
        *(
            Alarm(
                "NAT-PORTS", NOTIFY, instance=zone,
                symptom="Calls to Apple, the generator or AWS fail now and then: the way out has no free port.",
                watch=Metric(
                    "AWS/NATGateway", "ErrorPortAllocation", "Sum", {"NatGatewayId": Generated(f"nat-{zone}")}
                ),
                at_least=1, window=Window(5 * MINUTE, 2),
                because="Healthy is 0 (VPC User Guide); each is a call that failed.",
                missing=quiet("AWS reports 0 while the gateway works; users feel an outage as errors, which page"),
            )
            for zone in watched.nat_gateways
        ),
        Alarm(
            "SCHEDULES-DROPPED", NOTIFY,
            symptom="The scheduler gave up starting a function.",
            watch=Metric("AWS/Scheduler", "InvocationDroppedCount", "Sum", {"ScheduleGroup": watched.schedule_group}),
            at_least=1, window=Window(5 * MINUTE),
            because="A dropped run is not made up for until the next one.",
            missing=uncounted("the scheduler counts only what it drops"),
        ),
    )  # fmt: skip
