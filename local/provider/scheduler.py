"""EventBridge Scheduler: groups and schedules."""

from __future__ import annotations

from typing import Any, ClassVar

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
    tag_pairs,
    tags_of,
)
from local.provider.shapes import from_aws, to_aws
from local.provider.twins import Own, Twin

_SCHEDULE = "terraform-provider-aws, internal/service/scheduler/schedule.go"
_DEFAULT = "default"


class ScheduleGroup(Resource):
    resource_type = "aws:scheduler/scheduleGroup:ScheduleGroup"
    twin = Twin("AWS::Scheduler::ScheduleGroup")
    handles = frozenset({"name", "tags"})
    autoname = Autoname(longest=64)

    def create(self, call: Call, inputs: Inputs) -> str:
        call.client("scheduler").create_schedule_group(Name=inputs["name"], Tags=tag_pairs(inputs.get("tags")))
        return str(inputs["name"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        client = call.client("scheduler")
        with gone_if_missing():
            found = client.get_schedule_group(Name=identifier)
            tags = client.list_tags_for_resource(ResourceArn=found["Arn"]).get("Tags")
        if found.get("State") == "DELETING":
            raise Gone(f"{identifier} is being deleted.")
        return {"name": identifier, "arn": found["Arn"], "state": found["State"], **tag_outputs(tags_of(tags))}

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        client = call.client("scheduler")
        removed, added = tag_changes(old, new)
        with gone_if_missing():
            arn = client.get_schedule_group(Name=identifier)["Arn"]
            if removed:
                client.untag_resource(ResourceArn=arn, TagKeys=removed)
            if added:
                client.tag_resource(ResourceArn=arn, Tags=tag_pairs(added))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("scheduler").delete_schedule_group(Name=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            return str(self.read(call, str(inputs["name"]), inputs)["name"])
        except Gone:
            return None


class Schedule(Resource):
    resource_type = "aws:scheduler/schedule:Schedule"
    _settable: ClassVar = (
        "scheduleExpression", "scheduleExpressionTimezone", "flexibleTimeWindow", "target", "description", "state",
        "kmsKeyArn",
    )  # fmt: skip
    twin = Twin(
        "AWS::Scheduler::Schedule",
        own={
            "groupName": Own(
                "CloudFormation moves it, the provider replaces", _SCHEDULE, replaces=True, same_values=True
            )
        },
    )
    handles = frozenset({"name", "groupName", *_settable})
    autoname = Autoname(longest=64)

    def create(self, call: Call, inputs: Inputs) -> str:
        call.client("scheduler").create_schedule(**self._arguments(inputs))
        return f"{inputs.get('groupName') or _DEFAULT}/{inputs['name']}"

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        group, _, name = identifier.partition("/")
        with gone_if_missing():
            found = call.client("scheduler").get_schedule(GroupName=group, Name=name)
        window = from_aws(found["FlexibleTimeWindow"])
        return {
            "name": name,
            "groupName": group,
            "arn": found["Arn"],
            "scheduleExpression": found["ScheduleExpression"],
            "scheduleExpressionTimezone": found.get("ScheduleExpressionTimezone", "UTC"),
            "flexibleTimeWindow": {part: value for part, value in window.items() if value is not None},
            "target": from_aws(found["Target"]),
            "description": found.get("Description") or None,
            "state": found.get("State", "ENABLED"),
            "kmsKeyArn": found.get("KmsKeyArn"),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            call.client("scheduler").update_schedule(**self._arguments(new))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        group, _, name = identifier.partition("/")
        with ignore_missing():
            call.client("scheduler").delete_schedule(GroupName=group, Name=name)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        identifier = f"{inputs.get('groupName') or _DEFAULT}/{inputs['name']}"
        try:
            self.read(call, identifier, inputs)
        except Gone:
            return None
        return identifier

    def _arguments(self, inputs: Inputs) -> dict[str, Any]:
        return {
            "Name": inputs["name"],
            "GroupName": inputs.get("groupName") or _DEFAULT,
            **given(**to_aws({name: inputs.get(name) for name in self._settable})),
        }


RESOURCES: tuple[Resource, ...] = (ScheduleGroup(), Schedule())
