"""Runs inside a function's process: loads the handler once, then serves one invocation after the other.

Started by `function_pool` as a script on the runtime's own interpreter, which has nothing of this project:
standard library only, Python 3.11 to 3.14. Speaks lines of JSON: requests on stdin, answers on what was
stdout. What the function prints, on any level, goes to the log pipe (file descriptors 1 and 2), and each
invocation's output ends with a line of its own, so that no line is taken for another invocation's.
The shapes of failures are those of the Lambda runtime for Python.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

END_OF_OUTPUT = "\x1e"


class LambdaContext:
    """What AWS passes as the handler's second argument."""

    identity = None
    client_context = None

    def __init__(self, invocation: dict[str, Any]) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.invoked_function_arn = invocation["invoked_function_arn"]
        self.aws_request_id = invocation["request_id"]
        self._deadline = time.monotonic() + invocation["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class LambdaLogs(logging.StreamHandler[Any]):
    """The handler that AWS puts on the root logger; its level, WARNING, is logging's own default."""

    request_id = ""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        logging.Formatter.converter = time.gmtime
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(request_id)s\t%(message)s\n"
        self.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S"))
        self.terminator = ""
        # A filter beside others: libraries with handlers of their own add one that keeps their records out.
        self.addFilter(self._add_request_id)

    def _add_request_id(self, record: logging.LogRecord) -> bool:
        record.request_id = self.request_id
        return True


def main() -> None:
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    logs = LambdaLogs()
    logging.getLogger().addHandler(logs)

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    setup = json.loads(requests.readline())
    # AWS's order: the function's code, then the layers in /opt, then what the runtime brings.
    sys.path[0:1] = [setup["code"], *setup["layers"]]
    try:
        handler = load(setup["handler"])
    except BaseException as error:
        failure = init_failure(error, setup["handler"])
        report(failure)
        end_output()
        answer(error=failure)
        return
    answer(ready=True)
    for line in requests:
        invocation = json.loads(line)
        logs.request_id = invocation["request_id"]
        set_trace(invocation.get("trace_id"))
        try:
            outcome: dict[str, Any] = {"result": marshal(handler(invocation["event"], LambdaContext(invocation)))}
        except Exception as error:
            failure = handler_failure(error, invocation["request_id"])
            report(failure)
            outcome = {"error": failure}
        end_output()
        answer(**outcome)
    # The server went away: do not wait for threads that the function left behind.
    os._exit(0)


def load(handler: str) -> Callable[[Any, LambdaContext], Any]:
    module, _, name = handler.replace("/", ".").rpartition(".")
    found: Callable[[Any, LambdaContext], Any] = getattr(importlib.import_module(module), name)
    return found


def marshal(result: Any) -> str:
    try:
        return json.dumps(result)
    except (TypeError, ValueError) as error:
        raise MarshalError(f"Unable to marshal response: {error}") from None


class MarshalError(Exception):
    """The handler's result is no JSON."""


def set_trace(trace_id: str | None) -> None:
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def init_failure(error: BaseException, handler: str) -> dict[str, Any]:
    kind, message = "Runtime.Unknown", str(error)
    module = handler.rpartition(".")[0]
    if isinstance(error, ImportError):
        kind, message = "Runtime.ImportModuleError", f"Unable to import module '{module}': {error}"
    elif isinstance(error, SyntaxError):
        kind, message = "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}"
    elif isinstance(error, AttributeError) and handler.rpartition(".")[2] in message:
        kind, message = (
            "Runtime.HandlerNotFound",
            f"Handler '{handler.rpartition('.')[2]}' missing on module '{module}'",
        )
    elif isinstance(error, SystemExit):
        kind, message = "Runtime.ExitError", f"Runtime exited with error: exit status {error.code}"
    else:
        kind = type(error).__name__
    return {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": stack(error)}


def handler_failure(error: Exception, request_id: str) -> dict[str, Any]:
    kind = "Runtime.MarshalError" if isinstance(error, MarshalError) else type(error).__name__
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": stack(error)}


def stack(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return traceback.format_list(
        [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame[0]]
    )


def report(failure: dict[str, Any]) -> None:
    lines = [f"[ERROR] {failure['errorType']}: {failure['errorMessage']}"]
    if failure["stackTrace"]:
        lines += ["Traceback (most recent call last):", "".join(failure["stackTrace"]).rstrip()]
    print("\n".join(lines), file=sys.stderr)


def end_output() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(2, (END_OF_OUTPUT + "\n").encode())


if __name__ == "__main__":
    main()
