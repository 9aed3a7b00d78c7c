"""A stack's resource tree as a CloudFormation template, for linting only: nothing is ever deployed from it.

A third party's rules (cfn-lint's schemas and checks) then judge what `dev` and `prod` ask of AWS. Each Pulumi type and
property goes to its twin by the map of local/provider; settings that Pulumi keeps in resources of their own (a bucket's
policy block, versioning, lifecycle …) are put back into the bucket.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.provider.catalogue import Catalogue
from local.provider.twins import Twin
from tests.infra.resource_tree import Registered, Tree

REGION = "us-east-1"

# What CloudFormation wants said that Pulumi says otherwise, or not at all.
ADDED: dict[str, dict[str, Any]] = {
    # The zip is an archive in Pulumi, an object of a bucket in CloudFormation.
    "aws:lambda/function:Function": {"Code": {"S3Bucket": "packages", "S3Key": "function.zip"}},
    # The provider configures the unpublished version when no qualifier is given.
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {"Qualifier": "$LATEST"},
}
# Types that change something AWS made by itself; CloudFormation has no such resource.
ADOPTED = frozenset({"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"})


def template_of(tree: Tree) -> tuple[dict[str, Any], list[str]]:
    """The template, and the Pulumi paths that have no place in it ("type: path")."""
    catalogue = Catalogue()
    resources: dict[str, dict[str, Any]] = {}
    buckets: dict[str, str] = {}
    left_out: list[str] = []
    for resource in sorted(tree.custom(), key=lambda found: (found.type != "aws:s3/bucket:Bucket", found.urn)):
        twin = catalogue.resource(resource.type).twin
        if not twin.cloudformation or resource.type in ADOPTED:
            left_out.append(f"{resource.type}: no twin")
            continue
        name = _logical(resource)
        if resource.type == "aws:s3/bucket:Bucket":
            buckets[resource.inputs["bucket"]] = name
        elif twin.cloudformation == "AWS::S3::Bucket":
            name = buckets[resource.inputs["bucket"]]
        added = copy.deepcopy(ADDED.get(resource.type, {}))
        entry = resources.setdefault(name, {"Type": twin.cloudformation, "Properties": added})
        if resource.type == "aws:s3/bucketNotification:BucketNotification":
            entry["Properties"]["NotificationConfiguration"] = _notification(resource.inputs)
            continue
        left_out += [f"{resource.type}: {path}" for path in _fill(entry["Properties"], resource.inputs, twin)]
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}, sorted(set(left_out))


def _logical(resource: Registered) -> str:
    words = re.split(r"[^A-Za-z0-9]+", f"{resource.type.rpartition(':')[2]}-{resource.name}")
    return "".join(word[:1].upper() + word[1:] for word in words)


def _fill(properties: dict[str, Any], inputs: Mapping[str, Any], twin: Twin) -> Iterator[str]:
    """Put every value of `inputs` at its twin's place; give the paths that have none."""
    for pulumi_path, indexes, value in _leaves({key: part for key, part in inputs.items() if key != "code"}):
        if pulumi_path.startswith("tags."):
            _tag(properties, twin, pulumi_path.removeprefix("tags."), value)
            continue
        path = twin.path(pulumi_path, REGION)
        if path is None or path.count("*") > len(indexes):
            yield pulumi_path
            continue
        if isinstance(value, str) and value.startswith("{"):
            value = json.loads(value) if "object" in _types(twin, path) else value
        _put(properties, path.split("/"), list(indexes), value)


def _tag(properties: dict[str, Any], twin: Twin, key: str, value: str) -> None:
    """Tags are a list, a map or not there at all, by type."""
    types = _types(twin, "Tags")
    if "array" in types:
        properties.setdefault("Tags", []).append({"Key": key, "Value": value})
    elif "object" in types:
        properties.setdefault("Tags", {})[key] = value


def _notification(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Pulumi lists several events and a prefix; CloudFormation wants one event and rules."""
    return {
        "LambdaConfigurations": [
            {
                "Event": event,
                "Function": function["lambdaFunctionArn"],
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": function["filterPrefix"]}]}},
            }
            for function in inputs["lambdaFunctions"]
            for event in function["events"]
        ]
    }


def _types(twin: Twin, path: str) -> list[str]:
    schema = twin.schema(REGION)
    node = (schema.node(path) if schema else None) or {}
    types = node.get("type", [])
    return types if isinstance(types, list) else [types]


def _leaves(value: Any, path: str = "", indexes: tuple[int, ...] = ()) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """Every scalar with its path, and where it stands in each list on the way."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name, indexes)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, path, (*indexes, index))
    else:
        yield path, indexes, value


def _put(target: Any, path: list[str], indexes: list[int], value: Any) -> None:
    """Set `value` in nested maps and lists, making them on the way; a list of scalars needs no `*` of its own."""
    part, *rest = path
    if part == "*":
        index = indexes.pop(0)
        while len(target) <= index:
            target.append([] if rest and rest[0] == "*" else {})
        if not rest:
            target[index] = value
            return
        _put(target[index], rest, indexes, value)
        return
    if not rest:
        if indexes:
            target.setdefault(part, []).append(value)
        else:
            target[part] = value
        return
    _put(target.setdefault(part, [] if rest[0] == "*" else {}), rest, indexes, value)
