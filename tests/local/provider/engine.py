"""What the engine does to a provider, over real gRPC, with plain Python values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.provider.__main__ import start
from local.provider.server import Provider
from local.provider.values import Properties, read, write

SEED = b"a seed of the engine"
PROVIDER_URN = "urn:pulumi:local::rendioai::pulumi:providers:aws::default"


def urn(type_: str, name: str, stack: str = "local") -> str:
    return f"urn:pulumi:{stack}::rendioai::{type_}::{name}"


class Refused(Exception):
    """The provider ended a call with an error, or Check found failures."""


@dataclass
class Held:
    """A resource as the engine's state has it."""

    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    properties: dict[str, Any]
    secret: frozenset[str] = field(default_factory=frozenset)

    @property
    def urn(self) -> str:
        return urn(self.type, self.name)


class Engine:
    """A provider of its own, configured for one user of the emulator. A context manager."""

    def __init__(self, state: Path | None, program: Path, config: dict[str, Any]) -> None:
        self._config = config
        self.provider = Provider(state, program)
        self._server, port = start(self.provider)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def __enter__(self) -> Engine:
        self.configure(self._config)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self._server.stop(None).wait()

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request)
        except grpc.RpcError as error:
            raise Refused(error.details()) from None

    def configure(self, config: dict[str, Any]) -> None:
        self._call("Configure", provider_pb2.ConfigureRequest(args=write(Properties(config))))

    def check_config(self, config: dict[str, Any], at: str = PROVIDER_URN) -> None:
        self._call("CheckConfig", provider_pb2.CheckRequest(urn=at, news=write(Properties(config))))

    def check(
        self, type_: str, name: str, inputs: dict[str, Any], old: dict[str, Any] | None = None,
        secret: frozenset[str] = frozenset(), seed: bytes = SEED,
    ) -> Properties:  # fmt: skip
        request = provider_pb2.CheckRequest(
            urn=urn(type_, name),
            olds=write(Properties(old or {})),
            news=write(Properties(inputs, secret)),
            randomSeed=seed,
        )
        answer = self._call("Check", request)
        if answer.failures:
            raise Refused("\n".join(failure.reason for failure in answer.failures))
        return read(answer.inputs)

    def preview(self, type_: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        checked = self.check(type_, name, inputs)
        request = provider_pb2.CreateRequest(urn=urn(type_, name), properties=write(checked), preview=True)
        return read(self._call("Create", request).properties).values

    def create(
        self, type_: str, name: str, inputs: dict[str, Any], secret: frozenset[str] = frozenset(), seed: bytes = SEED
    ) -> Held:
        checked = self.check(type_, name, inputs, secret=secret, seed=seed)
        request = provider_pb2.CreateRequest(urn=urn(type_, name), properties=write(checked))
        answer = self._call("Create", request)
        made = read(answer.properties)
        return Held(type_, name, answer.id, checked.values, made.values, made.secret)

    def refresh(self, held: Held) -> Held | None:
        """What is there now; None when it is gone."""
        request = provider_pb2.ReadRequest(
            id=held.id, urn=held.urn, properties=write(Properties(held.properties, held.secret)),
            inputs=write(Properties(held.inputs)),
        )  # fmt: skip
        answer = self._call("Read", request)
        if not answer.id:
            return None
        found = read(answer.properties)
        return Held(held.type, held.name, answer.id, read(answer.inputs).values, found.values, found.secret)

    def diff(self, held: Held, inputs: dict[str, Any]) -> Any:
        checked = self.check(held.type, held.name, inputs, held.inputs)
        request = provider_pb2.DiffRequest(
            id=held.id, urn=held.urn, olds=write(Properties(held.properties)), news=write(checked),
            old_inputs=write(Properties(held.inputs)),
        )  # fmt: skip
        return self._call("Diff", request)

    def update(self, held: Held, inputs: dict[str, Any], *, preview: bool = False) -> Held:
        checked = self.check(held.type, held.name, inputs, held.inputs)
        request = provider_pb2.UpdateRequest(
            id=held.id, urn=held.urn, olds=write(Properties(held.properties)), news=write(checked),
            old_inputs=write(Properties(held.inputs)), preview=preview,
        )  # fmt: skip
        made = read(self._call("Update", request).properties)
        return Held(held.type, held.name, held.id, checked.values, made.values, made.secret)

    def delete(self, held: Held) -> None:
        request = provider_pb2.DeleteRequest(
            id=held.id, urn=held.urn, properties=write(Properties(held.properties)),
            old_inputs=write(Properties(held.inputs)),
        )  # fmt: skip
        self._call("Delete", request)
