"""Python functions run as on Lambda: own interpreter, own environment, own code, a bounded number at once.

What MiniStack does instead: it runs them on the server's interpreter with the server's packages and
environment; puts layers before the function's code; starts a process for every simultaneous event; ends a
process after each error, and those that are at work when the function is updated; waits 50 ms for output
after each event and may take late lines for the next event's; and calls each failure Runtime.HandlerError.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import uuid
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.ministack import function_code, function_credentials, function_environment, runtimes
from local.ministack.function_pool import FunctionPool, NoProcessFree
from local.ministack.function_runner import FunctionProcess, Start

# What a process is started with; a change of any needs a new one.
_STARTED_WITH = ("CodeSha256", "Runtime", "Handler", "Environment", "Layers", "Role", "MemorySize", "Version")
_END_IDLE_EVERY_SECONDS = 30.0


def install() -> None:
    """Run Python functions in our own processes; other runtimes stay MiniStack's."""
    most = int(os.environ.get("RENDIO_LAMBDA_WORKERS") or max(4, 2 * (os.cpu_count() or 1)))
    runner = _Runner(FunctionPool(most), threading.Semaphore(max(2, os.cpu_count() or 1)))
    execute, invalidate, reset = (
        lambda_svc._execute_function_warm,
        lambda_svc.invalidate_worker,
        lambda_runtime.reset,
    )

    def execute_here(func: dict[str, Any], event: Any, request_id: str) -> Any:
        config = func.get("config") or func
        if func.get("code_zip") and str(config.get("Runtime", "")).startswith("python"):
            return runner.execute(config, func["code_zip"], event, request_id)
        return execute(func, event, request_id)

    def invalidate_here(
        func_name: str, qualifier: str | None = None, account: str | None = None, region: str | None = None
    ) -> None:
        invalidate(func_name, qualifier=qualifier, account=account, region=region)
        if qualifier is None:
            runner.pool.forget(lambda key: f":function:{func_name}@" in str(key))

    def reset_here() -> None:
        reset()
        runner.pool.forget(lambda _key: True)

    function_code.remove_leftovers()
    lambda_svc._execute_function_warm = execute_here
    lambda_svc.invalidate_worker = invalidate_here
    lambda_runtime.reset = reset_here
    threading.Thread(target=_end_idle, args=(runner.pool,), name="rendio-idle-functions", daemon=True).start()


class _Runner:
    """Runs events of Python functions and answers in MiniStack's shape: body, log, error."""

    def __init__(self, pool: FunctionPool, starting: threading.Semaphore) -> None:
        self.pool = pool
        self._starting = starting

    def execute(self, config: dict[str, Any], code_zip: bytes, event: Any, request_id: str) -> dict[str, Any]:
        # Read when the event arrives: the record changes under it when the function is updated.
        config = json.loads(json.dumps(config, default=str))
        key = f"{_unqualified(config['FunctionArn'])}@{config.get('Version', '$LATEST')}"
        started_with = json.dumps([config.get(name) for name in _STARTED_WITH], sort_keys=True)
        fingerprint = hashlib.sha256(started_with.encode()).hexdigest()
        try:
            lease = self.pool.lend(
                key, fingerprint, lambda: FunctionProcess(lambda: _start(config, code_zip), self._starting)
            )
        except NoProcessFree:
            return dict(
                lambda_svc._throttle_response(
                    reason_code="ConcurrentInvocationLimitExceeded",
                    msg=f"Rate Exceeded: all {self.pool.most} processes of {config['FunctionName']} stayed busy",
                )
            )
        with lease as process:
            if process.start is not None:
                function_credentials.renew(process.start.access_key)
            outcome = process.invoke(
                event,
                request_id=request_id,
                arn=config["FunctionArn"],
                timeout=float(config.get("Timeout") or 3),
                trace_id=lambda_svc._xray_trace_id_for_invocation(config),
            )
        if outcome.error is not None:
            return {"body": outcome.error, "error": True, "log": outcome.log}
        return {"body": json.loads(outcome.result or "null"), "log": outcome.log}


def _start(config: dict[str, Any], code_zip: bytes) -> Start:
    own = config["Handler"].replace("/", ".").partition(".")[0]
    code = function_code.unpacked(code_zip, config["CodeSha256"], function=config["FunctionName"], own=own)
    credentials = lambda_runtime.execution_credentials(config)
    stream = uuid.uuid4().hex

    def environment(home: Path) -> dict[str, str]:
        return function_environment.environment(config, code=code, home=home, stream=stream, credentials=credentials)

    return Start(
        # -s keeps the developer's own packages out.
        command=(runtimes.interpreter(config["Runtime"]), "-s"),
        environment=environment,
        code=code,
        layers=tuple(_layers(config)),
        handler=config["Handler"],
        access_key=credentials["AWS_ACCESS_KEY_ID"],
    )


def _layers(config: dict[str, Any]) -> list[Path]:
    """The folders of layers in which Lambda looks for Python modules, in their order."""
    folders = []
    for layer in config.get("Layers") or []:
        content = lambda_svc._resolve_layer_zip(layer)
        if content:
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            root = function_code.unpacked(content, digest, function="layers", own="python")
            folders += [root / "python", root / "python/lib" / config["Runtime"] / "site-packages"]
    return folders


def _unqualified(arn: str) -> str:
    return ":".join(arn.split(":")[:7])


def _end_idle(pool: FunctionPool) -> None:
    pause = threading.Event()
    while not pause.wait(_END_IDLE_EVERY_SECONDS):
        pool.end_idle()
