"""The AWS provider as a process of its own, which the engine is told to use in place of the real one."""

from __future__ import annotations

import select
import subprocess
import sys
from functools import cached_property

from local import environment, processes
from local.errors import LocalError
from local.processes import log_file
from local.state import REPOSITORY, State

START_SECONDS = 30.0
NAME = "provider"


class AttachedProvider:
    """Starts at once and serves until it is ended; only who asks for its port waits for it."""

    def __init__(self, state: State) -> None:
        self._state, self._log = state, log_file(state, NAME)
        with self._log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.provider", "--state", str(state.root)],
                env=environment.daemon(state),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        processes.remember(state, NAME, self._process.pid)

    @cached_property
    def port(self) -> int:
        """Where it listens on loopback: the first line it prints.

        Raises:
            LocalError: it did not start.
        """
        line, output = "", self._process.stdout
        if output is not None and select.select([output], [], [], START_SECONDS)[0]:
            line = output.readline().strip()
        if line.isdigit():
            return int(line)
        raise LocalError(
            "The AWS provider of the local stack did not start.",
            why=processes.last_line(self._log) or f"It printed {line!r} in place of its port.",
            fix="Read the log; then run the command again.",
            log=self._log,
        )

    def end(self) -> None:
        """End it and wait until it is gone."""
        processes.end(self._state, NAME)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
