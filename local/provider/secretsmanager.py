"""Secrets Manager: secrets. Their values are set out of band and never pass through here."""

from __future__ import annotations

from botocore.exceptions import ClientError

from local.provider.errors import Gone
from local.provider.kind import (
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    code,
    given,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    tag_pairs,
    tags_of,
)
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/secretsmanager/secret.go"
_WINDOW_DAYS = 30


class Secret(Resource):
    resource_type = "aws:secretsmanager/secret:Secret"
    twin = Twin(
        "AWS::SecretsManager::Secret",
        own={
            "recoveryWindowInDays": Own("CloudFormation deletes with the default window", _SOURCE),
            "forceOverwriteReplicaSecret": Own("a switch of the provider", _SOURCE),
            "policy": Own("CloudFormation has AWS::SecretsManager::ResourcePolicy", _SOURCE),
        },
    )
    handles = frozenset({"name", "description", "kmsKeyId", "recoveryWindowInDays", "tags"})
    unreadable = frozenset({"recoveryWindowInDays"})
    autoname = Autoname(longest=512)

    def create(self, call: Call, inputs: Inputs) -> str:
        client = call.client("secretsmanager")
        arguments = {
            "Name": inputs["name"],
            "Tags": tag_pairs(inputs.get("tags")),
            **given(Description=inputs.get("description"), KmsKeyId=inputs.get("kmsKeyId")),
        }
        try:
            return str(client.create_secret(**arguments)["ARN"])
        except ClientError as error:
            if code(error) not in ("InvalidRequestException", "ResourceExistsException"):
                raise
            if not client.describe_secret(SecretId=inputs["name"]).get("DeletedDate"):
                raise
            # A name in its recovery window: the provider waits for it to be gone; here it is made to go.
            client.delete_secret(SecretId=inputs["name"], ForceDeleteWithoutRecovery=True)
            return str(client.create_secret(**arguments)["ARN"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            found = call.client("secretsmanager").describe_secret(SecretId=identifier)
        if found.get("DeletedDate"):
            raise Gone(f"{identifier} is deleted.")
        return {
            "arn": found["ARN"],
            "name": found["Name"],
            "description": found.get("Description") or None,
            "kmsKeyId": found.get("KmsKeyId") or None,
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        client = call.client("secretsmanager")
        with gone_if_missing():
            if any(old.get(name) != new.get(name) for name in ("description", "kmsKeyId")):
                client.update_secret(
                    SecretId=identifier, Description=new.get("description") or "", **given(KmsKeyId=new.get("kmsKeyId"))
                )
            removed, added = tag_changes(old, new)
            if removed:
                client.untag_resource(SecretId=identifier, TagKeys=removed)
            if added:
                client.tag_resource(SecretId=identifier, Tags=tag_pairs(added))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        days = known.get("recoveryWindowInDays", _WINDOW_DAYS)
        with ignore_missing():
            if days == 0:
                call.client("secretsmanager").delete_secret(SecretId=identifier, ForceDeleteWithoutRecovery=True)
            else:
                call.client("secretsmanager").delete_secret(SecretId=identifier, RecoveryWindowInDays=days)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            return str(self.read(call, str(inputs["name"]), inputs)["arn"])
        except Gone:
            return None


RESOURCES: tuple[Resource, ...] = (Secret(),)
