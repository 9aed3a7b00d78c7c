"""What every policy document must be like, and what a wrong template says."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from policies.errors import TemplateError
from policies.model import rendering
from policies.model.documents import Documents, canonical, templates
from policies.model.rendering import header
from tests.policies.conftest import STACKS, listed, names_of, parameters_of, rendered, statements

# Actions that AWS offers no resource type for, or that are used before the thing has a name.
WITHOUT_RESOURCE_TYPE = re.compile(r"ec2:\w+|kms:\w+|s3:ListAllMyBuckets|[a-z-]+:(?:List|Describe|Get)\w+|tag:\w+")
OPERATORS = (
    "iam/on_call.json.j2",
    "iam/operator.json.j2",
    "iam/deployer.json.j2",
    "iam/auditor.json.j2",
)  # people and pipelines; their rules are in tests/unit/runner


def test_rendering_a_stack_takes_no_time() -> None:
    names = names_of("prod")
    began = time.monotonic()
    documents_ = Documents(names.context())
    for template in templates():
        if template.startswith("iam/"):
            for parameters in parameters_of(template, names):
                documents_.render(template, **parameters)
    assert time.monotonic() - began < 3


def test_each_template_says_what_it_is_for() -> None:
    ids = [header(template).id for template in templates()]
    assert len(ids) > 20
    assert len(set(ids)) == len(ids)


def test_no_document_holds_a_generated_id_or_another_stacks_name(stack: str) -> None:
    others = [other for other in STACKS if other != stack]
    for key, text in rendered(stack).items():
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", text), key
        assert not any(f"rendio-{other}" in text or f"rendio_{other}" in text for other in others), key


def test_every_statement_says_what_it_does(stack: str) -> None:
    for key, text in rendered(stack).items():
        sids = [statement["Sid"] for statement in statements(json.loads(text))]
        assert len(set(sids)) == len(sids), key
        assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]+", sid) for sid in sids), key


def test_nothing_is_granted_by_a_wildcard_action(stack: str) -> None:
    for key, text in rendered(stack).items():
        for statement in statements(json.loads(text)):
            assert "NotAction" not in statement
            assert "NotResource" not in statement
            assert "NotPrincipal" not in statement
            if statement["Effect"] == "Allow":
                assert not [action for action in listed(statement["Action"]) if "*" in action], key


def test_a_role_reaches_everything_only_where_aws_has_no_resource_type(stack: str) -> None:
    found = 0
    for key, text in rendered(stack).items():
        if not key.startswith("iam/") or key.partition("#")[0] in OPERATORS:
            continue
        for statement in statements(json.loads(text)):
            if statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource", [])):
                found += 1
                assert all(WITHOUT_RESOURCE_TYPE.fullmatch(action) for action in listed(statement["Action"])), key
    assert found == 25  # the functions in the VPC, and the heartbeat, which looks at all alarms


# A narrower grant is no grant: "scoped to *" (CloudWatch API Reference, PutCompositeAlarm and DescribeAlarms).
ON_ALL_OR_NONE = {"cloudwatch:PutCompositeAlarm", "cloudwatch:DescribeAlarms"}


def test_what_aws_grants_on_all_or_none_is_granted_on_all(stack: str) -> None:
    granted = set()
    for key, text in rendered(stack).items():
        for statement in statements(json.loads(text)):
            for action in ON_ALL_OR_NONE.intersection(listed(statement.get("Action", []))):
                assert listed(statement["Resource"]) == ["*"], f"{key}: {action}"
                granted.add(action)
    assert granted == ON_ALL_OR_NONE


def test_only_conditions_open_a_document_to_every_principal(stack: str) -> None:
    """`"*"` as principal of a grant stands beside a condition that names roles of this account, or the account."""
    for key, text in rendered(stack).items():
        for statement in statements(json.loads(text)):
            if statement["Effect"] == "Allow" and statement.get("Principal") in ("*", {"AWS": "*"}):
                equal = statement["Condition"]["StringEquals"]
                assert equal["aws:PrincipalAccount"] == names_of(stack).account, key


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"Version": "2012-10-17"}', "lacks id, intent, for, never"),
        ("{# id: A\n intent: b\n for: c #}\n{}", "lacks never"),
        (
            "{# id: A\n intent: b\n for: c\n never: d #}\n{\n {{ unheard_of }} }",
            "probe.json.j2:6: 'unheard_of' is undefined",
        ),
        ("{# id: A\n intent: b\n for: c\n never: d #}\n{{ names.unheard_of }}", "unheard_of"),
        ("{# id: A\n intent: b\n for: c\n never: d #}\n{% if %}", "probe.json.j2:5"),
        (
            "{# id: A\n intent: b\n for: c\n never: d #}\n{% import 'no.j2' as s %}",
            "there is no template no.j2",
        ),
        ('{# id: A\n intent: b\n for: c\n never: d #}\n{\n"Sid": }', "probe.json.j2:6: renders no JSON"),
        ('{# id: A\n intent: b\n for: c\n never: d #}\n{"Resource": null}', "renders null"),
    ],
)
def test_a_wrong_template_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    (tmp_path / "probe.json.j2").write_text(content)
    monkeypatch.setattr(rendering, "ROOT", tmp_path)
    with pytest.raises(TemplateError) as caught:
        Documents(names_of("dev").context()).render("probe.json.j2")
    assert "policies/probe.json.j2" in str(caught.value)
    assert message in str(caught.value)


def test_an_error_in_shared_statements_names_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "probe.json.j2").write_text(
        "{# id: A\n intent: b\n for: c\n never: d #}\n{% import '_shared.j2' as shared %}\n\n{{ shared.all() }}"
    )
    (tmp_path / "_shared.j2").write_text("{% macro all() %}\n{{ unheard_of }}\n{% endmacro %}")
    monkeypatch.setattr(rendering, "ROOT", tmp_path)
    with pytest.raises(TemplateError, match=r"policies/_shared\.j2:2: 'unheard_of' is undefined"):
        Documents({}).render("probe.json.j2")


def test_a_template_that_is_not_there_is_named() -> None:
    with pytest.raises(TemplateError, match=r"policies/iam/nobody\.json\.j2: there is no such template"):
        Documents(names_of("dev").context()).render("iam/nobody.json.j2")


def test_order_means_nothing_but_among_statements() -> None:
    one = {"Statement": [{"Sid": "B", "Action": ["s3:Put", "s3:Get"]}, {"Sid": "A"}], "Version": "v"}
    same = {"Version": "v", "Statement": [{"Action": ["s3:Get", "s3:Put"], "Sid": "B"}, {"Sid": "A"}]}
    other = {"Version": "v", "Statement": [{"Sid": "A"}, {"Sid": "B", "Action": ["s3:Get", "s3:Put"]}]}
    assert canonical("t", one) == canonical("t", same) != canonical("t", other)


def test_a_value_that_pulumi_does_not_know_yet_is_refused() -> None:
    unknown = "arn:aws:kms:us-east-1:111111111111:key/04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    with pytest.raises(TemplateError, match="a value AWS generates"):
        canonical("t", {"Resource": [unknown]})
    assert "null" in canonical("t", {"Resource": ["arn:aws:s3:::null"]})  # a name is a name
