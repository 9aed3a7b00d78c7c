"""The schedules' calls: `{}` every few minutes rolls the count up and reports it; `{"reconcile": true}`, once a day,
compares it with the buckets before, mends it, and adds the ledger up."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from lambdas.monitor_storage.adapters import Adapters
from lambdas.monitor_storage.counts import ROLL_UP
from lambdas.monitor_storage.logic import NOTHING, differences, forecast
from lambdas.runtime.clean_up import clock, scheduled
from lambdas.runtime.observability import count, log, percent, size

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    with scheduled(context):
        adapters = _adapters()
        answer: dict[str, Any] = {}
        if event.get("reconcile") is True:
            with adapters.counts.exclusive() as alone:
                if alone:  # else two would mend the same twice
                    answer["drift_bytes"] = _reconcile(adapters, context)
            answer["imbalanced_users"] = _add_ledgers_up(adapters)
        may_go_on = clock(context)
        while adapters.counts.roll_up() == ROLL_UP and may_go_on():
            pass
        return answer | _report(adapters)


def _reconcile(adapters: Adapters, context: Any) -> int:
    """Compare and mend both buckets' counts; by how many bytes they were wrong, in sum of sizes."""
    wrong = 0
    for bucket, rows in adapters.pairs:
        counted, other, found = differences(
            bucket,
            rows,
            expected=adapters.counts.count(bucket.name).objects,
            now=datetime.now(UTC),
            may_go_on=clock(context),
        )
        drift = adapters.counts.correct(bucket.name, found, counted=counted, other=other)
        wrong += abs(drift.bytes)
        log().info(
            "storage reconciled",
            bucket=bucket.name,
            objects=counted.objects,
            bytes=counted.bytes,
            other_bytes=other.bytes,
            drift_bytes=drift.bytes,
            drift_objects=drift.objects,
        )
    size("StorageDriftBytes", wrong)
    return wrong


def _add_ledgers_up(adapters: Adapters) -> int:
    users = adapters.counts.imbalanced_users()
    if users:
        log().error("credits differ from their ledgers", users=users)
    count("LedgerImbalance", users)
    return users


def _report(adapters: Adapters) -> dict[str, Any]:
    stored = NOTHING
    for bucket, _ in adapters.pairs:
        stored += adapters.counts.count(bucket.name) + adapters.counts.other(bucket.name)
    ahead = forecast(stored.bytes, adapters.budget, adapters.counts.a_week_ago())
    size("StorageBytes", stored.bytes)
    count("StorageObjects", stored.objects)
    percent("StoragePercent", ahead.percent)
    if ahead.growth is not None:
        size("StorageGrowthBytesADay", ahead.growth)
        count("StorageDaysToFull", ahead.days_to_full)
    return {"bytes": stored.bytes, "objects": stored.objects, "percent": round(ahead.percent, 2)}
