"""What the resources of every stack must be like, whatever they are for."""

from __future__ import annotations

import inspect
import json

import pulumi
import pulumi_aws as aws
import pytest

from infra.names import FunctionId, Names
from tests.infra.conftest import TreeOf
from tests.infra.resource_tree import STACKS, UNKNOWN, Registered, build, stack_config, stack_values


def resource_class(type_: str) -> type[pulumi.Resource]:
    """The SDK's class of a type token such as aws:s3/bucket:Bucket."""
    _, module, name = type_.split(":")
    service = module.split("/")[0]
    found = getattr(getattr(aws, "lambda_" if service == "lambda" else service), name)
    assert isinstance(found, type)
    return found


def takes_tags(type_: str) -> bool:
    return "tags" in inspect.signature(resource_class(type_)._internal_init).parameters  # type: ignore[attr-defined]  # generated


def test_everything_that_takes_tags_has_the_stacks(up: TreeOf, stack: str) -> None:
    tagged = [resource for resource in up(stack).custom() if takes_tags(resource.type)]
    assert len(tagged) > 60
    for resource in tagged:
        tags = resource.inputs.get("tags") or {}
        assert tags.get("stack") == stack, f"{resource.type} {resource.name} has no tags"
        assert "auth_user_id" not in tags, "on a role this would be a principal's tag"


def test_every_resource_belongs_to_a_component(up: TreeOf, stack: str) -> None:
    for resource in up(stack).custom():
        assert "rendio:" in resource.parent, f"{resource.type} {resource.name} has parent {resource.parent!r}"


def test_components_are_named_area_and_kind(up: TreeOf) -> None:
    components = [resource for resource in up("dev").resources.values() if not resource.custom]
    assert len(components) > 15
    for component in components:
        package, area, kind = component.type.split(":")
        assert package == "rendio"
        assert area.islower()
        assert kind[0].isupper()


def test_each_function_has_a_role_a_log_group_and_a_zip_of_its_own(up: TreeOf, stack: str) -> None:
    tree, names = up(stack), Names.of(stack_config(stack))
    functions = tree.of_type("aws:lambda/function:Function")
    assert {function.name.replace("-", "_") for function in functions} == {str(function) for function in FunctionId}
    roles = {function.inputs["role"] for function in functions}
    assert len(roles) == len(functions)
    for function in functions:
        id_ = FunctionId(function.name.replace("-", "_"))
        assert function.inputs["name"] == names.function(id_)
        assert function.inputs["handler"] == f"lambdas.{id_}.handler.handler"
        assert function.inputs["role"].endswith(f":role/{names.function_role(id_)}")
        logs = tree.one("aws:cloudwatch/logGroup:LogGroup", function.name)
        assert logs.inputs["name"] == f"/aws/lambda/{names.function(id_)}"


def test_no_environment_holds_a_secret(up: TreeOf, stack: str) -> None:
    for function in up(stack).of_type("aws:lambda/function:Function"):
        for name, value in function.inputs["environment"]["variables"].items():
            assert not any(word in name for word in ("PASSWORD", "TOKEN", "API_KEY")), name
            if "SECRET" in name:  # a name or an ARN, never a value
                assert value.startswith((f"rendio/{stack}/", "arn:aws:secretsmanager:")), name


@pytest.mark.plan("M20")
def test_buckets_are_private_encrypted_and_versioned(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    for bucket in ("images", "videos"):
        block = tree.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket).inputs
        assert all(
            block[key] is True
            for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        )
        versioning = tree.one("aws:s3/bucketVersioning:BucketVersioning", bucket).inputs
        assert versioning["versioningConfiguration"]["status"] == "Enabled"
        ownership = tree.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls", bucket).inputs
        assert ownership["rule"]["objectOwnership"] == "BucketOwnerEnforced"
        (rule,) = tree.one(
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", bucket
        ).inputs["rules"]
        assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"


@pytest.mark.plan("M11")
def test_what_clean_ups_leave_goes_by_itself_a_month_later(up: TreeOf, stack: str) -> None:
    lifecycle = up(stack).one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "videos")
    days = {
        rule["filter"]["prefix"]: rule["expiration"]["days"]
        for rule in lifecycle.inputs["rules"]
        if "days" in rule.get("expiration", {})
    }
    assert days == {"videos/": 120, "thumbnails/": 120}


def test_transient_images_go_by_themselves(up: TreeOf, stack: str) -> None:
    lifecycle = up(stack).one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "images")
    days = {
        rule["filter"]["prefix"]: rule["expiration"].get("days")
        for rule in lifecycle.inputs["rules"]
        if "days" in rule.get("expiration", {})
    }
    assert days == {"incoming/": 1, "anonymous/": 1, "images/": 120}


def test_the_database_is_private_encrypted_and_opened_by_iam(up: TreeOf, stack: str) -> None:
    tree, config = up(stack), stack_config(stack).database
    inputs = tree.one("aws:rds/instance:Instance", "database").inputs
    assert inputs["storageEncrypted"] is True
    assert inputs["publiclyAccessible"] is False
    assert inputs["iamDatabaseAuthenticationEnabled"] is True
    assert inputs["manageMasterUserPassword"] is True
    assert "password" not in inputs
    assert inputs["username"] == f"rendio_{stack}_database_admin"
    assert inputs["deletionProtection"] is config.deletion_protection
    assert inputs["skipFinalSnapshot"] is not config.final_snapshot
    assert ("finalSnapshotIdentifier" in inputs) == config.final_snapshot
    parameters = tree.one("aws:rds/parameterGroup:ParameterGroup", "database").inputs["parameters"]
    values = {parameter["name"]: parameter["value"] for parameter in parameters}
    assert values["rds.force_ssl"] == "1"
    assert values["log_parameter_max_length"] == values["log_parameter_max_length_on_error"] == "0"


def test_connections_are_bounded_by_us_and_told_of_before_the_bound(up: TreeOf, stack: str) -> None:
    tree, most = up(stack), {"local": 100, "dev": 100, "prod": 800}[stack]
    parameters = tree.one("aws:rds/parameterGroup:ParameterGroup", "database").inputs["parameters"]
    (bound,) = [parameter for parameter in parameters if parameter["name"] == "max_connections"]
    # RDS refuses to change a static parameter at once.
    assert bound == {"name": "max_connections", "value": str(most), "applyMethod": "pending-reboot"}
    alarm = tree.one("aws:cloudwatch/metricAlarm:MetricAlarm", "DATABASE-CONNECTIONS")
    assert alarm.inputs["threshold"] == most * 0.7


def test_a_final_snapshot_is_named_anew_after_each_rebuild() -> None:
    first = build("prod", seed=1).one("aws:rds/instance:Instance", "database").inputs["finalSnapshotIdentifier"]
    second = build("prod", seed=2).one("aws:rds/instance:Instance", "database").inputs["finalSnapshotIdentifier"]
    assert first != second


def test_only_functions_reach_the_database(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    (inward,) = tree.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert inward.inputs["fromPort"] == inward.inputs["toPort"] == 5432
    assert "cidrIpv4" not in inward.inputs
    assert "referencedSecurityGroupId" in inward.inputs
    for group in (
        *tree.of_type("aws:ec2/securityGroup:SecurityGroup"),
        *tree.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
    ):
        assert "ingress" not in group.inputs
        assert "egress" not in group.inputs


def test_each_zone_has_a_way_out(up: TreeOf, stack: str) -> None:
    tree, config = up(stack), stack_config(stack).network
    assert len(tree.of_type("aws:ec2/natGateway:NatGateway")) == config.nat_gateways
    out = [route for route in tree.of_type("aws:ec2/route:Route") if "natGatewayId" in route.inputs]
    assert len(out) == len(config.zones)
    networks = [subnet.inputs["cidrBlock"] for subnet in tree.of_type("aws:ec2/subnet:Subnet")]
    assert len(set(networks)) == 2 * len(config.zones)
    assert not any(subnet.inputs["mapPublicIpOnLaunch"] for subnet in tree.of_type("aws:ec2/subnet:Subnet"))


def test_the_signing_key_signs_and_nothing_else(up: TreeOf, stack: str) -> None:
    for key in up(stack).of_type("aws:kms/key:Key"):
        assert key.inputs["keyUsage"] == "SIGN_VERIFY"
        assert key.inputs["customerMasterKeySpec"] == "RSA_2048"


def test_two_keys_verify_during_a_rotation() -> None:
    values = stack_values("dev")
    values["rendio:sessions"] = json.dumps({"keys": ["2026a", "2026b"], "signing_key": "2026b"})
    tree = build("dev", config=stack_config("dev", values))
    assert len(tree.of_type("aws:kms/key:Key")) == 2
    variables = tree.one("aws:lambda/function:Function", "session-authorizer").inputs["environment"]["variables"]
    keys = json.loads(variables["SESSION_KEYS"])
    assert sorted(keys) == ["2026a", "2026b"]
    check = tree.one("aws:lambda/function:Function", "device-check").inputs["environment"]["variables"]
    assert check["SESSION_SIGNING_KEY_ARN"] == keys["2026b"] != keys["2026a"]


@pytest.mark.parametrize("stack_name", STACKS)
def test_nothing_of_a_preview_is_null(first_preview: TreeOf, stack_name: str) -> None:
    def check(resource: Registered, value: object, path: str) -> None:
        assert value is not None, f"{resource.type} {resource.name}: {path} is null"
        if isinstance(value, dict):
            for key, inner in value.items():
                check(resource, inner, f"{path}.{key}")
        if isinstance(value, list):
            for inner in value:
                check(resource, inner, f"{path}[]")

    for resource in first_preview(stack_name).custom():
        for key, value in resource.inputs.items():
            if value != UNKNOWN:
                check(resource, value, key)
