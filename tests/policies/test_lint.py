"""Every policy passes the lint, and what is wrong is named with file, line and rule."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from policies.errors import PolicyError
from policies.review import lint, stacks
from policies.review.lint import SUPPRESSIONS, read
from policies.review.stacks import Stack

TODAY = datetime.date(2026, 12, 1)


def test_no_policy_has_a_finding_that_is_not_accepted(models: dict[str, Stack]) -> None:
    assert not [str(finding) for finding in lint.findings(models.values())]


def test_what_is_accepted_is_accepted_for_a_reason_and_not_for_ever() -> None:
    accepted = read()
    assert len({each.id for each in accepted}) == len(accepted) > 0
    assert all(len(each.reason) > 20 for each in accepted)
    assert all(each.expires <= TODAY + datetime.timedelta(days=366) for each in accepted)


WRONG = [
    ("iam/upload_image_anonymous.json.j2", '"s3:GetObject"', '"s3:GetObjekt"', "unknown-action", "s3:GetObjekt"),
    ("iam/inspect_image.json.j2", '"s3:prefix"', '"s3:prefixes"', "unknown-condition-key", "s3:prefixes"),
    ("iam/inspect_image.json.j2", '"StringLike"', '"StringMatches"', "unknown-operator", "StringMatches"),
    ("iam/inspect_image.json.j2", "arn.queue(names.inspect_image_dlq)", "arn.bucket(names.images_bucket)",
     "resource-mismatch", "arn:aws:s3:::rendio-stack-images-111111111111"),
    ("iam/inspect_image.json.j2", '"Resource": "{{ arn.object(names.images_bucket, \'images/*\') }}"',
     '"Resource": "*"', "resource-star", "AcceptImages"),
    ("iam/scheduler.json.j2", "{{ arn.function(names.function('access_drift')) }}",
     "arn:aws:lambda:us-east-1:111111111111:funktion:x", "unknown-resource-type",
     "arn:aws:lambda:us-east-1:111111111111:funktion:x"),
    ("iam/inspect_image.json.j2", '"Sid": "AcceptImages",', '"Sid": "AcceptImages", "Ressource": "*",',
     "unknown-element", "Ressource"),
    ("buckets/user_bucket.json.j2", '"Bool"', '"Boolean"', "unknown-operator", "Boolean"),
    ("queues/dead_letters.json.j2", '"sqs:PurgeQueue"', '"sqs:EmptyQueue"', "unknown-action", "sqs:EmptyQueue"),
    ("iam/user_storage_trust.json.j2", "TRUST-USER-STORAGE", "TRUST-USER-STORAGE", "", ""),
    ("iam/_user_session_trust.json.j2", '"sts:TagSession"]', '"sts:TagSessions"]', "unknown-action", "sts:TagSessions"),
    ("postgres/inspect_image.sql.j2", "using (status = 'pending')", "using (status = 'pending' and)", "sql",
     "public.images.images_update_inspect_image"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "old", "new", "rule", "what"), WRONG)
def test_what_is_wrong_is_named_with_file_line_and_rule(
    checkout: Path, template: str, old: str, new: str, rule: str, what: str
) -> None:
    target = checkout / "policies" / template
    content = target.read_text()
    assert old in content
    target.write_text(content.replace(old, new, 1))
    found = lint.findings(stacks.load(["dev", "local"], checkout=checkout).values(), checkout=checkout, today=TODAY)
    if not rule:
        assert not found
        return
    named = [finding for finding in found if (finding.rule, finding.what) == (rule, what)]
    assert {finding.file for finding in named} == {f"policies/{template}"}
    shown = target.read_text().splitlines()
    assert all(what.rpartition(".")[2] in shown[each.line - 1] or rule == "resource-mismatch" for each in named)


def test_an_expired_and_an_unused_suppression_are_findings(checkout: Path, models: dict[str, Stack]) -> None:
    after = lint.findings(models.values(), today=datetime.date(2100, 1, 1))
    assert {finding.rule for finding in after} >= {"expired-suppression"}
    path = checkout / "policies" / SUPPRESSIONS.name
    extra = "- {id: X, rule: unknown-action, where: '*', what: 's3:Nothing', reason: no reason, expires: 2027-01-01}"
    path.write_text(f"{path.read_text()}{extra}\n")
    (unused,) = lint.findings(models.values(), checkout=checkout, today=TODAY)
    assert (unused.rule, unused.what) == ("unused-suppression", "X")
    assert path.read_text().splitlines()[unused.line - 1] == extra


@pytest.mark.parametrize(
    "entry",
    [
        "{id: X, rule: a, where: b, what: c, reason: d}",
        "{id: X, rule: a, where: b, what: c, reason: d, expires: 2027-01-01, until: x}",
        "{id: X, rule: a, where: b, what: c, reason: '', expires: 2027-01-01}",
        "{id: X, rule: a, where: b, what: c, reason: d, expires: some day}",
    ],
)
def test_a_suppression_without_reason_or_day_is_an_error(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "lint-suppressions.yaml"
    path.write_text(f"- {entry}\n")
    with pytest.raises(PolicyError, match=r"policies/lint-suppressions\.yaml:1"):
        read(path)
