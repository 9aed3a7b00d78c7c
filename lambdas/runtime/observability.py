"""Logs and metrics of every function (plan M14).

Logs are JSON lines with request and user ids. Metrics are EMF, namespace `Rendio`, dimensions `service` and `stack`.
Nothing that opens a door is ever written: every line passes `redacted` before it leaves, exceptions included.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any
from uuid import UUID

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import EphemeralMetrics, Metrics, MetricUnit, single_metric

MASK = "***"
# In every line about a video job: the API's request that ordered it, by which one query finds the job's whole way.
_ORDER = "order_request_id"
# Compared without case, hyphens and underscores.
_SECRET_KEYS = frozenset(
    {"authorization", "body", "cookie", "devicehash", "deviceid", "devicetoken", "fields", "identitysource", "imageurl"}
    | {"password", "policy", "privatekey", "prompt", "secret", "secretstring", "sessiontoken", "signature", "token"}
    | {"thumbnailurl", "uploadurl", "url", "videourl", "xamzsecuritytoken"}
)
_SECRET_TEXTS = (
    (re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), MASK),  # a JWT
    (re.compile(r"(?i)\b(bearer|key)\s+[A-Za-z0-9._~+/:=-]{16,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s\"'\\]+"), rf"\1{MASK}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S), MASK),
    (
        re.compile(r"(?i)\"?\b(device_id|device_token|session_token|password|secret)\"?\s*[=:]\s*\"?[^\s\",}]+"),
        rf"\1={MASK}",
    ),
    (re.compile(r"https?://[\w.-]*fal\.(?:media|run)/[^\s\"'\\]+"), f"https://fal/{MASK}"),
)


def redacted(value: Any) -> Any:
    """`value` without what must not be logged: secret members by name, tokens and signed URLs by their look."""
    if isinstance(value, dict):
        return {key: MASK if _is_secret(key) else redacted(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(item) for item in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (int, float)) or value is None:
        return value
    text = str(value)
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _is_secret(key: object) -> bool:
    return str(key).lower().replace("_", "").replace("-", "") in _SECRET_KEYS


class _RedactingFormatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        return super().serialize(redacted(log))


@cache
def log() -> Logger:
    """The function's logger; its service and level come from POWERTOOLS_* at the first call."""
    return Logger(logger_formatter=_RedactingFormatter(utc=True, use_rfc3339=True))


@cache
def _metrics() -> Metrics:
    metrics = Metrics()
    metrics.set_default_dimensions(stack=_stack())
    return metrics


def _stack() -> str:
    return os.environ.get("STACK", "unknown")


def count(name: str, value: float = 1) -> None:
    """Add `value` to the metric `name` of this invocation."""
    _metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)


def count_by(name: str, **dimensions: str) -> None:
    """Count one under `name`, and one under `{name}By…` with further dimensions, whose values must be few."""
    count(name)
    further = "".join(word.title() for dimension in dimensions for word in dimension.split("_"))
    with single_metric(
        name=f"{name}By{further}", unit=MetricUnit.Count, value=1, default_dimensions={"stack": _stack()}
    ) as metric:
        for dimension, chosen in dimensions.items():
            metric.add_dimension(name=dimension, value=chosen)


def count_for_stack(name: str) -> None:
    """Count one under `name` for the stack as a whole: one alarm watches it, whichever functions count.

    Powertools adds the function to whatever dimensions it is given, and an alarm sees a metric only by exactly its
    own: the stack alone is a second set beside those.
    """
    metrics = EphemeralMetrics()
    metrics.add_dimension(name="stack", value=_stack())
    metrics.add_dimensions(stack=_stack())
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


def schedule_ran() -> None:
    """Say that this run by the clock ended well; silence is an alarm."""
    count("ScheduleRan")


def seconds(name: str, value: float) -> None:
    """How long something took, as the metric `name`."""
    _metrics().add_metric(name=name, unit=MetricUnit.Seconds, value=value)


def size(name: str, value: float) -> None:
    """How many bytes something has, as the metric `name`."""
    _metrics().add_metric(name=name, unit=MetricUnit.Bytes, value=value)


def percent(name: str, value: float) -> None:
    """A share of a hundred, as the metric `name`."""
    _metrics().add_metric(name=name, unit=MetricUnit.Percent, value=value)


def took(milliseconds: float) -> None:
    """How long this invocation worked."""
    _metrics().add_metric(name="Latency", unit=MetricUnit.Milliseconds, value=milliseconds)


def begin_invocation(*, request_id: str, lambda_request_id: str) -> None:
    """Forget the last invocation's ids, in a process that serves many."""
    log().clear_state()
    log().append_keys(request_id=request_id, lambda_request_id=lambda_request_id)


def job_fields(job_id: UUID, order_request_id: str) -> dict[str, Any]:
    """The fields by which a line about a video job is found; a job from before they were kept names no request."""
    return {"job_id": str(job_id), **({_ORDER: order_request_id} if order_request_id else {})}


def about_job(job_id: UUID, order_request_id: str = "") -> None:
    """Let the invocation's next lines be about this job, and no longer about another one's order."""
    log().remove_keys([_ORDER])
    log().append_keys(**job_fields(job_id, order_request_id))


def end_invocation() -> None:
    """Write the invocation's metrics, if it counted anything."""
    if _metrics().provider.metric_set:
        _metrics().flush_metrics()
