"""Alarms look at their own metric, by dimensions, over periods, and without waiting for the next datapoint.

MiniStack judges an alarm by every metric of that name whatever its dimensions, as one lump, ignores
DatapointsToAlarm and TreatMissingData, and only when a datapoint arrives: an alarm neither fires on silence
nor goes back to OK. Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms", sections "Evaluating
an alarm" and "Configuring how CloudWatch alarms treat missing data".

Periods end now, where AWS aligns them to the clock, so that a laptop sees an alarm within seconds. Metric
math and anomaly detection stay MiniStack's, which has neither.
"""

from __future__ import annotations

import logging
import operator
import os
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

_log = logging.getLogger("rendio.alarms")
_EVERY_SECONDS = float(os.environ.get("RENDIO_ALARM_SECONDS", "5"))
_COMPARE = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def install() -> None:
    """Judge alarms as AWS does, every few seconds as well as when a datapoint arrives."""
    cloudwatch._evaluate_alarm = evaluate
    threading.Thread(target=_periodically, name="rendio-alarms", daemon=True).start()


def evaluate(alarm: dict[str, Any]) -> None:
    """Bring one metric alarm's state up to date and run its actions when it changed."""
    if not alarm.get("Namespace") or alarm.get("ComparisonOperator") not in _COMPARE:
        return
    old = alarm["StateValue"]
    new, reason = judge(alarm, _datapoints(alarm), now=time.time())
    if new == old:
        return
    alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def judge(alarm: dict[str, Any], points: list[dict[str, Any]], *, now: float) -> tuple[str, str]:
    """The state that these datapoints put the alarm in, and why.

    Args:
        alarm: as MiniStack keeps it (the fields of PutMetricAlarm).
        points: of the alarm's metric and dimensions, `Timestamp` in seconds.
    """
    period, count = alarm.get("Period") or 60, alarm.get("EvaluationPeriods") or 1
    needed = alarm.get("DatapointsToAlarm") or count
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    values = []
    for index in range(count):
        end = now - index * period
        within = [point for point in points if end - period < point["Timestamp"] <= end]
        values.append(cloudwatch._stat_value(cloudwatch._calc_stats(within), statistic, within) if within else None)
    compare, threshold = _COMPARE[alarm["ComparisonOperator"]], alarm.get("Threshold", 0)
    breaching = sum(value is not None and compare(value, threshold) for value in values)
    missing = values.count(None)
    treatment = alarm.get("TreatMissingData") or "missing"
    if missing == count and now - (alarm.get("AlarmConfigurationUpdatedTimestamp") or 0) < period * count:
        # Silence means something only once the alarm has listened for its whole window.
        return alarm["StateValue"], "not listened long enough"
    if missing == count and treatment == "missing":
        return "INSUFFICIENT_DATA", f"no datapoints in {count} x {period} s"
    if missing == count and treatment == "ignore":
        return alarm["StateValue"], "no datapoints"
    if treatment == "breaching":
        breaching += missing
    seen = f"{breaching} of {count} periods of {period} s breach ({statistic} {[v for v in values if v is not None]}"
    reason = f"Threshold Crossed: {seen} against {threshold}; missing data: {treatment})"
    return ("ALARM" if breaching >= needed else "OK"), reason


def _datapoints(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    key = (alarm["Namespace"], alarm["MetricName"], wanted)
    return list(cloudwatch._metrics.get(key) or [])


def _periodically() -> None:
    pause = threading.Event()
    while not pause.wait(_EVERY_SECONDS):
        for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
            try:
                with request_scope(account, region):
                    cloudwatch._evaluate_all_alarms()
            except RuntimeError:
                # An alarm was put or deleted meanwhile; the next round sees it.
                _log.debug("alarms changed during their evaluation")
