"""The stack `local` as the Pulumi engine sees it: its commands, its lock, its outputs.

The engine works in the state folder, with an environment built from nothing and a provider attached to it
that lives as long as the command. It runs in a session of its own, so that Ctrl-C reaches the runner alone,
which passes it on once: a second one would make the engine drop its state file half-written.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from local import environment, processes
from local.attached import AttachedProvider
from local.engine import Engine
from local.errors import EngineFailed, Interrupted, LocalError
from local.events import EventLog, Summary, is_secret
from local.processes import log_file
from local.state import STACK, State, read_json

STOP_SECONDS = 120.0
STACK_TYPE = "pulumi:pulumi:Stack"
MASK = "[secret]"  # the engine's own word
POLL_SECONDS = 0.1


class Stack:
    """Runs engine commands on the stack `local` of one state folder."""

    def __init__(self, state: State, engine: Engine, *, project: str, passphrase: str) -> None:
        self._state = state
        self._engine = engine
        self._project = project
        self._passphrase = passphrase
        self._attached: AttachedProvider | None = None

    @property
    def _folder(self) -> Path:
        return self._state.pulumi / ".pulumi"

    def exists(self) -> bool:
        return self._checkpoint_file().exists()

    def ensure(self) -> None:
        """Make the stack if there is none; end what an earlier run left, and its lock."""
        self.clear_leftovers()
        if not self.exists():
            self._quiet("stack", "init", STACK)

    def resources(self) -> list[dict[str, Any]]:
        """The resources as last written down, the stack itself and providers left out."""
        return [entry for entry in self._entries() if not entry["type"].startswith("pulumi:")]

    def has_pending(self) -> bool:
        """True when an engine was killed amid an operation."""
        return bool((self._checkpoint().get("latest") or {}).get("pending_operations"))

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs by name as last written down. Secret ones are masked."""
        stack: dict[str, Any] = next((entry for entry in self._entries() if entry["type"] == STACK_TYPE), {})
        outputs = stack.get("outputs") or {}
        return {name: MASK if is_secret(value) else value for name, value in outputs.items()}

    def set_secret(self, key: str, value: str) -> None:
        """Put an encrypted value into the effective config."""
        # By standard input: arguments can be read by every process of the machine.
        self._quiet("config", "set", "--secret", key, "--stack", STACK, typed=value)

    def update(self, command: str, *options: str, watch: Callable[[EventLog], None]) -> Summary:
        """Run `up`, `refresh`, `preview` or `destroy` without questions; what it printed goes to `engine.log`.

        Args:
            watch: called several times a second with what happened so far.

        Raises:
            EngineFailed: with the engine's own errors.
            Interrupted: after Ctrl-C, once the engine has written its state and let go of its lock.
        """
        events = self._state.temporary / f"events-{command}.json"
        events.unlink(missing_ok=True)
        log = EventLog(events)

        def tick() -> None:
            log.poll()
            watch(log)

        arguments = [command, *options, "--stack", STACK, "--non-interactive", "--event-log", str(events)]
        with log_file(self._state, "engine").open("ab") as output, self._provider() as provider:
            output.write(f"\n--- pulumi {command} {' '.join(options)}\n".encode())
            output.flush()
            status = self._run(arguments, provider.port, output=output, tick=tick)
        tick()
        events.unlink(missing_ok=True)
        if status != 0:
            raise self._failure(command, status, log.summary)
        return log.summary

    def interactive(self, arguments: Sequence[str]) -> int:
        """Run any engine command on this terminal and return its status."""
        with self._provider() as provider:
            return self._run(list(arguments), provider.port, output=None)

    def clear_leftovers(self) -> bool:
        """End an engine or provider whose runner was killed, and let go of a lock whose engine is dead.

        Raises:
            LocalError: an engine that somebody else started is at work on the stack.
        """
        processes.end(self._state, "engine", first=signal.SIGINT, patience=STOP_SECONDS)
        processes.end(self._state, "provider")
        for attributes in self._folder.rglob("*.attrs"):
            # Cut short by a kill, it would make the intact state beside it unreadable; whole, nothing needs it.
            attributes.unlink()
        locks = sorted((self._folder / "locks").glob(f"*/{self._project}/{STACK}/*.json"))
        for lock in locks:
            holder = read_json(lock).get("pid")
            if isinstance(holder, int) and _is_engine(holder):
                raise LocalError(
                    "Another Pulumi engine works on the local stack.",
                    why=f"Process {holder} holds the lock.",
                    fix="Wait until it ends, or end it, then run the command again.",
                )
        if locks:
            self._quiet("cancel", "--yes", "--stack", STACK)
        return bool(locks)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """One AWS provider for the commands run inside, getting ready from now on: each start of it costs a second."""
        with self._provider() as provider:
            self._attached = provider
            try:
                yield
            finally:
                self._attached = None

    @contextmanager
    def _provider(self) -> Iterator[AttachedProvider]:
        """The AWS provider, for one command or for those of `attached`."""
        if self._attached is not None:
            yield self._attached
            return
        provider = AttachedProvider(self._state)
        try:
            yield provider
        finally:
            provider.end()

    def _environment(self, port: int | None) -> dict[str, str]:
        return environment.engine(
            self._state, tools=self._engine.folders, passphrase=self._passphrase, provider_port=port
        )

    def _run(
        self, arguments: list[str], port: int, *, output: IO[bytes] | None, tick: Callable[[], object] = lambda: None
    ) -> int:
        """Run the engine to its end, passing one interruption on. Returns its status."""
        process = subprocess.Popen(
            [str(self._engine.binary), *arguments],
            env=self._environment(port),
            cwd=self._state.root,
            stdin=None if output is None else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        processes.remember(self._state, "engine", process.pid)
        try:
            while process.poll() is None:
                tick()
                _wait(process, POLL_SECONDS)
        except KeyboardInterrupt:
            # To the engine alone: its language host ends with it.
            process.send_signal(signal.SIGINT)
            _wait_for_end(process)
            raise Interrupted(
                "Stopped.",
                why="The engine finished what it was doing and wrote its state.",
                fix="Run the same command again to go on.",
            ) from None
        finally:
            processes.end(self._state, "engine", first=signal.SIGINT, patience=STOP_SECONDS)
        return process.returncode

    def _quiet(self, *arguments: str, typed: str | None = None) -> str:
        """Run a short command that needs no provider; its standard output."""
        answer = subprocess.run(
            [str(self._engine.binary), *arguments, "--non-interactive"],
            env=self._environment(None),
            cwd=self._state.root,
            input=typed if typed is not None else "",
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise EngineFailed(
                f"`pulumi {' '.join(arguments[:2])}` failed (status {answer.returncode}).", why=answer.stderr.strip()
            )
        return answer.stdout

    def _failure(self, command: str, status: int, summary: Summary) -> EngineFailed:
        log = log_file(self._state, "engine")
        why = "\n        ".join(summary.errors) or processes.last_line(log) or "The engine said nothing."
        if status < 0:
            why = f"It was killed by signal {-status}."
        return EngineFailed(
            f"`pulumi {command}` failed (status {status}).",
            why=why,
            fix="Mend the cause and run the command again: it goes on where it stopped.",
            log=log,
        )

    def _checkpoint_file(self) -> Path:
        return self._folder / "stacks" / self._project / f"{STACK}.json"

    def _entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (self._checkpoint().get("latest") or {}).get("resources") or []
        return entries

    def _checkpoint(self) -> dict[str, Any]:
        content: dict[str, Any] = read_json(self._checkpoint_file()).get("checkpoint") or {}
        return content


def _is_engine(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "pulumi" in process.name()
    except psutil.Error:
        return False


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Wait for the engine to end after its interruption; a second Ctrl-C, or too long a wait, ends it at once."""
    try:
        process.wait(STOP_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
