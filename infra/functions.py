"""The Lambda functions, each with a log group, a role of its own and nothing it does not need."""

from __future__ import annotations

from typing import Protocol

import pulumi
import pulumi_aws as aws

from infra.config import Config
from infra.config import Functions as FunctionsConfig
from infra.database import Database
from infra.function_catalogue import FunctionSpec, deployed
from infra.function_environments import Environment, Environments
from infra.names import FunctionId, Names
from infra.network import Network
from infra.secrets import Secrets
from infra.sessions import Sessions
from infra.storage import Storage
from infra.video_migration_queue import VideoMigrationQueue, worker_timeout
from policies.model.documents import Documents


class Packages(Protocol):
    """Builds the zip of a function (infra/packaging.py; tests give a stub)."""

    def archive(self, function: str, *, wheels: str, maximum_mb: int) -> pulumi.Archive: ...


class Function(pulumi.ComponentResource):
    """A Lambda function whose role can write its own log and do what policies/iam/<id>.json.j2 says, nothing else.

    The log group comes first, with its retention: the role cannot create one. Known names hide from Pulumi that the
    function needs its policy, so it is said here.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    invoke_arn: pulumi.Output[str]
    version: pulumi.Output[str]
    timeout: int
    policy: pulumi.Resource
    logs: aws.cloudwatch.LogGroup
    ready: list[pulumi.Resource]
    """What must exist before the function can be called with success."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: FunctionsConfig,
        documents: Documents,
        spec: FunctionSpec,
        timeout: int,
        environment: Environment,
        package: pulumi.Archive,
        network: Network,
        after: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:functions:Function", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        name = names.function(spec.id)
        self.logs = aws.cloudwatch.LogGroup(
            resource_name,
            name=names.function_logs(spec.id),
            retention_in_days=config.log_days,
            tags=names.tags,
            opts=child,
        )
        role = aws.iam.Role(
            resource_name,
            name=names.function_role(spec.id),
            assume_role_policy=documents.render("iam/lambda_trust.json.j2"),
            tags=names.tags,
            opts=child,
        )
        self.policy = aws.iam.RolePolicy(
            resource_name,
            name="access",
            role=role.name,
            policy=documents.render(f"iam/{spec.id}.json.j2"),
            opts=child,
        )
        in_vpc: aws.lambda_.FunctionVpcConfigArgsDict = {
            "subnet_ids": network.private_subnet_ids,
            "security_group_ids": [network.functions_security_group_id],
        }
        ways_out = network.routes if spec.uses_database else []
        function = aws.lambda_.Function(
            resource_name,
            name=name,
            description=spec.does,
            role=role.arn,
            runtime=config.runtime,
            architectures=[config.architecture],
            handler=f"lambdas.{spec.id}.handler.handler",
            code=package,
            timeout=timeout,
            memory_size=spec.memory,
            environment={"variables": environment},
            vpc_config=in_vpc if spec.uses_database else None,
            reserved_concurrent_executions=config.reserved_concurrency,
            publish=spec.publish,
            tags=names.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.logs, self.policy, *ways_out, *after]),
        )
        self.name, self.arn, self.invoke_arn = function.name, function.arn, function.invoke_arn
        self.version, self.timeout = function.version, timeout
        self.ready = [function, self.policy, *ways_out]
        self.register_outputs({"name": self.name, "arn": self.arn})


class Functions(pulumi.ComponentResource):
    """Every function of the catalogue that the phase of the roll-out has."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: Config,
        documents: Documents,
        packages: Packages,
        network: Network,
        storage: Storage,
        database: Database,
        sessions: Sessions,
        secrets: Secrets,
        api_url: pulumi.Output[str],
        video_migrations: VideoMigrationQueue,
        on_call: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:functions:Functions", resource_name, None, opts)
        environments = Environments(
            names=names,
            config=config,
            database=database,
            sessions=sessions,
            api_url=api_url,
            video_migrations=video_migrations,
        )
        known_by_name: dict[FunctionId, list[pulumi.Resource]] = {
            FunctionId.DEVICE_CHECK: secrets.ready,
            FunctionId.UPLOAD_IMAGE: [*sessions.roles, *storage.images.ready],
            FunctionId.VIEW_IMAGE: [*sessions.roles, *storage.images.ready],
            FunctionId.UPLOAD_IMAGE_DIRECT: [*sessions.roles, *storage.images.ready],
            FunctionId.UPLOAD_IMAGE_ANONYMOUS: storage.images.ready,
            FunctionId.INSPECT_IMAGE: storage.images.ready,
            FunctionId.SUBMIT_VIDEO: [*sessions.roles, *storage.images.ready, *secrets.ready],
            FunctionId.VIEW_VIDEO: [*sessions.roles, *storage.videos.ready, *secrets.ready],
            FunctionId.DELETE_VIDEO: [*sessions.roles, *storage.videos.ready],
            FunctionId.FAL_WEBHOOK: secrets.ready,
            FunctionId.SWEEP_VIDEOS: [*storage.videos.ready, *secrets.ready],
            FunctionId.MIGRATE_VIDEO: storage.videos.ready,
            FunctionId.RESTORE_VIDEOS: storage.videos.ready,
            FunctionId.MAKE_THUMBNAIL: storage.videos.ready,
            FunctionId.CLEAN_VIDEOS: storage.videos.ready,
            FunctionId.CLEAN_IMAGES: storage.images.ready,
            FunctionId.CLEAN_IDENTITIES: [*storage.images.ready, *storage.videos.ready],
            FunctionId.MONITOR_STORAGE: [*storage.images.ready, *storage.videos.ready],
            FunctionId.PAGE_ON_CALL: secrets.ready,
            FunctionId.HEARTBEAT: [*secrets.ready, *on_call],
            FunctionId.ACCESS_DRIFT: [*storage.images.ready, *storage.videos.ready],
        }
        self._functions: dict[FunctionId, Function] = {}
        for spec in deployed(config.rollout.image_uploads):
            called = [resource for function in spec.calls for resource in self._functions[function].ready]
            copies = spec.id is FunctionId.MIGRATE_VIDEO
            self._functions[spec.id] = Function(
                spec.id.replace("_", "-"),
                names=names,
                config=config.functions,
                documents=documents,
                spec=spec,
                timeout=worker_timeout(config.video_migration) if copies else spec.timeout,
                environment=environments.of(spec),
                package=packages.archive(spec.id, wheels=spec.wheels, maximum_mb=spec.maximum_mb),
                network=network,
                after=[*known_by_name.get(spec.id, []), *called],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    @property
    def log_groups(self) -> list[pulumi.Output[str]]:
        """The names of the groups that the functions log to."""
        return [function.logs.name for function in self._functions.values()]

    def __getitem__(self, function: FunctionId) -> Function:
        return self._functions[function]
