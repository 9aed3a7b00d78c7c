"""IAM: roles and their inline policies."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

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
from local.provider.twins import Own, Twin

_ROLE = "terraform-provider-aws, internal/service/iam/role.go"


class Role(Resource):
    resource_type = "aws:iam/role:Role"
    twin = Twin(
        "AWS::IAM::Role",
        names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        own={"forceDetachPolicies": Own("a switch of the provider for deletions", _ROLE)},
    )
    handles = frozenset(
        {
            "name",
            "assumeRolePolicy",
            "description",
            "maxSessionDuration",
            "path",
            "permissionsBoundary",
            "tags",
            "forceDetachPolicies",
        }
    )
    unreadable = frozenset({"forceDetachPolicies"})
    autoname = Autoname(longest=64)
    documents = frozenset({"assumeRolePolicy"})

    def create(self, call: Call, inputs: Inputs) -> str:
        call.client("iam").create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Tags=tag_pairs(inputs.get("tags")),
            **given(
                Description=inputs.get("description"),
                MaxSessionDuration=inputs.get("maxSessionDuration"),
                Path=inputs.get("path"),
                PermissionsBoundary=inputs.get("permissionsBoundary"),
            ),
        )
        return str(inputs["name"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        iam = call.client("iam")
        with gone_if_missing():
            role = iam.get_role(RoleName=identifier)["Role"]
            attached = iam.list_attached_role_policies(RoleName=identifier)["AttachedPolicies"]
        return {
            "name": identifier,
            "arn": role["Arn"],
            "uniqueId": role["RoleId"],
            "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "assumeRolePolicy": document_text(role["AssumeRolePolicyDocument"]),
            "description": role.get("Description") or None,
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "path": role.get("Path", "/"),
            "permissionsBoundary": (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
            "managedPolicyArns": sorted(policy["PolicyArn"] for policy in attached),
            **tag_outputs(tags_of(role.get("Tags"))),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        iam = call.client("iam")
        with gone_if_missing():
            iam.update_assume_role_policy(RoleName=identifier, PolicyDocument=new["assumeRolePolicy"])
            iam.update_role(
                RoleName=identifier,
                Description=new.get("description") or "",
                MaxSessionDuration=new.get("maxSessionDuration") or 3600,
            )
            if new.get("permissionsBoundary") != old.get("permissionsBoundary"):
                if new.get("permissionsBoundary"):
                    iam.put_role_permissions_boundary(
                        RoleName=identifier, PermissionsBoundary=new["permissionsBoundary"]
                    )
                else:
                    iam.delete_role_permissions_boundary(RoleName=identifier)
            removed, added = tag_changes(old, new)
            if removed:
                iam.untag_role(RoleName=identifier, TagKeys=removed)
            if added:
                iam.tag_role(RoleName=identifier, Tags=tag_pairs(added))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        iam = call.client("iam")
        with ignore_missing():
            if known.get("forceDetachPolicies"):
                for policy in iam.list_role_policies(RoleName=identifier)["PolicyNames"]:
                    iam.delete_role_policy(RoleName=identifier, PolicyName=policy)
                for attached in iam.list_attached_role_policies(RoleName=identifier)["AttachedPolicies"]:
                    iam.detach_role_policy(RoleName=identifier, PolicyArn=attached["PolicyArn"])
            iam.delete_role(RoleName=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            with gone_if_missing():
                return str(call.client("iam").get_role(RoleName=inputs["name"])["Role"]["RoleName"])
        except Gone:
            return None


class RolePolicy(Resource):
    resource_type = "aws:iam/rolePolicy:RolePolicy"
    twin = Twin("AWS::IAM::RolePolicy", names={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"})
    handles = frozenset({"name", "role", "policy"})
    autoname = Autoname(longest=128)
    documents = frozenset({"policy"})

    def create(self, call: Call, inputs: Inputs) -> str:
        self._put(call, inputs)
        return f"{inputs['role']}:{inputs['name']}"

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        role, _, name = identifier.partition(":")
        with gone_if_missing():
            found = call.client("iam").get_role_policy(RoleName=role, PolicyName=name)
        return {"role": role, "name": name, "policy": document_text(found["PolicyDocument"])}

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            self._put(call, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        role, _, name = identifier.partition(":")
        with ignore_missing():
            call.client("iam").delete_role_policy(RoleName=role, PolicyName=name)

    def _put(self, call: Call, inputs: Inputs) -> None:
        call.client("iam").put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
        )


def document_text(document: Any) -> str:
    """A policy as text. boto3 decodes IAM's answers; text may still be URL-encoded."""
    if isinstance(document, str):
        return unquote(document) if document.startswith("%7B") else document
    return json.dumps(document)


RESOURCES: tuple[Resource, ...] = (Role(), RolePolicy())
