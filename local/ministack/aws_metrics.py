"""AWS services' own metrics that alarms look at: the HTTP API's, the queues', and Lambda's for all functions together.

MiniStack makes Lambda's for each function, and no others. Sources: "Monitor HTTP APIs with CloudWatch", "Available
CloudWatch metrics for Amazon SQS", "Types of metrics for Lambda functions" of each service's guide. SQS reports a
queue's depth every minute while it is in use; here every few seconds. A message's age is in minutes of the process's
pace (local/pace.py), as the periods are in which it is looked at.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import apigateway, cloudwatch, lambda_svc, sqs

from local.pace import Pace

_PACE = Pace.of(os.environ)
_EVERY_SECONDS = float(os.environ.get("RENDIO_ALARM_SECONDS", _PACE.look_seconds))


def install() -> None:
    """Count what passes the API and Lambda, and look at the queues from time to time."""
    serve = apigateway._handle_execute_in_scope
    emit, execute = lambda_svc._emit_lambda_metrics, lambda_svc._execute_function_warm

    async def serving(api_id: str, *arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        answer = await serve(api_id, *arguments, **options)
        _count_request(api_id, int(answer[0]), 1000 * (time.perf_counter() - began))
        return answer

    def emitting(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        emit(function_name, duration_ms, error, throttle)
        cloudwatch.record_metric("AWS/Lambda", "Throttles", int(throttle), "Count", {})

    def executing(func: Any, event: Any, request_id: str) -> Any:
        # Every run counts, whoever began it; MiniStack's own count leaves out what schedules, topics and events begin.
        result = execute(func, event, request_id)
        cloudwatch.record_metric("AWS/Lambda", "Errors", int(bool(result.get("error"))), "Count", {})
        return result

    apigateway._handle_execute_in_scope = serving
    lambda_svc._emit_lambda_metrics = emitting
    lambda_svc._execute_function_warm = executing
    threading.Thread(target=_periodically, name="rendio-queues", daemon=True).start()


def _count_request(api_id: str, status: int, milliseconds: float) -> None:
    dimensions = {"ApiId": api_id}
    cloudwatch.record_metric("AWS/ApiGateway", "Count", 1, "Count", dimensions)
    cloudwatch.record_metric("AWS/ApiGateway", "4xx", int(400 <= status < 500), "Count", dimensions)
    cloudwatch.record_metric("AWS/ApiGateway", "5xx", int(status >= 500), "Count", dimensions)
    cloudwatch.record_metric("AWS/ApiGateway", "Latency", milliseconds, "Milliseconds", dimensions)


def _periodically() -> None:
    pause = threading.Event()
    while not pause.wait(_EVERY_SECONDS):
        with contextlib.suppress(RuntimeError):  # a queue was made or deleted meanwhile; the next round sees it
            for (account, region, url), queue in list(sqs._queues._data.items()):
                with request_scope(account, region):
                    _look_at(str(url).rpartition("/")[2], list(queue["messages"]))


def _look_at(name: str, messages: list[dict[str, Any]]) -> None:
    now, dimensions = time.time(), {"QueueName": name}
    visible = [message for message in messages if message.get("visible_at", 0) <= now]
    oldest = min((float(message.get("sent_at", now)) for message in messages), default=now)
    age = _PACE.stretched(max(0.0, now - oldest))
    cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", len(visible), "Count", dimensions)
    cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", age, "Seconds", dimensions)
