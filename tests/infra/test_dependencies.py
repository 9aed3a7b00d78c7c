"""Known names hide dependencies from Pulumi; these say which must be there, and find those nobody thought of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.infra.conftest import TreeOf
from tests.infra.resource_tree import Registered, Tree

FUNCTION = "aws:lambda/function:Function"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"
EVENT_SOURCE = "aws:lambda/eventSourceMapping:EventSourceMapping"
INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
PERMISSION = "aws:lambda/permission:Permission"
USES_DATABASE = {
    "device-check", "me", "upload-image", "view-image", "upload-image-direct", "inspect-image", "database-admin",
    "access-drift", "submit-video", "view-video", "delete-video", "fal-webhook", "migrate-video", "sweep-videos",
    "backfill-videos", "make-thumbnail",
    "ask-database", "throw-switch", "restore-videos",
    "clean-videos", "clean-images", "clean-identities", "delete-me", "monitor-storage",
}  # fmt: skip

Pick = Callable[[Tree], list[Registered]]


def one(type_: str, name: str) -> Pick:
    return lambda tree: [tree.one(type_, name)]


def every(type_: str) -> Pick:
    return lambda tree: tree.of_type(type_)


def missing(tree: Tree, later: Registered, earlier: list[Registered]) -> list[str]:
    assert earlier, "nothing to depend on was found: the test would prove nothing"
    before = tree.everything_before(later)
    return [needed.urn for needed in earlier if needed.urn not in before]


def routes_out(tree: Tree) -> list[Registered]:
    """What makes a private subnet reach AWS, Apple and the database."""
    private = [
        resource
        for type_ in ("aws:ec2/route:Route", "aws:ec2/routeTableAssociation:RouteTableAssociation")
        for resource in tree.of_type(type_)
        if resource.name.startswith("private-")
    ]
    rules = tree.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    inward = tree.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    return [*private, *rules, *inward, *tree.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")]


def test_a_function_comes_after_its_log_group_and_its_roles_policy(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    for function in tree.of_type(FUNCTION):
        needed = [tree.one("aws:cloudwatch/logGroup:LogGroup", function.name), tree.one(ROLE_POLICY, function.name)]
        assert not missing(tree, function, needed)


def test_a_function_in_the_vpc_comes_after_its_ways_out(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    for function in tree.of_type(FUNCTION):
        in_vpc = "vpcConfig" in function.inputs
        assert in_vpc == (function.name in USES_DATABASE)
        assert bool(missing(tree, function, routes_out(tree))) != in_vpc


def test_nothing_runs_by_the_clock_before_the_database_lets_functions_in(up: TreeOf, stack: str) -> None:
    """Else the sweeps of a first deployment page: the database is down, for all they can tell."""
    tree = up(stack)
    access_model = tree.of_type("aws:lambda/invocation:Invocation")
    for schedule in tree.of_type("aws:scheduler/schedule:Schedule"):
        assert not missing(tree, schedule, access_model)


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("device-check", one("aws:secretsmanager/secret:Secret", "apple-devicecheck")),
        ("device-check", one("aws:secretsmanager/secret:Secret", "device-hash-keys")),
        ("device-check", every("aws:kms/key:Key")),
        ("session-authorizer", every("aws:kms/key:Key")),
        ("upload-image", one(ROLE_POLICY, "user-storage")),
        ("view-image", one(ROLE_POLICY, "user-storage")),
        ("upload-image-direct", one(ROLE_POLICY, "user-image-writer")),
        ("inspect-image", one(BUCKET_POLICY, "images")),
        ("submit-video", one(ROLE_POLICY, "user-storage")),
        ("submit-video", one("aws:secretsmanager/secret:Secret", "fal")),
        ("view-video", one(ROLE_POLICY, "user-storage")),
        ("view-video", one("aws:secretsmanager/secret:Secret", "fal")),
        ("delete-video", one(ROLE_POLICY, "user-video-remover")),
        ("clean-videos", one(BUCKET_POLICY, "videos")),
        ("clean-images", one(BUCKET_POLICY, "images")),
        ("clean-identities", one(BUCKET_POLICY, "images")),
        ("clean-identities", one(BUCKET_POLICY, "videos")),
        ("monitor-storage", one(BUCKET_POLICY, "videos")),
        ("delete-me", one(FUNCTION, "clean-identities")),
        ("fal-webhook", one("aws:secretsmanager/secret:Secret", "fal")),
        ("upload-image-anonymous", one(BUCKET_POLICY, "images")),
        ("view-video", one(BUCKET_POLICY, "videos")),
        ("migrate-video", one(BUCKET_POLICY, "videos")),
    ],
)
def test_a_function_comes_after_what_it_reaches_by_name(up: TreeOf, stack: str, later: str, earlier: Pick) -> None:
    tree = up(stack)
    assert not missing(tree, tree.one(FUNCTION, later), earlier(tree))


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (every("aws:lambda/invocation:Invocation"), one(FUNCTION, "database-admin")),
        (every("aws:lambda/invocation:Invocation"), one(ROLE_POLICY, "database-admin")),
        (every("aws:lambda/invocation:Invocation"), every("aws:rds/instance:Instance")),
        (every("aws:lambda/invocation:Invocation"), routes_out),
        (every("aws:ec2/natGateway:NatGateway"), one("aws:ec2/route:Route", "public-to-internet")),
        (every("aws:rds/instance:Instance"), one("aws:cloudwatch/logGroup:LogGroup", "database-postgresql")),
        (one(BUCKET_POLICY, "images"), one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "images")),
        (one(BUCKET_POLICY, "videos"), one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "videos")),
        (
            one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "images"),
            one("aws:s3/bucketVersioning:BucketVersioning", "images"),
        ),
        (one(NOTIFICATION, "images"), one(PERMISSION, "images-bucket")),
        (one(NOTIFICATION, "images"), one(FUNCTION, "inspect-image")),
        (one(NOTIFICATION, "videos"), one(PERMISSION, "videos-bucket")),
        (one(NOTIFICATION, "videos"), one(FUNCTION, "make-thumbnail")),
        (every(EVENT_SOURCE), one(ROLE_POLICY, "migrate-video")),
        (every(EVENT_SOURCE), one("aws:sqs/queuePolicy:QueuePolicy", "video-migration")),
        (one(INVOKE_CONFIG, "inspect-image"), one("aws:sqs/queuePolicy:QueuePolicy", "inspect-image")),
        (one(INVOKE_CONFIG, "inspect-image"), one(ROLE_POLICY, "inspect-image")),
        (one(INVOKE_CONFIG, "make-thumbnail"), one("aws:sqs/queuePolicy:QueuePolicy", "make-thumbnail")),
        (one(INVOKE_CONFIG, "make-thumbnail"), one(ROLE_POLICY, "make-thumbnail")),
        (every("aws:scheduler/schedule:Schedule"), one(ROLE_POLICY, "scheduler")),
        (one("aws:scheduler/schedule:Schedule", "sweep-videos"), one(INVOKE_CONFIG, "sweep-videos")),
        (every("aws:scheduler/schedule:Schedule"), one("aws:sqs/queuePolicy:QueuePolicy", "schedules")),
        (every("aws:apigatewayv2/stage:Stage"), every("aws:apigatewayv2/route:Route")),
        (every("aws:apigatewayv2/route:Route"), one(PERMISSION, "authorize")),
    ],
)  # fmt: skip
def test_what_would_fail_too_early_comes_later(up: TreeOf, stack: str, later: Pick, earlier: Pick) -> None:
    tree = up(stack)
    picked = later(tree)
    assert picked
    for resource in picked:
        assert not missing(tree, resource, earlier(tree))


def test_a_route_comes_after_the_permission_to_call_its_function(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    for route in tree.of_type("aws:apigatewayv2/route:Route"):
        assert not missing(tree, route, [tree.one(PERMISSION, route.name)])


def test_nothing_names_what_it_does_not_wait_for(up: TreeOf, stack: str) -> None:
    """What says another resource's physical name comes after it. Policy documents may name what is not there yet."""
    tree = up(stack)
    named = dict(physical_names(tree))
    found = []
    for resource in tree.custom():
        text = json.dumps({key: value for key, value in resource.inputs.items() if key not in _DOCUMENTS})
        before = tree.everything_before(resource)
        for name, owner in named.items():
            if owner.urn != resource.urn and f'"{name}"' in text and owner.urn not in before:
                found.append(f"{resource.type} {resource.name} names {name}")
    assert not found


def test_that_rule_would_notice_a_missing_dependency(up: TreeOf) -> None:
    tree = up("dev")
    names = [name for name, _ in physical_names(tree)]
    assert len(names) > 60
    function = tree.one(FUNCTION, "upload-image")
    assert function.inputs["environment"]["variables"]["IMAGES_BUCKET"] in names
    assert function.inputs["environment"]["variables"]["USER_STORAGE_ROLE_ARN"] in names


# An alarm or a query looks at what it names, and needs none of it.
_DOCUMENTS = ("policy", "assumeRolePolicy", "tags", "dimensions", "metricQueries", "logGroupNames")


def physical_names(tree: Tree) -> Iterator[tuple[str, Registered]]:
    """Every name, ARN and URL by which something of the tree can be called, with what it belongs to."""
    account = tree.one("aws:s3/bucket:Bucket", "images").inputs["bucket"].rsplit("-", 1)[-1]
    region = "us-east-1"
    for resource in tree.custom():
        name = resource.inputs.get("name", "")
        match resource.type:
            case "aws:s3/bucket:Bucket":
                bucket = resource.inputs["bucket"]
                yield bucket, resource
                yield f"arn:aws:s3:::{bucket}", resource
            case "aws:iam/role:Role":
                yield name, resource
                yield f"arn:aws:iam::{account}:role/{name}", resource
            case "aws:lambda/function:Function":
                yield f"arn:aws:lambda:{region}:{account}:function:{name}", resource
            case "aws:sqs/queue:Queue" | "aws:secretsmanager/secret:Secret" | "aws:cloudwatch/logGroup:LogGroup":
                yield name, resource
            case "aws:sns/topic:Topic":
                yield f"arn:aws:sns:{region}:{account}:{name}", resource
            case _:
                pass
