"""Lambda: functions. What hangs on a function is in lambda_settings.py, invocations in lambda_invocation.py."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from local.provider.archives import sha256, zipped
from local.provider.errors import Gone, ProviderError
from local.provider.kind import (
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    given,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    without_mark,
)
from local.provider.lambda_invocation import Invocation
from local.provider.lambda_settings import SETTINGS, invoke_arn
from local.provider.shapes import from_aws, to_aws
from local.provider.twins import Own, Twin
from local.provider.values import ARCHIVE, Archive

_FUNCTION = "terraform-provider-aws, internal/service/lambda/function.go"
READY_SECONDS = 60.0
POLL_SECONDS = 0.05
_NAMES = {"targetArn": "TargetArn"}
_VARIABLES = frozenset({"variables"})
_DEFAULT_TIMEOUT, _DEFAULT_MEMORY = 3, 128
_NO_RESERVATION = -1
_NESTED = ("environment", "vpcConfig", "deadLetterConfig", "tracingConfig", "ephemeralStorage", "loggingConfig")


class Function(Resource):
    resource_type = "aws:lambda/function:Function"
    twin = Twin(
        "AWS::Lambda::Function",
        names={
            "name": "FunctionName",
            "vpcConfig.subnetIds": "VpcConfig/SubnetIds",
            "vpcConfig.securityGroupIds": "VpcConfig/SecurityGroupIds",
        },
        own={
            "code": Own("an archive of the program, not a place in S3", "pulumi-aws, provider/resources.go"),
            "publish": Own("CloudFormation has AWS::Lambda::Version; here a switch of the provider", _FUNCTION),
            "sourceCodeHash": Own("a value of the program's that only triggers updates", _FUNCTION),
        },
    )
    handles = frozenset(
        {
            "name", "role", "runtime", "handler", "code", "architectures", "description", "timeout", "memorySize",
            "reservedConcurrentExecutions", "publish", "tags", "layers", "sourceCodeHash", "packageType", *_NESTED,
        }
    )  # fmt: skip
    unreadable = frozenset({"publish", "sourceCodeHash"})
    autoname = Autoname(longest=64)

    def check(self, inputs: Inputs) -> Iterable[tuple[str, str]]:
        if inputs.get("code") is None:
            yield "code", "is required: the laptop cloud runs zip packages alone"
        for name in ("handler", "runtime"):
            if inputs.get(name) is None:
                yield name, "is required for a zip package"

    def create(self, call: Call, inputs: Inputs) -> str:
        name = str(inputs["name"])
        client = call.client("lambda")
        client.create_function(
            FunctionName=name,
            Code={"ZipFile": zipped(inputs["code"], call.program)},
            Tags=dict(inputs.get("tags") or {}),
            **given(Architectures=inputs.get("architectures"), PackageType=inputs.get("packageType")),
            **_configuration(inputs),
        )
        call.made(name)
        _wait(client, name)
        self._reserve(client, name, inputs)
        if inputs.get("publish"):
            client.publish_version(FunctionName=name)
        return name

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        client = call.client("lambda")
        with gone_if_missing():
            function = client.get_function(FunctionName=identifier)
        found = function["Configuration"]
        version = _latest(client, identifier) if known.get("publish") else "$LATEST"
        reserved = (function.get("Concurrency") or {}).get("ReservedConcurrentExecutions")
        arn, region = found["FunctionArn"], call.aws.region
        observed: Observed = {
            "name": identifier,
            "arn": arn,
            "invokeArn": invoke_arn(arn, region),
            "version": version,
            "qualifiedArn": f"{arn}:{version}",
            "qualifiedInvokeArn": invoke_arn(f"{arn}:{version}", region),
            "codeSha256": found["CodeSha256"],
            "sourceCodeSize": found.get("CodeSize", 0),
            "lastModified": found["LastModified"],
            "role": found["Role"],
            "runtime": found.get("Runtime"),
            "handler": found.get("Handler"),
            "architectures": found.get("Architectures") or ["x86_64"],
            "packageType": found.get("PackageType", "Zip"),
            "description": found.get("Description") or None,
            "timeout": found.get("Timeout", _DEFAULT_TIMEOUT),
            "memorySize": found.get("MemorySize", _DEFAULT_MEMORY),
            "reservedConcurrentExecutions": known.get("reservedConcurrentExecutions") if reserved is None else reserved,
            "layers": [layer["Arn"] for layer in found.get("Layers") or ()] or None,
            **tag_outputs(without_mark(function.get("Tags"))),
        }
        for name in _NESTED:
            part = from_aws(found.get(name[:1].upper() + name[1:]), keep=_VARIABLES)
            observed[name] = part if isinstance(part, dict) and any(part.values()) else None
        if "codeSha256" in known and known["codeSha256"] != found["CodeSha256"]:
            # Somebody else's code: an archive that is surely not the program's shows as a change.
            observed["code"] = Archive(ARCHIVE, {"hash": found["CodeSha256"], "assets": {}})
        return observed

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        client = call.client("lambda")
        with gone_if_missing():
            before, after = _configuration(old), _configuration(new)
            if before != after:
                client.update_function_configuration(FunctionName=identifier, **_with_removals(before, after))
                _wait(client, identifier)
            content = zipped(new["code"], call.program)
            current = client.get_function_configuration(FunctionName=identifier)
            renewed = sha256(content) != current["CodeSha256"] or old.get("architectures") != new.get("architectures")
            if renewed:
                client.update_function_code(
                    FunctionName=identifier, ZipFile=content, **given(Architectures=new.get("architectures"))
                )
                _wait(client, identifier)
            if old.get("reservedConcurrentExecutions") != new.get("reservedConcurrentExecutions"):
                self._reserve(client, identifier, new)
            self._tag(client, current["FunctionArn"], old, new)
            if new.get("publish") and (renewed or before != after or not old.get("publish")):
                client.publish_version(FunctionName=identifier)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("lambda").delete_function(FunctionName=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            with gone_if_missing():
                call.client("lambda").get_function_configuration(FunctionName=inputs["name"])
        except Gone:
            return None
        return str(inputs["name"])

    def renewed(self, old: Inputs, new: Inputs) -> frozenset[str]:
        """Source: updateComputedAttributesOnPublish in the file of `_FUNCTION`."""
        code_changed = not _same_code(old.get("code"), new.get("code"))
        outputs = {"lastModified"}
        if code_changed:
            outputs |= {"codeSha256", "sourceCodeSize"}
        if new.get("publish") and (
            code_changed or _configuration(old) != _configuration(new) or not old.get("publish")
        ):
            outputs |= {"version", "qualifiedArn", "qualifiedInvokeArn"}
        return frozenset(outputs)

    @staticmethod
    def _reserve(client: Any, name: str, inputs: Inputs) -> None:
        reserved = inputs.get("reservedConcurrentExecutions")
        if reserved is None or reserved == _NO_RESERVATION:
            client.delete_function_concurrency(FunctionName=name)
        else:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)

    @staticmethod
    def _tag(client: Any, arn: str, old: Inputs, new: Inputs) -> None:
        removed, added = tag_changes(old, new)
        if removed:
            client.untag_resource(Resource=arn, TagKeys=removed)
        if added:
            client.tag_resource(Resource=arn, Tags=added)


def _configuration(inputs: Inputs) -> dict[str, Any]:
    """The arguments that creation and UpdateFunctionConfiguration have in common."""
    arguments = given(
        Role=inputs.get("role"),
        Runtime=inputs.get("runtime"),
        Handler=inputs.get("handler"),
        Description=inputs.get("description"),
        Layers=inputs.get("layers"),
    )
    arguments["Timeout"] = inputs.get("timeout") or _DEFAULT_TIMEOUT
    arguments["MemorySize"] = inputs.get("memorySize") or _DEFAULT_MEMORY
    for name in _NESTED:
        if inputs.get(name):
            arguments[name[:1].upper() + name[1:]] = to_aws(inputs[name], _NAMES, _VARIABLES)
    return arguments


def _with_removals(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What was set and is no more must be sent as empty; Lambda keeps what is not mentioned."""
    empty: dict[str, Any] = {
        "Environment": {"Variables": {}},
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
        "DeadLetterConfig": {},
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
        "Description": "",
        "Layers": [],
    }
    return {**{name: empty[name] for name in before if name not in after and name in empty}, **after}


def _wait(client: Any, name: str) -> None:
    """Wait until the function is active and its last update is through."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        found = client.get_function_configuration(FunctionName=name)
        if found.get("State") == "Failed" or found.get("LastUpdateStatus") == "Failed":
            raise ProviderError(
                f"{name} does not start.", why=str(found.get("StateReason") or found.get("LastUpdateStatusReason"))
            )
        if found.get("State", "Active") == "Active" and found.get("LastUpdateStatus", "Successful") == "Successful":
            return
        time.sleep(POLL_SECONDS)  # a poll: Lambda has no call that waits
    raise ProviderError(f"{name} was not active within {READY_SECONDS:.0f} s.", fix="Read the emulator's log.")


def _latest(client: Any, name: str) -> str:
    """The newest published version; `$LATEST` when there is none."""
    numbers = [
        int(found["Version"])
        for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        for found in page["Versions"]
        if found["Version"].isdigit()
    ]
    return str(max(numbers)) if numbers else "$LATEST"


def _same_code(old: Any, new: Any) -> bool:
    return isinstance(old, Archive) and old.same_as(new)


RESOURCES: tuple[Resource, ...] = (Function(), *SETTINGS, Invocation())
