"""What `up` and `down` do with the engine: find drift, mend it, deploy, destroy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from local import drift
from local.errors import LocalError
from local.events import EventLog, Summary
from local.progress import Progress, Step
from local.stack import Stack

UNASKED = ("--yes", "--skip-preview")


@dataclass
class Deployment:
    """What one `up` did.

    Attributes:
        summary: of the last engine run that deployed.
        changed: resources created, updated, replaced or deleted by all runs of this `up`.
        drifts: what was found changed by hand, and mended.
    """

    summary: Summary
    changed: int = 0
    drifts: list[drift.Drift] = field(default_factory=list)


class Deployer:
    """Deploys and destroys the stack, telling each step.

    Args:
        database_drifts: asks the deployed function what differs in the database.
        fill: puts what the stack leaves empty, such as the secrets' values; gets the stack's outputs.
        meanwhile: called once while the engine deploys, when this program has nothing to do but wait.
    """

    def __init__(
        self,
        stack: Stack,
        progress: Progress,
        *,
        database_drifts: Callable[[], list[drift.Drift]],
        fill: Callable[[dict[str, Any]], None],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self._stack, self._progress = stack, progress
        self._ask_database, self._fill, self._meanwhile = database_drifts, fill, meanwhile

    def deploy(self) -> Deployment:
        """Find drift, name it, deploy so that it is mended.

        The engine looks for drift and deploys in one run: starting it, and asking the program's packages, costs as
        much as the looking.

        Raises:
            EngineFailed: with the engine's own errors.
            LocalError: the database is not as it was deployed, although its access model was applied again.
        """
        with self._stack.attached():
            drifts = [*self._database_drifts(), *self._clear_pending()]
            self._name(drifts)
            with self._progress.step("looking for drift, deploying") as step:
                options = ("--refresh", *self._replacements(drifts))
                summary = self._engine("up", *options, step=step, meanwhile=self._meanwhile)
                drifts += drift.of_resources(summary.found)
                step.say(f"{len(drifts)} drifts, {summary.changed} changes")
        with self._progress.step("secrets, auditor's login"):
            self._fill(self._stack.outputs())
        deployment = Deployment(summary, summary.changed, drifts)
        # With nothing found and nothing changed, the answer from before is the answer still.
        left = self._database_drifts() if drifts or summary.changed else []
        if left:
            # The database itself was lost or restored, which no input of the invocation shows.
            self._apply_again(deployment, left)
        return deployment

    def destroy(self) -> None:
        """Delete every resource; those that are gone already are no error."""
        if not (self._stack.resources() or self._stack.has_pending()):
            return
        with self._progress.step("destroying") as step, self._stack.attached():
            self._engine("refresh", "--clear-pending-creates", step=step)
            summary = self._engine("destroy", step=step)
            step.say(f"{summary.changed} resources gone")

    def _clear_pending(self) -> list[drift.Drift]:
        """Forget what an engine was doing when it was killed, which `up --refresh` does not; drift found on the way."""
        if not self._stack.has_pending():
            return []
        with self._progress.step("clearing what was cut short") as step:
            return drift.of_resources(self._engine("refresh", "--clear-pending-creates", step=step).changes)

    def _apply_again(self, deployment: Deployment, left: list[drift.Drift]) -> None:
        self._name(left)
        with self._progress.step("applying the database's access model again") as step:
            deployment.summary = self._engine("up", *self._replacements(left), step=step)
        deployment.changed += deployment.summary.changed
        deployment.drifts += left
        remaining = self._database_drifts()
        if remaining:
            raise LocalError(
                "The database is still not as it was deployed.",
                why="; ".join(map(str, remaining)),
                fix="Look into `./rendio logs database_admin`.",
            )

    def _database_drifts(self) -> list[drift.Drift]:
        # Before the first application nothing can differ from it.
        return self._ask_database() if drift.invocations(self._stack.resources()) else []

    def _replacements(self, drifts: Iterable[drift.Drift]) -> list[str]:
        if not any(found.is_of_database for found in drifts):
            return []
        return [word for urn in drift.invocations(self._stack.resources()) for word in ("--replace", urn)]

    def _name(self, drifts: Iterable[drift.Drift]) -> None:
        for found in drifts:
            self._progress.note(f"drift: {found}", style="yellow")

    def _engine(
        self, command: str, *options: str, step: Step, meanwhile: Callable[[], object] = lambda: None
    ) -> Summary:
        waiting, named = [meanwhile], 0

        def watch(log: EventLog) -> None:
            nonlocal named
            while waiting:
                waiting.pop()()
            self._name(drift.of_resources(log.summary.found[named:]))
            named = len(log.summary.found)
            now = ", ".join(urn.rsplit("::", 1)[-1] for urn in list(log.running)[:3])
            step.say(f"{log.done or log.read} resources{f', now {now}' if now else ''}")

        return self._stack.update(command, *UNASKED, *options, watch=watch)
