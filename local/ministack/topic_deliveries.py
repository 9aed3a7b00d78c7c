"""A topic's message to a function is an asynchronous invocation: tried again twice, then handed to its destination.

MiniStack runs the function once and forgets a failure, so that a page which nobody took left no trace. Source: Lambda
Developer Guide, "How Lambda handles errors and retries with asynchronous invocation".
"""

from __future__ import annotations

from typing import Any

from ministack.services import lambda_svc, sns


class _Asynchronous:
    """MiniStack's Lambda as its SNS sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(lambda_svc, name)

    @staticmethod
    def _execute_function_with_config_scope(record: Any, event: Any) -> None:
        lambda_svc.invoke_async_with_retry(record, event)


def install() -> None:
    """Let SNS invoke as S3's notifications do."""
    sns._lambda_svc = _Asynchronous()
