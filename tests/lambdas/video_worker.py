"""A process that runs one function's handler, event after event, as Lambda does: `python -m … FUNCTION`.

It reads a line of JSON for each event from standard input and answers with one. With `kill_at` a fork of it handles the
event and kills itself at that point, in the real code: the points are laid around it from here.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

from lambdas.runtime import clients

# Of migrate_video, in the order in which a copy comes by. `put_off` is met by a copy that fails alone.
KILL_POINTS = (
    "received", "begun", "connecting", "connected", "first_bytes", "half_way", "upload_begun", "all_read", "stored",
    "settling", "settled", "put_off",
)  # fmt: skip

HALF_WAY_BYTES = 500_000


def _die(*_: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    raise AssertionError("SIGKILL was survived")


def _before(owner: Any, name: str, condition: Callable[..., bool] = lambda *_, **__: True) -> None:
    real = getattr(owner, name)

    def wrapped(*given: Any, **named: Any) -> Any:
        if condition(*given, **named):
            _die()
        return real(*given, **named)

    setattr(owner, name, wrapped)


def _after(owner: Any, name: str, condition: Callable[[Any], bool] = lambda _: True) -> None:
    real = getattr(owner, name)

    def wrapped(*given: Any, **named: Any) -> Any:
        result = real(*given, **named)
        if condition(result):
            _die()
        return result

    setattr(owner, name, wrapped)


def lay(point: str) -> None:
    """Let this process die when it comes by `point`."""
    import psycopg

    from lambdas.migrate_video import adapters, connection, download, handler, jobs
    from lambdas.runtime.migration_queue import MigrationQueue

    read = [0]

    def came(wanted: int) -> Callable[[Any], bool]:
        def enough(piece: Any) -> bool:
            read[0] += len(piece)
            return read[0] >= wanted

        return enough

    match point:
        case "received":
            _before(handler, "_migrate")
        case "begun":
            _after(jobs.PostgresJobs, "begin")
        case "connecting":
            _before(download, "open_connection")
        case "connected":
            _after(download, "open_connection")
        case "first_bytes" | "half_way":
            _after(download.Download, "_read", came(1 if point == "first_bytes" else HALF_WAY_BYTES))
        case "upload_begun":
            _before(clients.s3_streams(), "put_object")
        case "all_read":
            _after(connection.Connection, "says_more")
        case "stored":
            _after(adapters, "copy_video")
        case "settling":
            _before(psycopg.Connection, "execute", lambda _, query, *__: query == "commit" and bool(settling))
            settling: list[bool] = []
            real = jobs.PostgresJobs.migrated

            def migrated(*given: Any, **named: Any) -> bool:
                settling.append(True)
                return real(*given, **named)

            jobs.PostgresJobs.migrated = migrated  # type: ignore[method-assign]
        case "settled":
            _after(jobs.PostgresJobs, "migrated")
        case "put_off":
            _before(MigrationQueue, "send")
        case _:
            raise ValueError(f"no such point: {point}")


def answer(handler: Any, event: Any, seconds: int) -> dict[str, Any]:
    ends = time.monotonic() + seconds
    context = SimpleNamespace(
        aws_request_id="lambda-request", get_remaining_time_in_millis=lambda: int((ends - time.monotonic()) * 1000)
    )
    try:
        return {"answer": handler.handler(event, context)}
    except Exception as error:
        return {"answer": None, "error": f"{type(error).__name__}: {error}"}


def in_a_fork(handler: Any, event: Any, seconds: int, point: str) -> dict[str, Any]:
    """Handle the event in a copy of this process that dies at `point`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        lay(point)
        with os.fdopen(writing, "w") as told:
            told.write(json.dumps(answer(handler, event, seconds)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as heard:
        text = heard.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"answer": None, "killed": True}
    return dict(json.loads(text))


class Tokens:
    """In place of boto3's RDS client, whose login tokens this Postgres does not ask for (tests/local does)."""

    def generate_db_auth_token(self, **_: Any) -> str:
        return "token"


def main(function: str) -> None:
    clients.rds = Tokens  # type: ignore[assignment]
    handler = importlib.import_module(f"lambdas.{function}.handler")
    results = os.fdopen(os.dup(1), "w")  # what the function logs goes to standard error with the rest
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            if asked["kill_at"]:
                done = in_a_fork(handler, asked["event"], asked["seconds"], asked["kill_at"])
            else:
                done = answer(handler, asked["event"], asked["seconds"])
        results.write(json.dumps(done) + "\n")
        results.flush()


if __name__ == "__main__":
    main(sys.argv[1])
