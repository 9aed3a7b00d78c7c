"""EC2: what its resource types have in common: tags, and being found again by the creation's tag."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from local.provider.errors import Gone
from local.provider.kind import (
    CREATION_TAG,
    Call,
    Inputs,
    Observed,
    Resource,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_pairs,
)


class Ec2Resource(Resource, abc.ABC):
    """A resource to which EC2 gives the id."""

    kind: ClassVar[str]  # in TagSpecifications and ARNs: `vpc`
    describe: ClassVar[tuple[str, str, str, str]]  # call, its parameter for ids, the list in its answer, the id's name

    @abc.abstractmethod
    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        """Create it with these TagSpecifications and return its id."""

    @abc.abstractmethod
    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        """Its properties, from EC2's description of it."""

    @abc.abstractmethod
    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None: ...

    def change(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        """Everything of an update but tags."""
        return

    def create(self, call: Call, inputs: Inputs) -> str:
        specification = {"ResourceType": self.kind, "Tags": tag_pairs(inputs.get("tags"), call.token)}
        return self.make(call, inputs, [specification])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        return self.observe(call, self.found(call, identifier), known)

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            self.change(call, identifier, old, new)
            retag(call.client("ec2"), identifier, old, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            self.remove(call.client("ec2"), identifier, known)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        if not call.token:
            return None
        method, _, answer, name = self.describe
        mark = {"Name": f"tag:{CREATION_TAG}", "Values": [call.token]}
        for found in getattr(call.client("ec2"), method)(Filters=[mark])[answer]:
            # Not every emulator filters.
            if {"Key": CREATION_TAG, "Value": call.token} in found.get("Tags", ()):
                return str(found[name])
        return None

    def found(self, call: Call, identifier: str) -> dict[str, Any]:
        """EC2's description of it. Raises Gone."""
        method, parameter, answer, name = self.describe
        with gone_if_missing():
            listed = getattr(call.client("ec2"), method)(**{parameter: [identifier]})[answer]
        match = next((found for found in listed if found[name] == identifier), None)
        if match is None:
            raise Gone(f"There is no {self.kind} {identifier}.")
        return dict(match)

    def arn(self, call: Call, identifier: str) -> str:
        return f"arn:aws:ec2:{call.aws.region}:{call.aws.account}:{self.kind}/{identifier}"


def retag(ec2: Any, identifier: str, old: Inputs, new: Inputs) -> None:
    """Bring the tags of any EC2 resource from old to new."""
    removed, added = tag_changes(old, new)
    if removed:
        ec2.delete_tags(Resources=[identifier], Tags=[{"Key": name} for name in removed])
    if added:
        ec2.create_tags(Resources=[identifier], Tags=tag_pairs(added))
