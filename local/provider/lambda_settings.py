"""Lambda: what hangs on a function: permissions, the handling of failed events, event sources, aliases."""

from __future__ import annotations

import json
from typing import Any

from local.provider.errors import Gone
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
from local.provider.shapes import from_aws, to_aws
from local.provider.twins import Own, Twin

_SOURCES = "terraform-provider-aws, internal/service/lambda/"


class Permission(Resource):
    resource_type = "aws:lambda/permission:Permission"
    twin = Twin(
        "AWS::Lambda::Permission",
        names={"function": "FunctionName", "principalOrgId": "PrincipalOrgID"},
        own={
            "statementId": Own("CloudFormation chooses it", f"{_SOURCES}permission.go", replaces=True),
            "qualifier": Own("part of CloudFormation's FunctionName", f"{_SOURCES}permission.go", replaces=True),
        },
    )
    handles = frozenset(
        {"function", "action", "principal", "sourceArn", "sourceAccount", "principalOrgId", "statementId", "qualifier"}
    )
    autoname = Autoname("statementId", longest=100)

    def create(self, call: Call, inputs: Inputs) -> str:
        call.client("lambda").add_permission(
            FunctionName=inputs["function"],
            StatementId=inputs["statementId"],
            Action=inputs["action"],
            Principal=inputs["principal"],
            **given(
                SourceArn=inputs.get("sourceArn"),
                SourceAccount=inputs.get("sourceAccount"),
                PrincipalOrgID=inputs.get("principalOrgId"),
                Qualifier=inputs.get("qualifier"),
            ),
        )
        return str(inputs["statementId"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        qualifier = given(Qualifier=known.get("qualifier"))
        with gone_if_missing():
            policy = json.loads(call.client("lambda").get_policy(FunctionName=known["function"], **qualifier)["Policy"])
        statement = next((found for found in policy["Statement"] if found["Sid"] == identifier), None)
        if statement is None:
            raise Gone(f"{known['function']} has no permission {identifier}.")
        conditions = {
            name.lower(): value for test in statement.get("Condition", {}).values() for name, value in test.items()
        }
        principal = statement["Principal"]
        return {
            "statementId": identifier,
            "function": known["function"],
            "action": statement["Action"],
            "principal": principal if isinstance(principal, str) else next(iter(principal.values())),
            "sourceArn": conditions.get("aws:sourcearn"),
            "sourceAccount": conditions.get("aws:sourceaccount"),
            "principalOrgId": conditions.get("aws:principalorgid"),
        }

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("lambda").remove_permission(
                FunctionName=known["function"], StatementId=identifier, **given(Qualifier=known.get("qualifier"))
            )

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            return str(self.read(call, str(inputs["statementId"]), inputs)["statementId"])
        except Gone:
            return None


class FunctionEventInvokeConfig(Resource):
    resource_type = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    twin = Twin("AWS::Lambda::EventInvokeConfig")
    handles = frozenset(
        {"functionName", "qualifier", "maximumRetryAttempts", "maximumEventAgeInSeconds", "destinationConfig"}
    )

    def create(self, call: Call, inputs: Inputs) -> str:
        self._put(call, inputs)
        name, qualifier = inputs["functionName"], inputs.get("qualifier")
        return f"{name}:{qualifier}" if qualifier else str(name)

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        name, _, qualifier = identifier.partition(":")
        with gone_if_missing():
            found = call.client("lambda").get_function_event_invoke_config(
                FunctionName=name, **given(Qualifier=qualifier or None)
            )
        destinations = from_aws(found.get("DestinationConfig") or {})
        return {
            "functionName": name,
            "qualifier": qualifier or None,
            "maximumRetryAttempts": found.get("MaximumRetryAttempts"),
            "maximumEventAgeInSeconds": found.get("MaximumEventAgeInSeconds"),
            "destinationConfig": {side: where for side, where in destinations.items() if where} or None,
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            self._put(call, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        name, _, qualifier = identifier.partition(":")
        with ignore_missing():
            call.client("lambda").delete_function_event_invoke_config(
                FunctionName=name, **given(Qualifier=qualifier or None)
            )

    def _put(self, call: Call, inputs: Inputs) -> None:
        call.client("lambda").put_function_event_invoke_config(
            FunctionName=inputs["functionName"],
            **given(
                Qualifier=inputs.get("qualifier"),
                MaximumRetryAttempts=inputs.get("maximumRetryAttempts"),
                MaximumEventAgeInSeconds=inputs.get("maximumEventAgeInSeconds"),
                DestinationConfig=to_aws(inputs["destinationConfig"]) if inputs.get("destinationConfig") else None,
            ),
        )


class EventSourceMapping(Resource):
    resource_type = "aws:lambda/eventSourceMapping:EventSourceMapping"
    _settable = (
        "batchSize", "maximumBatchingWindowInSeconds", "functionResponseTypes", "enabled", "scalingConfig",
        "filterCriteria", "functionName",
    )  # fmt: skip
    twin = Twin("AWS::Lambda::EventSourceMapping")
    handles = frozenset({"eventSourceArn", "tags", *_settable})

    def create(self, call: Call, inputs: Inputs) -> str:
        made = call.client("lambda").create_event_source_mapping(
            EventSourceArn=inputs["eventSourceArn"], **given(Tags=inputs.get("tags")), **self._arguments(inputs)
        )
        return str(made["UUID"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            found = call.client("lambda").get_event_source_mapping(UUID=identifier)
            tags = call.client("lambda").list_tags(Resource=found["EventSourceMappingArn"])["Tags"]
        arn = found["FunctionArn"]
        name = str(known.get("functionName") or arn)
        return {
            "uuid": identifier,
            "arn": found["EventSourceMappingArn"],
            **tag_outputs(without_mark(tags)),
            "eventSourceArn": found["EventSourceArn"],
            "functionArn": arn,
            "functionName": name if arn in (name, f"{arn.rpartition(':')[0]}:{name}") else arn,
            "batchSize": found.get("BatchSize"),
            "maximumBatchingWindowInSeconds": found.get("MaximumBatchingWindowInSeconds"),
            "functionResponseTypes": found.get("FunctionResponseTypes") or None,
            "enabled": found.get("State", "Enabled") in ("Enabled", "Enabling", "Creating", "Updating"),
            "scalingConfig": from_aws(found.get("ScalingConfig") or {}) or None,
            "filterCriteria": from_aws(found.get("FilterCriteria") or {}) or None,
            "state": found.get("State"),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        aws = call.client("lambda")
        with gone_if_missing():
            changed = aws.update_event_source_mapping(UUID=identifier, **self._arguments(new))
            removed, added = tag_changes(old, new)
            if removed:
                aws.untag_resource(Resource=changed["EventSourceMappingArn"], TagKeys=removed)
            if added:
                aws.tag_resource(Resource=changed["EventSourceMappingArn"], Tags=added)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("lambda").delete_event_source_mapping(UUID=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        """Lambda allows one mapping of a source to a function."""
        found = call.client("lambda").list_event_source_mappings(
            EventSourceArn=inputs["eventSourceArn"], FunctionName=inputs["functionName"]
        )["EventSourceMappings"]
        return str(found[0]["UUID"]) if found else None

    def _arguments(self, inputs: Inputs) -> dict[str, Any]:
        return {
            name[:1].upper() + name[1:]: to_aws(inputs[name]) for name in self._settable if inputs.get(name) is not None
        }


class Alias(Resource):
    resource_type = "aws:lambda/alias:Alias"
    twin = Twin(
        "AWS::Lambda::Alias",
        own={"routingConfig": Own("a map of version to weight, CloudFormation has a list", f"{_SOURCES}alias.go")},
    )
    handles = frozenset({"name", "functionName", "functionVersion", "description", "routingConfig"})
    autoname = Autoname(longest=128)

    def create(self, call: Call, inputs: Inputs) -> str:
        made = call.client("lambda").create_alias(Name=inputs["name"], **self._arguments(inputs))
        return str(made["AliasArn"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        function, _, name = identifier.rpartition(":")
        with gone_if_missing():
            found = call.client("lambda").get_alias(FunctionName=function, Name=name)
        weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return {
            "name": found["Name"],
            "arn": found["AliasArn"],
            "invokeArn": invoke_arn(found["AliasArn"], call.aws.region),
            "functionName": known.get("functionName") or function.rpartition(":")[2],
            "functionVersion": found["FunctionVersion"],
            "description": found.get("Description") or None,
            "routingConfig": {"additionalVersionWeights": weights} if weights else None,
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            call.client("lambda").update_alias(Name=new["name"], **self._arguments(new))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        function, _, name = identifier.rpartition(":")
        with ignore_missing():
            call.client("lambda").delete_alias(FunctionName=function, Name=name)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            with gone_if_missing():
                return str(
                    call.client("lambda").get_alias(FunctionName=inputs["functionName"], Name=inputs["name"])[
                        "AliasArn"
                    ]
                )
        except Gone:
            return None

    @staticmethod
    def _arguments(inputs: Inputs) -> dict[str, Any]:
        weights = (inputs.get("routingConfig") or {}).get("additionalVersionWeights") or {}
        return {
            "FunctionName": inputs["functionName"],
            "FunctionVersion": inputs["functionVersion"],
            "Description": inputs.get("description") or "",
            "RoutingConfig": {"AdditionalVersionWeights": weights},
        }


def invoke_arn(arn: str, region: str) -> str:
    """What API Gateway calls a function as."""
    return f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"


SETTINGS: tuple[Resource, ...] = (Permission(), FunctionEventInvokeConfig(), EventSourceMapping(), Alias())
