"""The Postgres instance, and the access model applied to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra.config import Database as DatabaseConfig
from infra.names import DATABASE_NAME, FunctionId, Names
from infra.network import Network

if TYPE_CHECKING:  # functions need the database's address, so functions.py imports this module
    from infra.functions import Function

# Statements are logged without their parameters: those are users' data (claims, hashes, prompts).
PARAMETERS = {
    "rds.force_ssl": "1",
    # Who came, from where: the one trace of a hand that changes rows (docs/going-to-production.md, 10).
    "log_connections": "1",
    # A failed statement is told to its caller; in the log its text and its key values would be users' data.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "1000",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    # Roles, rights, policies and tables. No statement of ours has a password in it: logins have none (access.py).
    "log_statement": "ddl",
}
SLOW_GROWTH_FACTOR = 4
LOGS = ("postgresql", "upgrade")


class Database(pulumi.ComponentResource):
    """Postgres on RDS: encrypted, private, TLS only, functions log in by IAM, the master's password is RDS's secret."""

    address: pulumi.Output[str]
    port: pulumi.Output[int]
    endpoint: pulumi.Output[str]
    master_secret_arn: pulumi.Output[str]
    instance: pulumi.Resource

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: DatabaseConfig,
        log_days: int,
        network: Network,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:database:Database", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        subnets = aws.rds.SubnetGroup(
            "database",
            description=f"Private subnets of {names.prefix}",
            subnet_ids=network.private_subnet_ids,
            tags=names.tags,
            opts=child,
        )
        parameters = aws.rds.ParameterGroup(
            "database",
            description=f"Postgres of {names.prefix}",
            family=f"postgres{config.engine_version.partition('.')[0]}",
            parameters=_parameters(config),
            tags=names.tags,
            opts=child,
        )
        logs = [
            aws.cloudwatch.LogGroup(
                f"database-{log}",
                name=f"/aws/rds/instance/{names.database}/{log}",
                retention_in_days=log_days,
                tags=names.tags,
                opts=child,
            )
            for log in LOGS
        ]
        # A final snapshot's name may be taken by that of an earlier instance; the subnet group's has a random end.
        final_snapshot = subnets.name.apply(lambda name: f"{names.database}-final-{name}")
        instance = aws.rds.Instance(
            "database",
            identifier=names.database,
            engine="postgres",
            engine_version=config.engine_version,
            instance_class=config.instance_class,
            allocated_storage=config.storage_gb,
            max_allocated_storage=config.storage_gb * SLOW_GROWTH_FACTOR,
            storage_type="gp3",
            storage_encrypted=True,
            db_name=DATABASE_NAME,
            username=names.login(FunctionId.DATABASE_ADMIN),
            manage_master_user_password=True,
            iam_database_authentication_enabled=True,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            multi_az=config.multi_az,
            publicly_accessible=False,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[network.database_security_group_id],
            parameter_group_name=parameters.name,
            backup_retention_period=config.backup_days,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            deletion_protection=config.deletion_protection,
            # Not told by the protection: whoever takes that away to delete the instance would skip the snapshot too.
            skip_final_snapshot=not config.final_snapshot,
            final_snapshot_identifier=final_snapshot if config.final_snapshot else None,
            enabled_cloudwatch_logs_exports=list(LOGS),
            tags=names.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=logs),
        )
        self.address, self.port, self.endpoint = instance.address, instance.port, instance.endpoint
        self.master_secret_arn = instance.master_user_secrets.apply(lambda secrets: str(secrets[0]["secret_arn"]))
        self.instance = instance
        self.register_outputs({"endpoint": self.endpoint})


def _parameters(config: DatabaseConfig) -> list[aws.rds.ParameterGroupParameterArgsDict]:
    """Those of every stack, and the bound of this one. That is static: an instance has it from its next restart on."""
    found: list[aws.rds.ParameterGroupParameterArgsDict] = [
        {"name": name, "value": value} for name, value in sorted(PARAMETERS.items())
    ]
    bound = str(config.max_connections)
    return [*found, {"name": "max_connections", "value": bound, "apply_method": "pending-reboot"}]


class AccessModel(pulumi.ComponentResource):
    """Schema versions, roles, grants and row-level security, applied by database_admin in one transaction.

    The model is the invocation's input, so a changed policy is a changed line in `pulumi preview --diff`. The
    published version is invoked: the code that was packaged with this very model.
    """

    applied: pulumi.Resource
    result: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        model: dict[str, Any],
        database: Database,
        database_admin: Function,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:database:AccessModel", resource_name, None, opts)
        invocation = aws.lambda_.Invocation(
            "access-model",
            function_name=database_admin.name,
            qualifier=database_admin.version,
            lifecycle_scope="CREATE_ONLY",
            input=json.dumps({"stack": names.stack, "database": DATABASE_NAME, **model}, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[database.instance, *database_admin.ready]),
        )
        self.applied, self.result = invocation, invocation.result
        self.register_outputs({"result": self.result})
