"""What a module of a service says about each resource type it makes."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from local.provider.configuration import Aws
from local.provider.errors import Gone
from local.provider.twins import Twin

Inputs = Mapping[str, Any]
Observed = dict[str, Any]

# Put on what AWS names itself, so that a creation whose answer was lost can be found again.
CREATION_TAG = "rendio:creation"


@dataclass(frozen=True)
class Autoname:
    """How the provider's bridge names a resource that was given no name.

    Attributes:
        property: which input is the name.
        longest: in characters.
        lower: only lower-case letters are allowed.
        suffix: a fixed ending (`.fifo`) is not needed here, so there is none.
    """

    property: str = "name"
    longest: int = 255
    lower: bool = False


@dataclass(frozen=True)
class Call:
    """What surrounds one call: clients, folders, and where the new id is noted at once.

    Attributes:
        program: the folder of the Pulumi program, from which relative archives are read.
        state: the state folder.
        token: of the creation, for `CREATION_TAG`.
        made: to be told the id as soon as AWS gave it, before anything else can fail.
    """

    aws: Aws
    program: Path
    state: Path | None = None
    token: str = ""
    made: Callable[[str], None] = lambda _: None

    def client(self, service: str) -> Any:
        return self.aws.client(service)


@dataclass(frozen=True)
class Made:
    """A creation whose outputs cannot be read again later."""

    id: str
    outputs: Mapping[str, Any]


class Resource(abc.ABC):
    """One resource type. Properties are plain Python, under Pulumi's names."""

    resource_type: ClassVar[str]
    twin: ClassVar[Twin]
    # Every input property it really sets; any other is refused by name.
    handles: ClassVar[frozenset[str]]
    autoname: ClassVar[Autoname | None] = None
    # Inputs that are policies, compared by meaning.
    documents: ClassVar[frozenset[str]] = frozenset()
    # Outputs that are secrets whatever the program says.
    secret: ClassVar[frozenset[str]] = frozenset()
    # Inputs that are sent but cannot be read back (archives, switches of the provider itself).
    unreadable: ClassVar[frozenset[str]] = frozenset()
    # True: the old one always goes before its replacement is created, since two cannot be.
    replaced_in_order: ClassVar[bool] = False

    @abc.abstractmethod
    def create(self, call: Call, inputs: Inputs) -> str | Made:
        """Make it and return its id."""

    @abc.abstractmethod
    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        """Its properties as they are now: inputs in the program's form, and outputs. None where there is no value.

        Raises:
            Gone: it does not exist.
        """

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        """Bring what exists from `old` to `new` (both inputs). Only changes that replace nothing come here."""
        raise NotImplementedError(f"Every change of {self.resource_type} replaces it.")

    @abc.abstractmethod
    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        """Remove it. What is gone already is no error."""

    def find(self, call: Call, inputs: Inputs) -> str | None:
        """The id of what a creation with these inputs, or with `call.token`, left behind; None when nothing is."""
        return None

    def check(self, inputs: Inputs) -> Iterable[tuple[str, str]]:
        """Further problems of the inputs, as (property, problem)."""
        return ()

    def renewed(self, old: Inputs, new: Inputs) -> frozenset[str]:
        """Outputs that an update from `old` to `new` will change, so that a preview cannot know them."""
        return frozenset()

    def also_replaced(self, old: Inputs, new: Inputs) -> frozenset[str]:
        """Properties that replace because of how they changed, where a property alone does not tell."""
        return frozenset()

    def computed(self, inputs: Inputs) -> frozenset[str]:
        """Optional inputs that AWS fills in when they are not given; unknown in a preview."""
        return frozenset()

    def journal_inputs(self, inputs: Inputs) -> dict[str, Any]:
        """What `find` and `delete` need of a creation that was cut short: names, parents, switches."""
        return {
            name: value
            for name, value in inputs.items()
            if isinstance(value, (str, int))
            and len(str(value)) <= 300
            and name not in self.documents
            and name not in self.secret
        }


def code(error: ClientError) -> str:
    """AWS's name of an error: `NoSuchBucket`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """True when AWS says that the thing does not exist."""
    name = code(error)
    return (
        name in ("404", "NoSuchEntity", "ResourceNotFoundException", "NotFoundException")
        or name.startswith(("NoSuch", "InvalidAllocationID.NotFound"))
        or name.endswith(("NotFound", "NotFoundFault", "NotFoundException", "NonExistentQueue", "NotFoundError"))
    )


class gone_if_missing:  # noqa: N801  reads as a statement: `with gone_if_missing():`
    """Turns AWS's many ways of saying "not found" into `Gone`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ClientError) and is_missing(error):
            raise Gone(str(error)) from error


class ignore_missing:  # noqa: N801  reads as a statement: `with ignore_missing():`
    """Lets a deletion of what is gone pass."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, Gone) or (isinstance(error, ClientError) and is_missing(error))


def tags_of(pairs: Iterable[Mapping[str, str]] | None, *, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """AWS's list of tags as a map, without the provider's own."""
    found = {pair[key]: pair[value] for pair in pairs or ()}
    found.pop(CREATION_TAG, None)
    return found


def without_mark(tags: Mapping[str, str] | None) -> dict[str, str]:
    """AWS's map of tags without the provider's own."""
    return {name: value for name, value in (tags or {}).items() if name != CREATION_TAG}


def tag_pairs(tags: Mapping[str, str] | None, token: str = "") -> list[dict[str, str]]:
    """Tags as AWS's list; with the creation's mark when there is one."""
    marked = {**(tags or {}), **({CREATION_TAG: token} if token else {})}
    return [{"Key": name, "Value": str(value)} for name, value in marked.items()]


def tag_changes(old: Inputs, new: Inputs) -> tuple[list[str], dict[str, str]]:
    """Tags to remove, and tags to set."""
    before, after = old.get("tags") or {}, new.get("tags") or {}
    return [name for name in before if name not in after], {
        name: str(value) for name, value in after.items() if before.get(name) != value
    }


def tag_outputs(tags: Mapping[str, str]) -> Observed:
    """`tags` and `tagsAll`; the provider has no default tags here, so they are the same."""
    return {"tags": dict(tags) or None, "tagsAll": dict(tags)}


def given(**arguments: Any) -> dict[str, Any]:
    """The arguments that have a value: AWS refuses nulls."""
    return {name: value for name, value in arguments.items() if value is not None}
