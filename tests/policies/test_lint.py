"""Every IAM document passes parliament; what it does not know is listed with the reason, and the list is in use."""

from __future__ import annotations

import json

import parliament
import pytest

from tests.policies.conftest import listed, rendered, statements

# Finding to the reason it is accepted. One that no longer occurs fails, so that the list cannot rot.
ACCEPTED = {
    "RESOURCE_STAR": "network interfaces, before they have ids (policies/iam/_statements.json.j2 says more)",
    "UNKNOWN_CONDITION_FOR_ACTION lambda:SourceFunctionArn": "parliament's list lacks this key of the Lambda service",
}
IDENTITY = [key for key in rendered("dev") if key.startswith("iam/") and "trust" not in key]


def findings(text: str) -> set[str]:
    found = set()
    for finding in parliament.analyze_policy_string(text).findings:
        words = str(finding.detail) if finding.issue == "UNKNOWN_CONDITION_FOR_ACTION" else ""
        known = next(
            (key for key in ACCEPTED if key.startswith(finding.issue) and key.rpartition(" ")[2] in str(finding)), ""
        )
        found.add(known or f"{finding.issue} {finding.detail} {words}".strip())
    return found


@pytest.mark.parametrize("key", [key for key in IDENTITY if "deployer" not in key and "auditor" not in key])
def test_an_identity_policy_has_no_unexplained_finding(key: str) -> None:
    assert findings(rendered("dev")[key]) <= set(ACCEPTED)


def test_every_accepted_finding_still_occurs() -> None:
    used = {finding for key in IDENTITY for finding in findings(rendered("dev")[key])}
    assert set(ACCEPTED) <= used


@pytest.mark.parametrize(
    ("statement", "issue"),
    [
        ({"Action": "s3:GetObjekt", "Resource": "arn:aws:s3:::bucket/*"}, "UNKNOWN_ACTION"),
        ({"Action": "sqs:SendMessage", "Resource": "arn:aws:s3:::bucket"}, "RESOURCE_MISMATCH"),
        (
            {
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::bucket/*",
                "Condition": {"StringEquals": {"s3:no-such-key": "x"}},
            },
            "UNKNOWN_CONDITION_FOR_ACTION",
        ),
    ],
)
def test_the_lint_finds_what_is_wrong(statement: dict[str, object], issue: str) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    assert any(issue in found for found in findings(json.dumps(document)))


@pytest.mark.parametrize("key", [key for key in rendered("dev") if "trust" not in key])
def test_an_action_is_granted_on_a_resource_of_its_own_service(key: str) -> None:
    """Parliament lets an object's action pass on a queue."""
    for statement in statements(json.loads(rendered("dev")[key])):
        services = {action.partition(":")[0] for action in listed(statement["Action"])}
        services |= {"iam"} if "sts" in services else set()  # STS hands out IAM's roles
        for resource in listed(statement["Resource"]):
            assert resource == "*" or resource.split(":")[2] in services, f"{key}: {statement['Sid']}"
