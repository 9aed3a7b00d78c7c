"""Create, read, update and delete as the engine asks for them, safe against a kill at any moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.errors import LocalError
from local.provider import differences, documents
from local.provider.configuration import Aws
from local.provider.errors import AlreadyExists, Gone, ProviderError
from local.provider.journal import Creation, Journal
from local.provider.kind import Call, Made, Resource, code
from local.provider.values import UNKNOWN

_TAKEN = ("AlreadyExists", "AlreadyOwnedByYou", "ResourceConflict", "ConflictException", "ResourceExists", "NameExists")


@dataclass(frozen=True)
class Lifecycle:
    """Carries out what the engine decided.

    Attributes:
        program: the folder of the Pulumi program.
        state: the state folder; None keeps nothing on disk.
    """

    aws: Aws
    journal: Journal
    program: Path
    state: Path | None

    def create(self, resource: Resource, urn: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Make the resource; its id and properties.

        What an earlier, killed creation of the same URN left behind goes first, so that nothing exists twice.

        Raises:
            AlreadyExists: somebody else has the name.
        """
        for leftover in self.journal.leftovers(urn):
            self._clean(resource, leftover)
        creation = self.journal.begin(urn, resource.resource_type, resource.journal_inputs(inputs))
        call = self._call(creation)
        made: dict[str, Any] = {}
        try:
            answer = resource.create(call, inputs)
            identifier = answer.id if isinstance(answer, Made) else answer
            made = dict(answer.outputs) if isinstance(answer, Made) else {}
        except ClientError as error:
            if _is_taken(error):
                identifier = self._adopt(resource, call, creation, inputs, error)
            else:
                self._give_up(creation, certain=_refused(error))
                raise
        except LocalError:
            self._give_up(creation, certain=True)
            raise
        if creation.id != identifier:
            self.journal.created(creation, identifier)
        return identifier, {**made, **self.properties(resource, identifier, inputs, inputs)}

    def read(self, resource: Resource, identifier: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """What is on AWS now, with policies in the words last seen when they mean the same. Raises Gone."""
        observed = resource.read(self._call(), identifier, known)
        for name in resource.documents & observed.keys():
            if documents.same(observed[name], known.get(name)):
                observed[name] = known.get(name)
        return observed

    def properties(
        self, resource: Resource, identifier: str, inputs: Mapping[str, Any], known: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The resource's whole state: its inputs, overlaid by what AWS says."""
        observed = self.read(resource, identifier, {**known, **inputs})
        merged = {**inputs, **observed, "id": identifier}
        return {name: value for name, value in merged.items() if value is not None and not name.startswith("__")}

    def update(
        self, resource: Resource, urn: str, identifier: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Bring the resource from its old inputs to the new ones; its properties afterwards."""
        self.journal.known(urn, identifier)
        try:
            resource.update(self._call(), identifier, old, new)
            return self.properties(resource, identifier, new, {})
        except Gone as error:
            raise ProviderError(
                f"{identifier} does not exist any more.",
                why="It was deleted by hand, or the emulator lost it.",
                fix="Run `pulumi refresh` (`make up` does), then try again.",
            ) from error

    def delete(self, resource: Resource, urn: str, identifier: str, known: Mapping[str, Any]) -> None:
        """Remove the resource; what is gone already counts as removed."""
        self.journal.known(urn, identifier)
        self._remove(resource, identifier, known)
        self.journal.deleted(urn, identifier)

    def _remove(self, resource: Resource, identifier: str, known: Mapping[str, Any]) -> None:
        try:
            resource.delete(self._call(), identifier, known)
        except Gone:
            return

    def _clean(self, resource: Resource, leftover: Creation) -> None:
        """Remove what a creation made whose answer never reached the engine."""
        call = dataclasses.replace(self._call(), token=leftover.token)
        identifier = leftover.id or resource.find(call, leftover.inputs)
        if identifier is not None:
            self._remove(resource, identifier, leftover.inputs)
        self.journal.end(leftover)

    def _adopt(
        self, resource: Resource, call: Call, creation: Creation, inputs: Mapping[str, Any], error: ClientError
    ) -> str:
        """Take over what has the name already, if this provider made it for this very URN."""
        identifier = resource.find(call, inputs)
        if identifier is None or not self.journal.owns(creation.urn, identifier):
            self.journal.end(creation)
            taken = inputs.get(resource.autoname.property) if resource.autoname else identifier
            raise AlreadyExists(
                f"{taken or 'It'} exists already, and this stack did not make it.",
                why=f"{code(error)} from AWS.",
                fix="Delete it, import it with `pulumi import`, or choose another name.",
            ) from error
        observed = resource.read(self._call(), identifier, inputs)
        names = resource.handles - resource.unreadable
        seen = {name: value for name, value in observed.items() if name in names}
        if differences.changes(seen, {name: inputs.get(name) for name in names}, resource.documents):
            resource.update(self._call(), identifier, {**inputs, **seen}, inputs)
        return identifier

    def _give_up(self, creation: Creation, *, certain: bool) -> None:
        """Forget a creation that surely made nothing. One that may have (no answer, half done) is cleaned next time."""
        if certain and creation.id is None:
            self.journal.end(creation)

    def _call(self, creation: Creation | None = None) -> Call:
        self.aws.refuse_other_accounts()
        if creation is None:
            return Call(self.aws, self.program, self.state)
        note = creation

        def made(identifier: str) -> None:
            self.journal.created(note, identifier)

        return Call(self.aws, self.program, self.state, creation.token, made)


def planned(resource: Resource, outputs: list[str], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a resource that a preview would create: what AWS will generate is unknown."""
    result = {name: value for name, value in inputs.items() if value is not None and not name.startswith("__")}
    computed = resource.computed(inputs)
    for name in outputs:
        if name not in result and (name not in resource.handles or name in computed):
            result[name] = UNKNOWN
    if "tagsAll" in outputs:
        result["tagsAll"] = inputs.get("tags") or {}
    return result


def _refused(error: ClientError) -> bool:
    """True when AWS said no; with 5xx the thing may have been made all the same."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return bool(400 <= status < 500)


def _is_taken(error: ClientError) -> bool:
    name = code(error)
    return any(word in name for word in _TAKEN) or name in ("EntityAlreadyExists", "QueueAlreadyExists")
