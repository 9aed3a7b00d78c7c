"""RDS: subnet groups and parameter groups. The instance is in rds_instance.py."""

from __future__ import annotations

from typing import Any

from local.provider.errors import Gone
from local.provider.kind import (
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    tag_pairs,
    tags_of,
)
from local.provider.rds_instance import Instance
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/rds/"
_MANAGED = "Managed by Pulumi"
_BATCH = 20  # parameters that one ModifyDBParameterGroup takes


class SubnetGroup(Resource):
    resource_type = "aws:rds/subnetGroup:SubnetGroup"
    twin = Twin(
        "AWS::RDS::DBSubnetGroup", names={"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"}
    )
    handles = frozenset({"name", "description", "subnetIds", "tags"})
    autoname = Autoname(lower=True)

    def create(self, call: Call, inputs: Inputs) -> str:
        call.client("rds").create_db_subnet_group(
            DBSubnetGroupName=inputs["name"],
            DBSubnetGroupDescription=inputs.get("description") or _MANAGED,
            SubnetIds=inputs["subnetIds"],
            Tags=tag_pairs(inputs.get("tags")),
        )
        return str(inputs["name"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        rds = call.client("rds")
        with gone_if_missing():
            found = rds.describe_db_subnet_groups(DBSubnetGroupName=identifier)["DBSubnetGroups"][0]
        arn = found.get("DBSubnetGroupArn") or _arn(call, "subgrp", identifier)
        return {
            "name": identifier,
            "arn": arn,
            "description": found.get("DBSubnetGroupDescription"),
            "subnetIds": sorted(subnet["SubnetIdentifier"] for subnet in found.get("Subnets", ())),
            "vpcId": found.get("VpcId"),
            **tag_outputs(tags_of(rds.list_tags_for_resource(ResourceName=arn).get("TagList"))),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        rds = call.client("rds")
        with gone_if_missing():
            rds.modify_db_subnet_group(
                DBSubnetGroupName=identifier,
                DBSubnetGroupDescription=new.get("description") or _MANAGED,
                SubnetIds=new["subnetIds"],
            )
            _retag(rds, _arn(call, "subgrp", identifier), old, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("rds").delete_db_subnet_group(DBSubnetGroupName=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            return str(self.read(call, str(inputs["name"]), inputs)["name"])
        except Gone:
            return None


class ParameterGroup(Resource):
    resource_type = "aws:rds/parameterGroup:ParameterGroup"
    twin = Twin(
        "AWS::RDS::DBParameterGroup",
        names={"name": "DBParameterGroupName"},
        own={
            "parameters": Own(
                "a list of name, value and apply method; a map in CloudFormation", f"{_SOURCE}parameter_group.go"
            )
        },
    )
    handles = frozenset({"name", "family", "description", "parameters", "tags"})
    autoname = Autoname(lower=True)

    def create(self, call: Call, inputs: Inputs) -> str:
        rds, name = call.client("rds"), str(inputs["name"])
        rds.create_db_parameter_group(
            DBParameterGroupName=name,
            DBParameterGroupFamily=inputs["family"],
            Description=inputs.get("description") or _MANAGED,
            Tags=tag_pairs(inputs.get("tags")),
        )
        call.made(name)
        _set(rds, name, inputs.get("parameters") or [])
        return name

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        rds = call.client("rds")
        with gone_if_missing():
            found = rds.describe_db_parameter_groups(DBParameterGroupName=identifier)["DBParameterGroups"][0]
            pages = rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=identifier)
            values = {
                item["ParameterName"]: item.get("ParameterValue") for page in pages for item in page["Parameters"]
            }
        arn = found.get("DBParameterGroupArn") or _arn(call, "pg", identifier)
        return {
            "name": identifier,
            "arn": arn,
            "family": found["DBParameterGroupFamily"],
            "description": found.get("Description"),
            # The family's other parameters keep AWS's defaults; only what the program set is its business.
            "parameters": [
                {**parameter, "value": values[parameter["name"]]}
                for parameter in known.get("parameters") or ()
                if values.get(parameter["name"]) is not None
            ]
            or None,
            **tag_outputs(tags_of(rds.list_tags_for_resource(ResourceName=arn).get("TagList"))),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        rds = call.client("rds")
        wanted = {parameter["name"] for parameter in new.get("parameters") or ()}
        removed = [
            {"ParameterName": parameter["name"], "ApplyMethod": parameter.get("applyMethod") or "immediate"}
            for parameter in old.get("parameters") or ()
            if parameter["name"] not in wanted
        ]
        with gone_if_missing():
            if removed:
                rds.reset_db_parameter_group(DBParameterGroupName=identifier, Parameters=removed)
            _set(rds, identifier, new.get("parameters") or [])
            _retag(rds, _arn(call, "pg", identifier), old, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("rds").delete_db_parameter_group(DBParameterGroupName=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            with gone_if_missing():
                call.client("rds").describe_db_parameter_groups(DBParameterGroupName=inputs["name"])
        except Gone:
            return None
        return str(inputs["name"])


def _set(rds: Any, name: str, parameters: list[Inputs]) -> None:
    changes = [
        {
            "ParameterName": parameter["name"],
            "ParameterValue": str(parameter["value"]),
            "ApplyMethod": parameter.get("applyMethod") or "immediate",
        }
        for parameter in parameters
    ]
    for start in range(0, len(changes), _BATCH):
        rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=changes[start : start + _BATCH])


def _arn(call: Call, kind: str, name: str) -> str:
    return f"arn:aws:rds:{call.aws.region}:{call.aws.account}:{kind}:{name}"


def _retag(rds: Any, arn: str, old: Inputs, new: Inputs) -> None:
    removed, added = tag_changes(old, new)
    if removed:
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=removed)
    if added:
        rds.add_tags_to_resource(ResourceName=arn, Tags=tag_pairs(added))


RESOURCES: tuple[Resource, ...] = (SubnetGroup(), ParameterGroup(), Instance())
