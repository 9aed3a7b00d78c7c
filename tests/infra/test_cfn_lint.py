"""cfn-lint, which knows nothing of this program, finds nothing wrong with what `dev` and `prod` ask of AWS."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.infra.cloudformation import REGION, template_of
from tests.infra.conftest import TreeOf

Template = dict[str, Any]
# Zones are named because account, region and zones are config (previews need no credentials).
ACCEPTED = {"W3010"}
# Properties that CloudFormation does not have, or has elsewhere; a new one has to be looked at.
WITHOUT_A_PLACE = {
    "aws:apigatewayv2/stage:Stage: routeSettings.detailedMetricsEnabled",
    "aws:apigatewayv2/stage:Stage: routeSettings.routeKey",
    "aws:apigatewayv2/stage:Stage: routeSettings.throttlingBurstLimit",
    "aws:apigatewayv2/stage:Stage: routeSettings.throttlingRateLimit",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup: no twin",
    "aws:ec2/internetGateway:InternetGateway: vpcId",
    "aws:kms/key:Key: customerMasterKeySpec",
    "aws:lambda/function:Function: publish",
    "aws:lambda/invocation:Invocation: no twin",
    "aws:rds/instance:Instance: finalSnapshotIdentifier",
    "aws:rds/instance:Instance: skipFinalSnapshot",
    "aws:rds/parameterGroup:ParameterGroup: parameters.applyMethod",
    "aws:rds/parameterGroup:ParameterGroup: parameters.name",
    "aws:rds/parameterGroup:ParameterGroup: parameters.value",
    "aws:s3/bucket:Bucket: forceDestroy",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls: rule.objectOwnership",
    "aws:secretsmanager/secret:Secret: recoveryWindowInDays",
}

# A map and a flattened structure here, lists and a structure of structures there.
OF_ALARMS = (
    "aws:cloudwatch/metricAlarm:MetricAlarm: dimensions.",
    "aws:cloudwatch/metricAlarm:MetricAlarm: metricQueries.metric.",
)


def findings(template: Template) -> list[str]:
    found = lint(json.dumps(template), config=ManualArgs(regions=[REGION]))
    return [f"{match.rule.id} {match.message}" for match in found if match.rule.id not in ACCEPTED]


@pytest.mark.parametrize("stack_name", ["dev", "prod"])
def test_cfn_lint_finds_nothing(up: TreeOf, stack_name: str) -> None:
    template, _ = template_of(up(stack_name))
    assert len(template["Resources"]) > 120
    assert findings(template) == []


@pytest.mark.parametrize("stack_name", ["dev", "prod"])
def test_every_property_is_linted_but_those_that_cloudformation_lacks(up: TreeOf, stack_name: str) -> None:
    _, left_out = template_of(up(stack_name))
    assert {entry for entry in left_out if not entry.startswith(OF_ALARMS)} <= WITHOUT_A_PLACE


Properties = dict[str, Any]


def _wrong_class(database: Properties) -> None:
    database["DBInstanceClass"] = "db.t9.micro"


def _wrong_version(database: Properties) -> None:
    database["EngineVersion"] = "11.1"


def _wrong_runtime(function: Properties) -> None:
    function["Runtime"] = "python2.6"


def _wrong_statement(policy: Properties) -> None:
    statement = policy["PolicyDocument"]["Statement"][0]
    statement["Efect"] = statement.pop("Effect")


def _wrong_lifecycle(bucket: Properties) -> None:
    bucket["LifecycleConfiguration"]["Rules"][0]["Status"] = "On"


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("InstanceDatabase", _wrong_class),
        ("InstanceDatabase", _wrong_version),
        ("FunctionMe", _wrong_runtime),
        ("RolePolicyMe", _wrong_statement),
        ("BucketImages", _wrong_lifecycle),
    ],
)
def test_cfn_lint_would_find_it(up: TreeOf, name: str, plant: Callable[[Properties], None]) -> None:
    whole, _ = template_of(up("dev"))
    resource = copy.deepcopy(whole["Resources"][name])
    plant(resource["Properties"])
    assert findings({**whole, "Resources": {name: resource}})
