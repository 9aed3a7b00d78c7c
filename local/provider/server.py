"""The provider's side of Pulumi's gRPC protocol.

Source: github.com/pulumi/pulumi, proto/pulumi/provider.proto (v3.250.0). An attached provider gets no folder of
the program from the engine; it is known from the project file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.provider import checks, differences, functions, lifecycle, values
from local.provider.catalogue import Catalogue
from local.provider.configuration import Aws, Configuration, refuse_other_stacks
from local.provider.errors import Gone
from local.provider.failures import words
from local.provider.journal import Journal
from local.provider.kind import Resource
from local.provider.lifecycle import Lifecycle
from local.provider.sdk import VERSION, Sdk
from local.provider.values import UNKNOWN, Properties

LOG = logging.getLogger(__name__)
_KINDS = {
    differences.ADD: (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    differences.UPDATE: (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
    differences.DELETE: (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one engine command.

    Args:
        state: the state folder; None keeps nothing on disk.
        program: the folder of the Pulumi program.
    """

    def __init__(self, state: Path | None, program: Path) -> None:
        folder = state / "provider" if state else None
        self._state, self._program = state, program
        self._catalogue = Catalogue()
        self._sdk = Sdk(folder)
        self._journal = Journal(folder)
        self._lifecycle: Lifecycle | None = None
        self._region = "us-east-1"
        self.cancelled = threading.Event()

    # The engine's greeting

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False, accept_outputs=False)

    def Attach(self, request: Any, context: Any) -> Any:
        self.cancelled.clear()  # an engine cancels its providers when it ends; this is the next one
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def Cancel(self, request: Any, context: Any) -> Any:
        """Ctrl-C: calls that run are finished, no new one begins."""
        self.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        def check() -> Any:
            refuse_other_stacks(request.urn)
            config = values.read(request.news).values
            if not values.has_unknown(config):
                Configuration.of(config)
            return provider_pb2.CheckResponse(inputs=request.news)

        return self._answer(context, request.urn, check)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        """Ports and keys of the laptop cloud may change; that never replaces a resource."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        def configure() -> Any:
            configuration = Configuration.of(values.read(request.args).values)
            aws = Aws(configuration)
            self._region = configuration.region
            self._lifecycle = Lifecycle(aws, self._journal, self._program, self._state)
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True, supportsPreview=True, acceptResources=False, acceptOutputs=False
            )

        return self._answer(context, "the provider's configuration", configure)

    # Resources

    def Check(self, request: Any, context: Any) -> Any:
        def check() -> Any:
            refuse_other_stacks(request.urn)
            resource = self._resource(request.urn)
            described = self._sdk.describe(resource.resource_type)
            news, olds = values.read(request.news), values.read(request.olds)
            inputs = {name: value for name, value in news.values.items() if value is not None}
            inputs = checks.named(resource, _name(request.urn), inputs, olds.values, bytes(request.randomSeed))
            failures = [
                # Without `property`: the engine would print the value beside it, which may be a secret.
                provider_pb2.CheckFailure(reason=f"{problem.property}: {problem.reason}")
                for problem in checks.problems(resource, inputs, described, self._region)
            ]
            return provider_pb2.CheckResponse(inputs=values.write(Properties(inputs, news.secret)), failures=failures)

        return self._answer(context, request.urn, check)

    def Diff(self, request: Any, context: Any) -> Any:
        def diff() -> Any:
            resource = self._resource(request.urn)
            self._journal.known(request.urn, request.id)
            old = values.read(request.old_inputs).values or values.read(request.olds).values
            new = values.read(request.news).values
            found = differences.changes(old, new, resource.documents)
            detailed, replaces = {}, []
            together = resource.also_replaced(old, new)
            for change in found:
                replace = change.plain in together or resource.twin.replaces(change.plain, self._region)
                detailed[change.path] = provider_pb2.PropertyDiff(kind=_KINDS[change.kind][replace], inputDiff=True)
                if replace:
                    replaces.append(change.path)
            first = bool(replaces) and (resource.replaced_in_order or _keeps_explicit_name(resource, old, new))
            return provider_pb2.DiffResponse(
                changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
                diffs=sorted({change.plain.partition(".")[0] for change in found}),
                replaces=replaces,
                deleteBeforeReplace=first,
                detailedDiff=detailed,
                hasDetailedDiff=True,
            )

        return self._answer(context, request.urn, diff)

    def Create(self, request: Any, context: Any) -> Any:
        def create() -> Any:
            refuse_other_stacks(request.urn)
            resource = self._resource(request.urn)
            given = values.read(request.properties)
            if request.preview:
                described = self._sdk.describe(resource.resource_type)
                planned = lifecycle.planned(resource, described["outputs"], given.values)
                return provider_pb2.CreateResponse(id="", properties=self._written(resource, planned, given.secret))
            identifier, properties = self._live().create(resource, request.urn, given.values)
            return provider_pb2.CreateResponse(
                id=identifier, properties=self._written(resource, properties, given.secret)
            )

        return self._answer(context, request.urn, create)

    def Read(self, request: Any, context: Any) -> Any:
        def read() -> Any:
            resource = self._resource(request.urn)
            self._journal.known(request.urn, request.id)
            state, inputs = values.read(request.properties), values.read(request.inputs)
            try:
                observed = self._live().read(resource, request.id, state.values)
            except Gone:
                self._journal.deleted(request.urn, request.id)
                return provider_pb2.ReadResponse(id="")
            names = resource.handles - resource.unreadable
            drifted = differences.drifted_inputs(inputs.values, state.values, observed, names)
            merged = {**state.values, **observed, "id": request.id}
            properties = {name: value for name, value in merged.items() if value is not None}
            secret = state.secret | inputs.secret
            return provider_pb2.ReadResponse(
                id=request.id,
                properties=self._written(resource, properties, secret),
                inputs=values.write(Properties(drifted, secret & drifted.keys())),
            )

        return self._answer(context, request.urn, read)

    def Update(self, request: Any, context: Any) -> Any:
        def update() -> Any:
            resource = self._resource(request.urn)
            new, old = values.read(request.news), values.read(request.old_inputs)
            if request.preview:
                renewed = resource.renewed(old.values, new.values)
                kept = {
                    name: value for name, value in values.read(request.olds).values.items() if name not in old.values
                }
                planned = {**kept, **new.values, **dict.fromkeys(renewed, UNKNOWN)}
                if "tagsAll" in planned:
                    planned["tagsAll"] = new.values.get("tags") or {}
                planned = {name: value for name, value in planned.items() if not name.startswith("__")}
                return provider_pb2.UpdateResponse(properties=self._written(resource, planned, new.secret))
            properties = self._live().update(resource, request.urn, request.id, old.values, new.values)
            return provider_pb2.UpdateResponse(properties=self._written(resource, properties, new.secret))

        return self._answer(context, request.urn, update)

    def Delete(self, request: Any, context: Any) -> Any:
        def delete() -> Any:
            known = {**values.read(request.properties).values, **values.read(request.old_inputs).values}
            self._live().delete(self._resource(request.urn), request.urn, request.id, known)
            return empty_pb2.Empty()

        return self._answer(context, request.urn, delete)

    def Invoke(self, request: Any, context: Any) -> Any:
        def invoke() -> Any:
            arguments = values.read(request.args).values
            result = functions.invoke(self._live().aws, request.tok, arguments)
            answer = provider_pb2.InvokeResponse()
            # A keyword in Python, so it cannot be an argument.
            getattr(answer, "return").CopyFrom(values.write(Properties(result)))
            return answer

        return self._answer(context, request.tok, invoke)

    # What they share

    def _resource(self, urn: str) -> Resource:
        return self._catalogue.resource(_type(urn))

    def _live(self) -> Lifecycle:
        if self._lifecycle is None:
            raise RuntimeError("The engine asked for a resource before it configured the provider.")
        return self._lifecycle

    def _written(self, resource: Resource, properties: Mapping[str, Any], secret: frozenset[str]) -> struct_pb2.Struct:
        marked = (secret | resource.secret) & properties.keys()
        return values.write(Properties(dict(properties), frozenset(marked)))

    def _answer(self, context: Any, about: str, work: Callable[[], Any]) -> Any:
        """Run `work`; its failure ends the call with a message that names the resource and holds no secret."""
        if self.cancelled.is_set():
            context.abort(grpc.StatusCode.CANCELLED, "The command was interrupted.")
        try:
            return work()
        except Exception as error:  # the boundary: whatever went wrong must reach the engine as words
            LOG.debug("%s failed", about, exc_info=error)
            message = words(about, error)
        context.abort(grpc.StatusCode.UNKNOWN, message)
        raise AssertionError("abort raises")


def _type(urn: str) -> str:
    """`aws:s3/bucket:Bucket` from a URN whose type may be `parent$child`."""
    return urn.split("::")[2].rpartition("$")[2]


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _keeps_explicit_name(resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """True when old and new would have the same name, chosen by the program: the old one must go first.

    Source: pulumi-terraform-bridge, pkg/tfbridge/provider.go, nameRequiresDeleteBeforeReplace.
    """
    rule = resource.autoname
    if rule is None or not checks.has_explicit_name(resource, new):
        return False
    return bool(old.get(rule.property) == new.get(rule.property))
