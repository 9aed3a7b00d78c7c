"""CloudWatch Logs: log groups."""

from __future__ import annotations

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
from local.provider.twins import Own, Twin

_GROUP = "terraform-provider-aws, internal/service/logs/group.go"


class LogGroup(Resource):
    resource_type = "aws:cloudwatch/logGroup:LogGroup"
    twin = Twin(
        "AWS::Logs::LogGroup",
        names={"name": "LogGroupName"},
        own={"skipDestroy": Own("a switch of the provider", _GROUP)},
    )
    handles = frozenset({"name", "retentionInDays", "kmsKeyId", "tags", "skipDestroy"})
    unreadable = frozenset({"skipDestroy"})
    autoname = Autoname(longest=512)

    def create(self, call: Call, inputs: Inputs) -> str:
        logs, name = call.client("logs"), str(inputs["name"])
        logs.create_log_group(
            logGroupName=name, tags=dict(inputs.get("tags") or {}), **given(kmsKeyId=inputs.get("kmsKeyId"))
        )
        call.made(name)
        self._retain(logs, name, inputs)
        return name

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        logs = call.client("logs")
        found = _found(logs, identifier)
        if found is None:
            raise Gone(f"There is no log group {identifier}.")
        arn = found["arn"].removesuffix(":*")
        tags = logs.list_tags_for_resource(resourceArn=arn).get("tags")
        return {
            "name": identifier,
            "arn": arn,
            "retentionInDays": found.get("retentionInDays", 0),
            "kmsKeyId": found.get("kmsKeyId"),
            **tag_outputs(without_mark(tags)),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        logs = call.client("logs")
        with gone_if_missing():
            self._retain(logs, identifier, new)
            removed, added = tag_changes(old, new)
            arn = f"arn:aws:logs:{call.aws.region}:{call.aws.account}:log-group:{identifier}"
            if removed:
                logs.untag_resource(resourceArn=arn, tagKeys=removed)
            if added:
                logs.tag_resource(resourceArn=arn, tags=added)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        if known.get("skipDestroy"):
            return
        with ignore_missing():
            call.client("logs").delete_log_group(logGroupName=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        name = str(inputs["name"])
        return name if _found(call.client("logs"), name) else None

    @staticmethod
    def _retain(logs: Any, name: str, inputs: Inputs) -> None:
        """0 or nothing keeps events for ever."""
        if inputs.get("retentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=inputs["retentionInDays"])
        else:
            logs.delete_retention_policy(logGroupName=name)


def _found(logs: Any, name: str) -> dict[str, Any] | None:
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
    return next((group for page in pages for group in page["logGroups"] if group["logGroupName"] == name), None)


class QueryDefinition(Resource):
    """A saved query of Logs Insights. AWS gives it an id; its name need not be its own, so ours finds a leftover."""

    resource_type = "aws:cloudwatch/queryDefinition:QueryDefinition"
    twin = Twin("AWS::Logs::QueryDefinition")
    handles = frozenset({"name", "queryString", "logGroupNames"})
    autoname = Autoname()

    def create(self, call: Call, inputs: Inputs) -> str:
        made = call.client("logs").put_query_definition(**self._wanted(inputs))
        return str(made["queryDefinitionId"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        for found in _definitions(call, ""):
            if found["queryDefinitionId"] == identifier:
                return {"queryDefinitionId": identifier, **{name: found.get(name) for name in self.handles}}
        raise Gone(f"There is no query definition {identifier}.")

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            call.client("logs").put_query_definition(queryDefinitionId=identifier, **self._wanted(new))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("logs").delete_query_definition(queryDefinitionId=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        named = [found for found in _definitions(call, str(inputs["name"])) if found["name"] == inputs["name"]]
        return str(named[0]["queryDefinitionId"]) if named else None

    def _wanted(self, inputs: Inputs) -> dict[str, Any]:
        return {name: inputs[name] for name in sorted(self.handles) if inputs.get(name) is not None}


def _definitions(call: Call, prefix: str) -> list[dict[str, Any]]:
    asked = given(queryDefinitionNamePrefix=prefix or None)
    return list(call.client("logs").describe_query_definitions(**asked)["queryDefinitions"])


RESOURCES: tuple[Resource, ...] = (LogGroup(), QueryDefinition())
