"""What the installed pulumi_aws says of a resource type: its inputs with their types, and its outputs.

Loading the SDK's modules takes seconds, so the description of each type is kept in the state folder,
under the SDK's version.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import sys
import threading
import types
import typing
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.provider.errors import ProviderError
from local.state import read_json, write_json

VERSION = importlib.metadata.version("pulumi_aws")
# Another description of the same SDK gets another file.
_REVISION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
MODULES = {"lambda": "lambda_"}
# What may come beside a resource's own properties.
META = frozenset({"__defaults", "__internal"})


class Sdk:
    """Descriptions of resource types: `{"inputs": {name: Type}, "required": [name], "outputs": [name]}`.

    A Type is `{"kind": "string" | "integer" | "number" | "boolean" | "file" | "any"}`,
    `{"kind": "list" | "map", "of": Type}` or `{"kind": "object", "inputs": {…}, "required": […]}`.

    Args:
        folder: where descriptions are kept; None keeps them in memory alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / f"sdk-{VERSION}-{_REVISION}.json" if folder else None
        self._known: dict[str, Any] = read_json(self._file) if self._file else {}
        self._lock = threading.Lock()

    def describe(self, token: str) -> dict[str, Any]:
        """The description of a type such as `aws:s3/bucket:Bucket`.

        Raises:
            ProviderError: the SDK has no such type.
        """
        with self._lock:
            if token not in self._known:
                self._known[token] = _resource(token)
                if self._file:
                    self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    write_json(self._file, self._known)
            description: dict[str, Any] = self._known[token]
            return description


def _resource(token: str) -> dict[str, Any]:
    package, _, path = token.partition(":")
    module_name, _, rest = path.partition("/")
    name = rest.partition(":")[2]
    try:
        with warnings.catch_warnings():
            # The SDK's modules announce their own deprecated types when they are loaded, which is at first use.
            warnings.simplefilter("ignore", DeprecationWarning)
            module = importlib.import_module(f"pulumi_{package}.{MODULES.get(module_name, module_name)}")
            resource = getattr(module, name)
        # Beside the resource: a nested type of another resource may have the same name.
        beside = vars(sys.modules[resource.__module__])
        arguments = beside[f"{name}InitArgs"] if f"{name}InitArgs" in beside else beside[f"{name}Args"]
    except (ImportError, AttributeError, KeyError) as error:
        raise ProviderError(
            f"pulumi_aws {VERSION} has no resource type {token}.", fix="Use a type of the installed SDK."
        ) from error
    described = _object(arguments, ())
    return {**described, "outputs": sorted(name for name, _ in _properties(resource))}


def _properties(owner: type) -> list[tuple[str, property]]:
    found = [
        (getattr(member.fget, "_pulumi_name", None) or name, member)
        for name, member in vars(owner).items()
        if isinstance(member, property)
    ]
    return sorted(found, key=lambda pair: pair[0])


def _object(owner: type, within: tuple[type, ...]) -> dict[str, Any]:
    namespace = vars(sys.modules[owner.__module__])
    # The SDK's alias for inputs refers to these two by name.
    import pulumi  # the SDK is loaded on demand

    local = {"Output": pulumi.Output, "T": type(None)}
    inputs: dict[str, Any] = {}
    required: list[str] = []
    for name, member in _properties(owner):
        hint = typing.get_type_hints(member.fget, namespace, local)["return"]
        inputs[name] = _type(hint, (*within, owner))
        if not _optional(hint):
            required.append(name)
    return {"kind": "object", "inputs": inputs, "required": required}


def _optional(hint: Any) -> bool:
    if _is_union(hint):
        return any(argument is type(None) or _optional(argument) for argument in typing.get_args(hint)[:1]) or (
            type(None) in typing.get_args(hint)
        )
    return False


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _type(hint: Any, within: tuple[type, ...]) -> dict[str, Any]:
    if _is_union(hint):
        choices = [part for part in typing.get_args(hint) if not _is_wrapper(part)]
        described = [_type(choice, within) for choice in choices]
        # An enum stands beside the string it is sent as, an asset beside an archive.
        kinds = [part for part in described if part["kind"] != "any"] or described
        return kinds[0] if kinds else {"kind": "any"}
    origin = typing.get_origin(hint)
    if origin in (list, Sequence):
        return {"kind": "list", "of": _type(typing.get_args(hint)[0], within)}
    if origin in (dict, Mapping):
        return {"kind": "map", "of": _type(typing.get_args(hint)[1], within)}
    simple = {str: "string", int: "integer", float: "number", bool: "boolean"}.get(hint)
    if simple:
        return {"kind": simple}
    if isinstance(hint, type):
        if hint.__module__ == "pulumi.asset":
            return {"kind": "file"}
        if hint.__name__.endswith("Args") and hint not in within:
            return _object(hint, within)
    return {"kind": "any"}


def _is_wrapper(hint: Any) -> bool:
    """Awaitables and outputs of a value, which the engine never sees."""
    if hint is type(None):
        return True
    origin = typing.get_origin(hint) or hint
    return getattr(origin, "__name__", "") in ("Awaitable", "Output")
