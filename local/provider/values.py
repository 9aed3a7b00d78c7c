"""Values as the engine sends them over gRPC, and as plain Python.

Secrets, assets, archives and resource references travel as maps with a signature, unknowns as a fixed string.
Source: github.com/pulumi/pulumi, sdk/go/common/resource/plugin/rpc.go and sdk/go/common/resource/sig/sig.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
CONFIDENTIAL = "1b47061264138c4ac30d75fd1eb44270"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

UNKNOWN_STRINGS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown:
    """A value that a preview cannot know. There is one: `UNKNOWN`."""

    def __repr__(self) -> str:
        return "<unknown>"

    def __deepcopy__(self, memo: object) -> Unknown:
        return self


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Archive:
    """An archive or asset. Two are the same when their hash is, wherever they lie.

    Attributes:
        kind: `ASSET` or `ARCHIVE`.
        fields: what came with it: `path`, `uri`, `text`, `assets`, `hash`.
    """

    kind: str
    fields: Mapping[str, Any] = field(compare=False)

    @property
    def hash(self) -> str:
        return str(self.fields.get("hash") or "")

    @property
    def path(self) -> str:
        return str(self.fields.get("path") or "")

    def same_as(self, other: object) -> bool:
        if not isinstance(other, Archive) or other.kind != self.kind:
            return False
        if self.hash and other.hash:
            return self.hash == other.hash
        return dict(self.fields) == dict(other.fields)


@dataclass(frozen=True)
class Properties:
    """A resource's properties.

    Attributes:
        values: plain Python: maps, lists, strings, numbers, booleans, None, `UNKNOWN`, `Archive`.
        secret: names of the top-level properties that hold a secret anywhere within.
    """

    values: dict[str, Any]
    secret: frozenset[str] = frozenset()


def read(message: struct_pb2.Struct) -> Properties:
    """Properties out of a gRPC message."""
    secret: set[str] = set()
    values: dict[str, Any] = {}
    for name, value in message.fields.items():
        found: list[bool] = []
        values[name] = _plain(value, found)
        if found:
            secret.add(name)
    return Properties(values, frozenset(secret))


def write(properties: Properties) -> struct_pb2.Struct:
    """Properties as a gRPC message; those named in `secret` are marked as secrets as a whole."""
    message = struct_pb2.Struct()
    for name, value in properties.values.items():
        encoded = _encoded(value)
        if name in properties.secret:
            encoded = {SIGNATURE: CONFIDENTIAL, "value": encoded}
        message.fields[name].CopyFrom(_value(encoded))
    return message


def has_unknown(value: Any) -> bool:
    """True when a preview cannot know the value, or a part of it."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(part) for part in value.values())
    return isinstance(value, list) and any(has_unknown(part) for part in value)


def _plain(value: struct_pb2.Value, secrets: list[bool]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain_map(value.struct_value, secrets)
    if kind == "list_value":
        return [_plain(item, secrets) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWN_STRINGS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def _plain_map(message: struct_pb2.Struct, secrets: list[bool]) -> Any:
    fields = message.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else ""
    if not signature:
        return {name: _plain(part, secrets) for name, part in fields.items()}
    if signature == CONFIDENTIAL:
        secrets.append(True)
        return _plain(fields["value"], secrets)
    if signature in (ASSET, ARCHIVE):
        return Archive(signature, {name: _plain(part, secrets) for name, part in fields.items() if name != SIGNATURE})
    if signature == OUTPUT:
        if "secret" in fields and fields["secret"].bool_value:
            secrets.append(True)
        return _plain(fields["value"], secrets) if "value" in fields else UNKNOWN
    if signature == REFERENCE:
        return _plain(fields["id"], secrets) if "id" in fields else fields["urn"].string_value
    raise ValueError(f"The engine sent a value with the unknown signature {signature}.")


def _encoded(value: Any) -> Any:
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Archive):
        return {SIGNATURE: value.kind, **{name: _encoded(part) for name, part in value.fields.items()}}
    if isinstance(value, Mapping):
        return {str(name): _encoded(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(part) for part in value]
    return value


def _value(value: Any) -> struct_pb2.Value:
    message = struct_pb2.Value()
    if value is None:
        message.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, (int, float)):
        message.number_value = float(value)
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, list):
        message.list_value.values.extend(_value(part) for part in value)
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        for name, part in value.items():
            message.struct_value.fields[name].CopyFrom(_value(part))
    else:
        raise TypeError(f"A property cannot be a {type(value).__name__}.")
    return message
