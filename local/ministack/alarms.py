"""Alarms look at their own metric, by dimensions, over periods, and without waiting for the next datapoint.

MiniStack judges an alarm by every metric of that name whatever its dimensions, as one lump, ignores
DatapointsToAlarm and TreatMissingData, and only when a datapoint arrives: an alarm neither fires on silence
nor goes back to OK. Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms", sections "Evaluating
an alarm" and "Configuring how CloudWatch alarms treat missing data".

An alarm of metric math loses its queries there, and judges nothing; here it keeps and computes them
(alarm_math.py). Anomaly detection stays MiniStack's, which has none.

Periods end now, where AWS aligns them to the clock, so that a laptop sees an alarm within seconds. They are
as long as the process's pace says (local/pace.py): a drill does not take the day that a daily metric does.
"""

from __future__ import annotations

import logging
import operator
import os
import threading
import time
from collections.abc import Iterable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from local.ministack import alarm_math
from local.ministack.alarm_math import Value
from local.pace import Pace

_log = logging.getLogger("rendio.alarms")
_PACE = Pace.of(os.environ)
_EVERY_SECONDS = float(os.environ.get("RENDIO_ALARM_SECONDS", _PACE.look_seconds))
# Datapoints arrive nearly in order: after so many that are too old, none is expected that is not.
_OLD_IN_A_ROW = 100
# Two threads that see the same change would both call the alarm's topic.
_one_at_a_time = threading.RLock()
_COMPARE = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def install() -> None:
    """Judge alarms as AWS does, every few seconds as well as when a datapoint arrives; keep their metric queries."""
    put = cloudwatch._put_metric_alarm

    def putting(params: Any, data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        answer = put(params, data, is_cbor, is_json)
        queries = data.get("Metrics") if (is_cbor or is_json) else None
        alarm = cloudwatch._alarms.get(data["AlarmName"]) if queries else None
        if alarm is not None:
            # What a query says for itself, CloudWatch does not describe for the alarm.
            alarm.update(Metrics=queries, MetricName=None, Namespace=None, Statistic=None, Period=None)
            evaluate(alarm)
        return answer

    cloudwatch._put_metric_alarm = putting
    cloudwatch._evaluate_alarm = evaluate
    threading.Thread(target=_periodically, name="rendio-alarms", daemon=True).start()


def evaluate(alarm: dict[str, Any]) -> None:
    """Bring one metric alarm's state up to date and run its actions when it changed."""
    if not (alarm.get("Namespace") or alarm.get("Metrics")) or alarm.get("ComparisonOperator") not in _COMPARE:
        return
    with _one_at_a_time:
        old = alarm["StateValue"]
        try:
            new, reason = _judged(alarm, now=time.time())
        except alarm_math.UnknownMath as error:
            _log.warning("alarm %s: %s", alarm["AlarmName"], error)
            return
        if new == old:
            return
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)


def evaluate_those_of(metrics: Iterable[tuple[str, str]]) -> None:
    """Evaluate the alarms that look at one of these metrics (namespace, name), which have new datapoints."""
    fresh = set(metrics)
    for alarm in list(cloudwatch._alarms.values()):
        watched = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics") or () if "MetricStat" in query]
        if any((one.get("Namespace"), one.get("MetricName")) in fresh for one in watched or [alarm]):
            evaluate(alarm)


def judge(alarm: dict[str, Any], points: list[dict[str, Any]], *, now: float) -> tuple[str, str]:
    """The state that these datapoints put the alarm of one metric in, and why.

    Args:
        alarm: as MiniStack keeps it (the fields of PutMetricAlarm).
        points: of the alarm's metric and dimensions, `Timestamp` in seconds.
    """
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    period, count = _PACE.compressed(alarm.get("Period") or 60), alarm.get("EvaluationPeriods") or 1
    recent = _recent(points, now - count * period)
    values = [_statistic(recent, statistic, now - index * period, period) for index in range(count)]
    return _verdict(alarm, values, reported=bool(recent), period=period, now=now)


def _recent(points: list[dict[str, Any]], since: float) -> list[dict[str, Any]]:
    """Those after `since`: a metric's datapoints are kept for ever, and an alarm looks at the last few."""
    found, old = [], 0
    for point in reversed(points):
        if point["Timestamp"] > since:
            found.append(point)
            old = 0
        elif (old := old + 1) > _OLD_IN_A_ROW:
            break
    return found


def _judged(alarm: dict[str, Any], *, now: float) -> tuple[str, str]:
    queries = alarm.get("Metrics")
    if not queries:
        return judge(alarm, _datapoints(alarm), now=now)
    period, count = _PACE.compressed(_period(queries)), alarm.get("EvaluationPeriods") or 1
    values = [_computed(queries, now - index * period, period) for index in range(count)]
    metrics = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    reported = any(_recent(_datapoints(metric), now - count * period) for metric in metrics)
    return _verdict(alarm, values, reported=reported, period=period, now=now)


def _computed(queries: list[dict[str, Any]], end: float, period: float) -> Value:
    """The value, in one period, of the one query that returns data."""
    values: dict[str, Value] = {}
    for query in queries:
        if "MetricStat" in query:
            metric = query["MetricStat"]
            recent = _recent(_datapoints(metric["Metric"]), end - period)
            values[query["Id"]] = _statistic(recent, metric["Stat"], end, period)
    # An expression may use another that stands behind it.
    waiting = [query for query in queries if "MetricStat" not in query]
    for _ in range(len(waiting)):
        for query in waiting:
            names = {other["Id"] for other in waiting} - set(values)
            if not any(name in query["Expression"] for name in names - {query["Id"]}):
                values[query["Id"]] = alarm_math.evaluate(query["Expression"], values)
    return values[next(query["Id"] for query in queries if query.get("ReturnData", True))]


def _period(queries: list[dict[str, Any]]) -> float:
    return float(next(query["MetricStat"]["Period"] for query in queries if "MetricStat" in query))


def _statistic(points: list[dict[str, Any]], statistic: str, end: float, period: float) -> Value:
    within = [point for point in points if end - period < point["Timestamp"] <= end]
    return cloudwatch._stat_value(cloudwatch._calc_stats(within), statistic, within) if within else None


def _verdict(
    alarm: dict[str, Any], values: list[Value], *, reported: bool, period: float, now: float
) -> tuple[str, str]:
    count = len(values)
    needed = alarm.get("DatapointsToAlarm") or count
    compare, threshold = _COMPARE[alarm["ComparisonOperator"]], alarm.get("Threshold", 0)
    breaching = sum(value is not None and compare(value, threshold) for value in values)
    missing = values.count(None)
    treatment = alarm.get("TreatMissingData") or "missing"
    if not reported and now - (alarm.get("AlarmConfigurationUpdatedTimestamp") or 0) < period * count:
        # Silence means something only once the alarm has listened for its whole window. AWS is not so patient: there
        # the first deployment of a stack calls for runs that have not begun (docs/going-to-production.md).
        return alarm["StateValue"], "not listened long enough"
    if missing == count and treatment == "missing":
        return "INSUFFICIENT_DATA", f"no datapoints in {count} x {period} s"
    if missing == count and treatment == "ignore":
        return alarm["StateValue"], "no datapoints"
    if treatment == "breaching":
        breaching += missing
    seen = f"{breaching} of {count} periods of {period} s breach ({[v for v in values if v is not None]}"
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
