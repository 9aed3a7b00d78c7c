"""The laptop cloud as one object: brought up, used, taken down. The command line and the tests both use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import Any

from filelock import FileLock, Timeout

from local import accounts, auditor, daemons, drift, engine, lambda_python, ports, processes, secrets, stack_config
from local.accounts import Accounts, Keys
from local.deployment import Deployer, Deployment
from local.environment import aws_client_settings
from local.errors import LocalError
from local.lambda_python import LambdaPython
from local.pace import REAL_TIME, Pace
from local.postgres import instance
from local.progress import Progress, Silent, Step
from local.stack import Stack
from local.state import State, read_json


class Cloud:
    """MiniStack, Postgres, the stand-ins and the stack `local`, in one state folder.

    Tests give it a folder of their own and may run beside the developer's::

        cloud = Cloud(State(REPOSITORY / ".rendio" / "test"))
        cloud.up()
        s3 = cloud.auditor_credentials.client("s3", cloud.url)
        requests.post(cloud.outputs()["api_url"] + "/v1/device-check", …)
        cloud.down()

    `admin_credentials` is root, which the emulator lets do everything: for setting a scene, never for the
    actor of a test.

    With a `pace`, the minutes of alarms and schedules are shorter, for a drill: `start` restarts an emulator that
    runs at another pace, and one without a pace brings it back to real time. `changes` are values of the stack's
    configuration, by section, that are not those of Pulumi.local.yaml.
    """

    def __init__(
        self,
        state: State,
        *,
        progress: Progress | None = None,
        pace: Pace = REAL_TIME,
        changes: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self.state = state
        self._pace, self._changes = pace, changes
        self._progress = progress if progress is not None else Silent()
        self._lock = FileLock(state.root / "run" / "lock", timeout=0)

    # --- what others use

    @property
    def ports(self) -> dict[str, int]:
        """Ports by name of `local.ports.NAMES`; empty before the first start."""
        return dict(read_json(self.state.ports))

    @property
    def url(self) -> str:
        """The AWS endpoint."""
        return daemons.url(self._port("ministack"))

    @property
    def admin_credentials(self) -> Keys:
        return accounts.ROOT

    @property
    def deployer_credentials(self) -> Keys:
        return self._accounts().deployer

    @property
    def auditor_credentials(self) -> Keys:
        return self._accounts().auditor

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs: `api_url`, `images_bucket`…

        Raises:
            LocalError: nothing is deployed.
        """
        self._require_deployed()
        return self.stack.outputs()

    def environment(self) -> dict[str, str]:
        """What outside tools (`aws`, `psql`, `curl`) need in their environment, with the auditor's rights."""
        outputs = self.outputs()
        if "database_endpoint" not in outputs:
            raise LocalError("The stack is not complete.", why="The last `up` did not end.", fix="Run `make up`.")
        keys = self.auditor_credentials
        host, _, port = str(outputs["database_endpoint"]).partition(":")
        return {
            **aws_client_settings(self.url, keys.access_key, keys.secret_key),
            "PGHOST": host,
            "PGPORT": port,
            "PGDATABASE": str(outputs["database_name"]),
            "PGUSER": auditor.LOGIN,
            "PGPASSWORD": auditor.password(self.state),
            "PGSSLMODE": "disable",
            "API_URL": str(outputs["api_url"]),
        }

    # --- its life

    def start(self) -> None:
        """Have every daemon, account and config ready; what runs already and is up to date stays."""
        self.state.create()
        with self._alone():
            self._start()

    def up(self, *, meanwhile: Callable[[], object] = lambda: None) -> Deployment:
        """Start, mend drift, deploy, put the secrets' values. Safe to repeat after any failure or kill.

        Args:
            meanwhile: called once while the engine works and this program only waits.
        """
        self.state.create()
        with self._alone():
            self._start()
            return self._deployer(meanwhile).deploy()

    def preview(self, *, diff: bool = False) -> int:
        """Show on this terminal what `up` would change. Returns the engine's status."""
        return self.pulumi(["preview", *(["--diff"] if diff else [])])

    def pulumi(self, arguments: Sequence[str]) -> int:
        """Run an engine command on this terminal with everything it needs. Returns its status."""
        self.state.create()
        with self._alone():
            self._start()
            return self.stack.interactive(arguments)

    def stop(self) -> list[str]:
        """Stop every process; data stays. Returns what was running."""
        if not self.state.exists():
            return []
        with self._alone():
            return self._stop()

    def down(self, *, force: bool = False) -> None:
        """Destroy the stack, stop everything, delete the state.

        Args:
            force: when the stack cannot be destroyed, go on: all it holds lies in the state folder anyway.
        """
        if self.state.exists():
            with self._alone():
                try:
                    self._destroy()
                except LocalError:
                    if not force:
                        raise
                with self._progress.step("stopping"):
                    self._stop()
        self.state.remove()

    def running(self) -> dict[str, bool]:
        """Which daemons run, by name; Postgres included."""
        alive = {name: processes.is_running(self.state, name) for name in daemons.NAMES}
        return {**alive, "postgres": instance.is_running(self.state)}

    # --- steps

    @cached_property
    def stack(self) -> Stack:
        """The stack as the engine sees it. Finds the engine on first use."""
        with self._progress.step("engine") as step:
            found = engine.find(self._progress.note)
            step.say(f"pulumi {found.version}")
        return Stack(
            self.state, found, project=stack_config.write_project(self.state), passphrase=self._accounts().passphrase
        )

    def _start(self) -> None:
        with self._progress.step("interpreter of the functions") as step:
            python = lambda_python.find(say=self._progress.note)
            step.say(python.runtime)
        with self._progress.step("local cloud") as step:
            self._start_daemons(python, step)
        users = accounts.ensure(self.state, self.url)
        self.stack.ensure()
        stack_config.write_config(
            self.state,
            endpoints=stack_config.Endpoints(
                self.url, *(daemons.url(self._port(name)) for name in ("apple", "fal", "fal_cdn"))
            ),
            machine=stack_config.Machine.here(python.runtime),
            access_key=users.deployer.access_key,
            changes=self._changes,
        )
        self._encrypt_key(users)

    def _start_daemons(self, python: LambdaPython, step: Step) -> None:
        processes.end_strays(self.state)
        running = [name for name in daemons.NAMES if processes.is_running(self.state, name)]
        chosen, moved = ports.choose(self.state, ours=[port for name in running for port in daemons.PORTS_OF[name]])
        for name, old in moved.items():
            self._progress.note(f"port {old} of {name} is taken by another program; {chosen[name]} it is now")
        for daemon in daemons.all_of(self.state, chosen, python, pace=self._pace):
            step.say(f"starting {daemon.name}")
            processes.ensure(self.state, daemon)
        instance.ensure_running(self.state)
        step.say(self.url)

    def _encrypt_key(self, users: Accounts) -> None:
        """Put the deployer's secret key into the config, encrypted; only when it is another than before."""
        marker = self.state.pulumi / "key-of"
        known = marker.read_text() if marker.exists() else ""
        written = stack_config.read(self.state.config).get("config", {}).get("aws:secretKey")
        if known != users.deployer.access_key or not isinstance(written, dict):
            self.stack.set_secret("aws:secretKey", users.deployer.secret_key)
            marker.write_text(users.deployer.access_key)

    def _deployer(self, meanwhile: Callable[[], object] = lambda: None) -> Deployer:
        return Deployer(
            self.stack,
            self._progress,
            database_drifts=lambda: drift.of_database(self.url, self.deployer_credentials),
            fill=self._fill,
            meanwhile=meanwhile,
        )

    def _fill(self, outputs: dict[str, Any]) -> None:
        secrets.put(self.state, self.url, pager_url=f"{daemons.url(self._port('pager'))}/alarms")
        auditor.ensure(self.state, str(outputs.get("database_name", "postgres")))

    def _destroy(self) -> None:
        if not (self.state.config.exists() and self.state.credentials.exists()):
            return
        self._start()
        self._deployer().destroy()

    def _stop(self) -> list[str]:
        stopped = ["postgres"] if instance.is_running(self.state) else []
        for name in reversed(daemons.NAMES):
            if processes.end(self.state, name):
                stopped.append(name)
            if name == "postgres-front":
                instance.stop(self.state)
        for record in processes.remembered(self.state):
            # An engine or provider whose runner was killed.
            processes.end(self.state, record.name)
        processes.end_strays(self.state)
        return stopped

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One command at a time: two would deploy over each other."""
        try:
            self._lock.acquire()
        except Timeout:
            raise LocalError(
                "Another command works on this local cloud.",
                why=f"It holds {self._lock.lock_file}.",
                fix="Wait until it ends, then run the command again.",
            ) from None
        try:
            yield
        finally:
            self._lock.release()

    def _accounts(self) -> Accounts:
        users = accounts.stored(self.state)
        if users is None:
            raise LocalError("The local cloud was never started here.", fix="Run `make up`.")
        return users

    def _port(self, name: str) -> int:
        try:
            return int(self.ports[name])
        except KeyError:
            raise LocalError("The local cloud was never started here.", fix="Run `make up`.") from None

    def _require_deployed(self) -> None:
        if not self.state.config.exists() or not self.stack.exists():
            raise LocalError("Nothing is deployed here.", fix="Run `make up`.")
