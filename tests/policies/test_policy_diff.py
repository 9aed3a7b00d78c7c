"""Differences of policies, statement by statement."""

from __future__ import annotations

from typing import Any

import pytest

from policies.review.diff import StatementDiff, diff_documents, diff_postgres, neutral, on_stacks
from tests.policies.reviewing import document, statement

NAME = "iam/me.json.j2"


def only(before: dict[str, Any], after: dict[str, Any]) -> StatementDiff:
    (found,) = diff_documents({NAME: before}, {NAME: after})
    (difference,) = found.statements
    return difference


def marked(difference: StatementDiff) -> list[str]:
    return [f"{line.mark}{line.text}" for line in difference.lines if line.mark != " "]


def test_a_changed_statement_shows_the_values_that_changed_under_their_name() -> None:
    found = only(
        document(statement(Condition={"StringEquals": {"aws:RequestTag/user": "a"}})),
        document(statement(Resource=["arn:aws:s3:::b/*"], Condition={"StringEquals": {"aws:RequestTag/user": "a"}})),
    )
    assert (found.name, found.kind) == ("OwnRead", "changed")
    assert marked(found) == ["-  arn:aws:s3:::b/own/*", "+  arn:aws:s3:::b/*"]
    assert " Resource" in [f"{line.mark}{line.text}" for line in found.lines]


@pytest.mark.parametrize(
    ("change", "marks"),
    [
        ({"Effect": "Deny"}, ["-  Allow", "+  Deny"]),
        ({"Action": ["s3:GetObject", "s3:PutObject"]}, ["+  s3:PutObject"]),
        ({"Principal": "*"}, ["+Principal", "+  *"]),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, ["+Condition Bool aws:SecureTransport", "+  true"]),
        ({"NotAction": ["iam:*"]}, ["+NotAction", "+  iam:*"]),
    ],
)
def test_each_part_of_a_statement_is_compared(change: dict[str, Any], marks: list[str]) -> None:
    assert marked(only(document(statement()), document(statement(**change)))) == marks


def test_a_single_value_is_a_list_of_one() -> None:
    before, after = document(statement()), document(statement(Action="s3:GetObject"))
    assert diff_documents({NAME: before}, {NAME: after}) == []


def test_a_new_sid_alone_is_a_renaming() -> None:
    assert only(document(statement("Old")), document(statement("New"))).kind == "renamed"


def test_a_statement_that_is_renamed_and_changed_is_one() -> None:
    found = only(document(statement("Old")), document(statement("New", Action=["s3:GetObject", "s3:PutObject"])))
    assert (found.name, found.kind) == ("New", "changed")
    assert marked(found) == ["-Sid Old", "+Sid New", "+  s3:PutObject"]


def test_statements_in_another_order_are_moved_and_nothing_else() -> None:
    one, two = statement("One"), statement("Two", Action=["s3:PutObject"])
    assert only(document(one, two), document(two, one)).kind == "moved"


def test_statements_that_come_and_go_are_shown_whole() -> None:
    one, two = statement("One"), statement("Two", Action=["s3:PutObject"])
    assert only(document(one), document(one, two)).kind == "added"
    assert only(document(one, two), document(one)).kind == "removed"


def test_documents_that_come_and_go_are_named() -> None:
    ((added), (removed)) = diff_documents({"b": document(statement())}, {"a": document(statement())})
    assert (added.document, added.kind) == ("a", "added")
    assert (removed.document, removed.kind) == ("b", "removed")


def test_a_statement_of_postgres_shows_as_it_was_and_as_it_is() -> None:
    before = {"policies": {"public.images.own": "create policy own … using (a)"}, "roles": {"r": "create role r login"}}
    after = {"policies": {"public.images.own": "create policy own … using (true)"}, "roles": {}}
    policies, roles = diff_postgres(before, after)
    assert (policies.document, policies.statements[0].name) == ("postgres, policies", "public.images.own")
    assert [str(line) for line in policies.statements[0].lines] == [
        "- create policy own … using (a)",
        "+ create policy own … using (true)",
    ]
    assert roles.statements[0].kind == "removed"


def test_the_same_difference_on_every_stack_is_told_once() -> None:
    diffs = {}
    for stack, account in (("dev", "111111111111"), ("prod", "222222222222")):
        arn = neutral(f"arn:aws:sqs:us-east-1:{account}:rendio-{stack}-dlq", stack=stack, account=account)
        diffs[stack] = diff_documents({}, {NAME: document(statement(Resource=arn))})
    (found,) = on_stacks(diffs)
    assert found.stacks == ("dev", "prod")
    assert "arn:aws:sqs:us-east-1:{account}:rendio-{stack}-dlq" in str(found)
