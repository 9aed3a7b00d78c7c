"""RDS: the instance, which is the embedded Postgres. Its settings are kept in the state folder; clients connect to
the front, and the managed master password is a real secret in Secrets Manager, named as RDS names it."""

from __future__ import annotations

import json
import secrets
import string
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from local.provider.errors import Gone, ProviderError
from local.provider.kind import Autoname, Call, Inputs, Observed, Resource, ignore_missing, tag_outputs
from local.provider.twins import Own, Twin
from local.state import State, read_json, write_json

_INSTANCE = "terraform-provider-aws, internal/service/rds/instance.go"
_SWITCH = Own("a switch of the provider", _INSTANCE)
_PASSWORD_LENGTH = 28
_RESOURCE_ID_LENGTH = 26
_LETTERS = string.ascii_uppercase + string.digits


class Instance(Resource):
    """One instance: there is room for one on the laptop, so a replacement comes after the deletion."""

    resource_type = "aws:rds/instance:Instance"
    twin = Twin(
        "AWS::RDS::DBInstance",
        names={
            "identifier": "DBInstanceIdentifier",
            "instanceClass": "DBInstanceClass",
            "dbName": "DBName",
            "username": "MasterUsername",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "caCertIdentifier": "CACertificateIdentifier",
            "multiAz": "MultiAZ",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "vpcSecurityGroupIds": "VPCSecurityGroups",
            "parameterGroupName": "DBParameterGroupName",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
            "backupWindow": "PreferredBackupWindow",
            "maintenanceWindow": "PreferredMaintenanceWindow",
        },
        own={
            "allocatedStorage": Own("a number, text in CloudFormation", _INSTANCE),
            "dbSubnetGroupName": Own("the provider moves the instance in place", _INSTANCE, same_values=True),
            "engine": Own("the provider replaces", _INSTANCE, replaces=True, same_values=True),
            "skipFinalSnapshot": _SWITCH,
            "finalSnapshotIdentifier": _SWITCH,
            "applyImmediately": _SWITCH,
        },
    )
    handles = frozenset(
        {
            "identifier", "engine", "engineVersion", "instanceClass", "allocatedStorage", "maxAllocatedStorage",
            "storageType", "storageEncrypted", "dbName", "username", "manageMasterUserPassword",
            "iamDatabaseAuthenticationEnabled", "caCertIdentifier", "multiAz", "publiclyAccessible",
            "dbSubnetGroupName",
            "vpcSecurityGroupIds", "parameterGroupName", "backupRetentionPeriod", "backupWindow", "maintenanceWindow",
            "copyTagsToSnapshot", "autoMinorVersionUpgrade", "deletionProtection", "skipFinalSnapshot",
            "finalSnapshotIdentifier", "enabledCloudwatchLogsExports", "performanceInsightsEnabled", "applyImmediately",
            "deleteAutomatedBackups", "tags",
        }
    )  # fmt: skip
    unreadable = frozenset(
        {"skipFinalSnapshot", "finalSnapshotIdentifier", "applyImmediately", "manageMasterUserPassword"}
    )
    autoname = Autoname("identifier", longest=63, lower=True)
    replaced_in_order = True

    def check(self, inputs: Inputs) -> Iterable[tuple[str, str]]:
        if inputs.get("manageMasterUserPassword") is not True:
            yield "manageMasterUserPassword", "must be true: no password belongs in a program or in state"
        if inputs.get("engine") not in (None, "postgres"):
            yield "engine", "must be postgres: the laptop cloud has no other"
        for name in ("engine", "instanceClass", "username", "allocatedStorage"):
            if inputs.get(name) is None:
                yield name, "is required"

    def create(self, call: Call, inputs: Inputs) -> str:
        state, path = _state(call), _record(call)
        instance = _postgres()
        resource_id = "db-" + "".join(secrets.choice(_LETTERS) for _ in range(_RESOURCE_ID_LENGTH))
        secret_name = f"rds!db-{uuid.uuid4()}"
        record = {
            "resource_id": resource_id,
            "secret": secret_name,
            "inputs": {name: value for name, value in inputs.items() if not name.startswith("__")},
        }
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(path, record)
        call.made(resource_id)
        password = secrets.token_urlsafe(_PASSWORD_LENGTH)
        arn = f"arn:aws:rds:{call.aws.region}:{call.aws.account}:db:{inputs['identifier']}"
        secret = call.client("secretsmanager").create_secret(
            Name=secret_name,
            Description=f"The secret associated with the primary RDS DB instance: {arn}",
            SecretString=json.dumps({"username": inputs["username"], "password": password}),
            Tags=[
                {"Key": "aws:rds:primaryDBInstanceArn", "Value": arn},
                {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
            ],
        )
        write_json(path, {**record, "secret_arn": secret["ARN"]})
        instance.create(
            state,
            identifier=str(inputs["identifier"]),
            master_username=str(inputs["username"]),
            master_password=password,
            database=str(inputs.get("dbName") or "postgres"),
        )
        return resource_id

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        record = _found(call, identifier)
        described = _postgres().describe(_state(call))
        if described is None:
            raise Gone(f"There is no Postgres for {identifier}.")
        if not record.get("secret_arn"):
            raise Gone("The making of the instance was cut short.")
        inputs: dict[str, Any] = record["inputs"]
        region, account = call.aws.region, call.aws.account
        observed = {name: inputs.get(name) for name in self.handles - self.unreadable - {"tags"}}
        return {
            **observed,
            "arn": f"arn:aws:rds:{region}:{account}:db:{inputs['identifier']}",
            "resourceId": identifier,
            "identifier": inputs["identifier"],
            "address": described.host,
            "port": described.port,
            "endpoint": f"{described.host}:{described.port}",
            "engineVersionActual": described.engine_version,
            "status": "available",
            "availabilityZone": f"{region}a",
            "hostedZoneId": "Z2R2ITUGPM61AM",
            "masterUserSecrets": [
                {
                    "kmsKeyId": f"arn:aws:kms:{region}:{account}:alias/aws/secretsmanager",
                    "secretArn": record["secret_arn"],
                    "secretStatus": "active",
                }
            ],
            **tag_outputs(inputs.get("tags") or {}),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        """Settings that only AWS knows; Postgres itself is not touched."""
        record = _found(call, identifier)
        inputs = {name: value for name, value in new.items() if not name.startswith("__")}
        write_json(_record(call), {**record, "inputs": inputs})

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        record = read_json(_record(call))
        if record.get("resource_id") != identifier:
            return
        inputs = record.get("inputs") or {}
        if known.get("deletionProtection") or inputs.get("deletionProtection"):
            raise ProviderError(
                "The instance has deletion protection.",
                why="AWS refuses as well: InvalidParameterCombination.",
                fix="Set deletionProtection to false, deploy, and delete then.",
            )
        _postgres().delete(_state(call))
        with ignore_missing():
            call.client("secretsmanager").delete_secret(SecretId=record["secret"], ForceDeleteWithoutRecovery=True)
        _record(call).unlink(missing_ok=True)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        record = read_json(_record(call))
        same = (record.get("inputs") or {}).get("identifier") == inputs.get("identifier")
        return str(record["resource_id"]) if record and same else None


def _found(call: Call, identifier: str) -> dict[str, Any]:
    record = read_json(_record(call))
    if record.get("resource_id") != identifier:
        raise Gone(f"There is no instance {identifier}.")
    return record


def _record(call: Call) -> Path:
    return _state(call).root / "provider" / "rds-instance.json"


def _state(call: Call) -> State:
    if call.state is None:
        raise ProviderError("A database instance needs a state folder.", fix="Start the provider with --state.")
    return State(call.state)


def _postgres() -> Any:
    """Loaded on demand: most commands touch no database."""
    from local.postgres import instance

    return instance
