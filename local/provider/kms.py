"""KMS: keys and their aliases."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from local.provider.errors import Gone
from local.provider.kind import (
    CREATION_TAG,
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
    tags_of,
)
from local.provider.twins import Own, Twin

_KEY = "terraform-provider-aws, internal/service/kms/key.go"
_ALIAS = "terraform-provider-aws, internal/service/kms/alias.go"
_SHORTEST_DAYS, _LONGEST_DAYS = 7, 30
_REPLACED = Own(
    "CloudFormation's handler refuses the change, the provider replaces", _KEY, replaces=True, same_values=True
)


class Key(Resource):
    resource_type = "aws:kms/key:Key"
    twin = Twin(
        "AWS::KMS::Key",
        names={
            "policy": "KeyPolicy",
            "customerMasterKeySpec": "KeySpec",
            "isEnabled": "Enabled",
            "deletionWindowInDays": "PendingWindowInDays",
            "rotationPeriodInDays": "RotationPeriodInDays",
        },
        own={
            **dict.fromkeys(("customerMasterKeySpec", "keyUsage", "multiRegion"), _REPLACED),
            "bypassPolicyLockoutSafetyCheck": Own("a switch of the provider", _KEY),
        },
    )
    handles = frozenset(
        {
            "description", "policy", "keyUsage", "customerMasterKeySpec", "deletionWindowInDays", "isEnabled",
            "enableKeyRotation", "multiRegion", "bypassPolicyLockoutSafetyCheck", "tags",
        }
    )  # fmt: skip
    unreadable = frozenset({"deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"})
    documents = frozenset({"policy"})

    def computed(self, inputs: Inputs) -> frozenset[str]:
        return frozenset({"policy", "description"})

    def create(self, call: Call, inputs: Inputs) -> str:
        kms = call.client("kms")
        made = kms.create_key(
            Tags=_pairs({**(inputs.get("tags") or {}), CREATION_TAG: call.token}),
            **given(
                Description=inputs.get("description"),
                Policy=inputs.get("policy"),
                KeyUsage=inputs.get("keyUsage"),
                KeySpec=inputs.get("customerMasterKeySpec"),
                MultiRegion=inputs.get("multiRegion"),
                BypassPolicyLockoutSafetyCheck=inputs.get("bypassPolicyLockoutSafetyCheck"),
            ),
        )["KeyMetadata"]
        identifier = str(made["KeyId"])
        call.made(identifier)
        if inputs.get("enableKeyRotation"):
            kms.enable_key_rotation(KeyId=identifier)
        if inputs.get("isEnabled") is False:
            kms.disable_key(KeyId=identifier)
        return identifier

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        kms = call.client("kms")
        with gone_if_missing():
            found = kms.describe_key(KeyId=identifier)["KeyMetadata"]
        if found["KeyState"] == "PendingDeletion":
            raise Gone(f"{identifier} is about to be deleted.")
        spec = found.get("KeySpec", "SYMMETRIC_DEFAULT")
        rotates = spec == "SYMMETRIC_DEFAULT" and kms.get_key_rotation_status(KeyId=identifier)["KeyRotationEnabled"]
        tags = kms.list_resource_tags(KeyId=identifier).get("Tags")
        return {
            "arn": found["Arn"],
            "keyId": found["KeyId"],
            "description": found.get("Description") or None,
            "policy": kms.get_key_policy(KeyId=identifier, PolicyName="default")["Policy"],
            "keyUsage": found["KeyUsage"],
            "customerMasterKeySpec": spec,
            "isEnabled": found["KeyState"] == "Enabled",
            "enableKeyRotation": bool(rotates),
            "multiRegion": bool(found.get("MultiRegion")),
            **tag_outputs(tags_of(tags, key="TagKey", value="TagValue")),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        kms = call.client("kms")
        with gone_if_missing():
            if new.get("isEnabled") is not False and old.get("isEnabled") is False:
                kms.enable_key(KeyId=identifier)
            if new.get("policy"):
                kms.put_key_policy(KeyId=identifier, PolicyName="default", Policy=new["policy"])
            if new.get("description") != old.get("description"):
                kms.update_key_description(KeyId=identifier, Description=new.get("description") or "")
            if bool(new.get("enableKeyRotation")) != bool(old.get("enableKeyRotation")):
                rotate = kms.enable_key_rotation if new.get("enableKeyRotation") else kms.disable_key_rotation
                rotate(KeyId=identifier)
            removed, added = tag_changes(old, new)
            if removed:
                kms.untag_resource(KeyId=identifier, TagKeys=removed)
            if added:
                kms.tag_resource(KeyId=identifier, Tags=_pairs(added))
            if new.get("isEnabled") is False and old.get("isEnabled") is not False:
                kms.disable_key(KeyId=identifier)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        """A key goes only after a waiting time; until then it is of no use and counts as gone."""
        kms = call.client("kms")
        days = min(max(int(known.get("deletionWindowInDays") or _LONGEST_DAYS), _SHORTEST_DAYS), _LONGEST_DAYS)
        with ignore_missing():
            if kms.describe_key(KeyId=identifier)["KeyMetadata"]["KeyState"] != "PendingDeletion":
                kms.schedule_key_deletion(KeyId=identifier, PendingWindowInDays=days)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        kms = call.client("kms")
        for page in kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                try:
                    tags = kms.list_resource_tags(KeyId=key["KeyId"]).get("Tags") or ()
                except ClientError:
                    continue  # somebody else's, whose policy does not let us look
                if call.token and {"TagKey": CREATION_TAG, "TagValue": call.token} in tags:
                    return str(key["KeyId"])
        return None


class Alias(Resource):
    resource_type = "aws:kms/alias:Alias"
    twin = Twin(
        "AWS::KMS::Alias",
        names={"name": "AliasName"},
        own={"targetKeyId.arn": Own("the provider takes the id or the ARN of a key", _ALIAS)},
    )
    handles = frozenset({"name", "targetKeyId"})
    autoname = Autoname(longest=256)

    def create(self, call: Call, inputs: Inputs) -> str:
        call.client("kms").create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return str(inputs["name"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        found = self._found(call, identifier)
        if found is None:
            raise Gone(f"There is no alias {identifier}.")
        key = call.client("kms").describe_key(KeyId=found["TargetKeyId"])["KeyMetadata"]
        same = str(known.get("targetKeyId", "")).rpartition("/")[2] == found["TargetKeyId"]
        return {
            "name": identifier,
            "arn": found["AliasArn"],
            "targetKeyArn": key["Arn"],
            "targetKeyId": known["targetKeyId"] if same else found["TargetKeyId"],
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            call.client("kms").update_alias(AliasName=identifier, TargetKeyId=new["targetKeyId"])

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("kms").delete_alias(AliasName=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        return str(inputs["name"]) if self._found(call, str(inputs["name"])) else None

    @staticmethod
    def _found(call: Call, name: str) -> dict[str, Any] | None:
        pages = call.client("kms").get_paginator("list_aliases").paginate()
        return next((alias for page in pages for alias in page["Aliases"] if alias["AliasName"] == name), None)


def _pairs(tags: Inputs) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": str(value)} for name, value in tags.items()]


RESOURCES: tuple[Resource, ...] = (Key(), Alias())
