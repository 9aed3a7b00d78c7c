"""The access matrix is current and holds nothing that nobody expected; and it would say so if it were otherwise."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import pytest

from policies.review import attempts, expectations, matrix
from policies.review.expectations import ExpectationError
from policies.review.matrix import Matrix
from policies.review.previews import PREVIEWS
from policies.review.row_states import told_by
from policies.review.rows import ALLOW, Row
from policies.review.stacks import STACKS, Stack
from policies.review.summary import summary_of_iam
from policies.review.trial import Trial, trial_of


@pytest.fixture(scope="module")
def found(models: dict[str, Stack]) -> dict[str, Matrix]:
    return {each.stack: each for each in matrix.matrices(models.values())}


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_matrix_is_current_and_as_expected(found: dict[str, Matrix], stack: str) -> None:
    for name, text in matrix.files(found[stack]).items():
        assert (PREVIEWS / stack / name).read_text() == text, f"{stack}/{name} is stale: run `make matrix`"
    differences = expectations.compare(stack, found[stack].rows, expectations.read())
    assert not differences, "\n".join(differences.lines())


def test_stacks_differ_in_buckets_that_go_alone(found: dict[str, Matrix]) -> None:
    allowed_on = {
        stack: {(row.principal, row.action, row.resource) for row in found[stack].rows if row.decision == ALLOW}
        for stack in STACKS
    }
    assert not allowed_on["prod"] - allowed_on["dev"]
    assert {row[:2] for row in allowed_on["dev"] - allowed_on["prod"]} == {
        ("deployer", action) for action in ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions")
    }
    # What the emulator has no ARN for, such as a query of several logs, reaches nothing that is not reached on AWS.
    assert allowed_on["local"] == allowed_on["dev"]
    assert all(sum(found[stack].tried.values()) > 10_000 for stack in STACKS)


@pytest.mark.plan("M10", "M20")
def test_a_user_is_allowed_own_things_and_nobody_the_things_of_all(found: dict[str, Matrix]) -> None:
    allowed = {row for row in found["prod"].rows if row.decision == "allow"}
    users = {row for row in allowed if row.principal == "user" or row.principal.startswith("user's session")}
    assert {row.whose for row in users if row.layer == "iam"} == {"own"}
    assert {row.whose for row in users if row.layer == "postgres"} == {"own", "-"}
    assert not [
        row for row in allowed if row.principal in ("anonymous", "stranger of another account") and row.layer == "iam"
    ]


# What is changed in a document, and the allowance that must come of it.
WIDENED = [
    ("roles/user-storage/access", "${aws:PrincipalTag/auth_user_id}/*", "*", "user's session of role user-storage",
     "s3:GetObject", "other's", ""),
    ("roles/user-storage/access", "${aws:PrincipalTag/auth_user_id}/*", "${aws:PrincipalTag/auth_user_id}*",
     "user's session of role user-storage", "s3:GetObject", "other's", "whose id begins alike"),
    ("roles/me/access", "arn:aws:rds-db:us-east-1:111111111111:dbuser:*/rendio_dev_me", "*", "function me",
     "anything", "-", ""),
    ("roles/user-storage/trust", '"ForAllValues:StringEquals":{"aws:TagKeys":["auth_user_id"]},', "",
     "function view-image", "sts:AssumeRole", "-", "with a second tag"),
    ("roles/scheduler/trust", '"StringEquals":{"aws:SourceAccount":"111111111111"}', '"Null":{"aws:x":"true"}',
     "service scheduler", "sts:AssumeRole", "-", "for another account"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "old", "new", "principal", "action", "whose", "context"), WIDENED)
def test_an_outcome_that_nobody_expected_is_named(
    models: dict[str, Stack],
    found: dict[str, Matrix],
    document: str,
    old: str,
    new: str,
    principal: str,
    action: str,
    whose: str,
    context: str,
) -> None:
    widened = changed(models["dev"], document, old, new)
    if document == "roles/scheduler/trust":
        widened = changed(widened, document, "111111111111:schedule-group", "*:schedule-group")
        widened = changed(widened, document, '"ArnEquals"', '"ArnLike"')
    rows = summary_of_iam(attempts.tried(widened))
    named = expectations.compare("dev", rows, expectations.read()).unexpected
    assert [
        row
        for row in named
        if (row.principal, row.action, row.whose, row.context) == (principal, action, whose, context)
    ]
    assert not expectations.compare("dev", found["dev"].rows, expectations.read()).unexpected


def changed(stack: Stack, document: str, old: str, new: str) -> Stack:
    assert old in stack.document(document).text
    documents = [
        dataclasses.replace(each, text=each.text.replace(old, new)) if each.name == document else each
        for each in stack.documents
    ]
    return dataclasses.replace(stack, documents=tuple(documents))


@pytest.fixture(scope="module")
def trial(models: dict[str, Stack]) -> Iterator[Trial]:
    with trial_of(models["local"]) as made:
        yield made


@pytest.fixture(scope="module")
def plain(trial: Trial) -> set[Row]:
    return allowed(trial)


@pytest.mark.parametrize(
    ("planted", "undo", "principal", "action", "resource", "whose"),
    [
        ("alter table public.images disable row level security", "alter table public.images enable row level security",
         "user", "select", "public.images, rows", "other's"),
        ("alter table public.images no force row level security", "alter table public.images force row level security",
         "function database-admin", "select", "public.images, rows", "other's"),
        ("create policy planted on public.images for select to authenticated using (true)",
         "drop policy planted on public.images", "user", "select", "public.images, rows", "other's"),
        ("create policy planted on public.images for insert to public with check (true)",
         "drop policy planted on public.images", "user", "insert", "public.images, rows", "other's"),
        ("grant select (sha256) on public.images to authenticated",
         "revoke select (sha256) on public.images from authenticated",
         "user", "select sha256", "public.images, columns", "-"),
        ("grant connect on database rendio to public", "revoke connect on database rendio from public",
         "login of no function", "connect", "the database", "-"),
        ("grant authenticated to rendio_local_inspect_image with inherit true",
         "revoke authenticated from rendio_local_inspect_image", "function inspect-image", "set role",
         "role authenticated", "-"),
        ("grant usage on schema auth to public; grant execute on function auth.uid() to public",
         "revoke usage on schema auth from public; revoke execute on function auth.uid() from public",
         "login of no function", "execute", "function auth.uid()", "-"),
        ("alter role rendio_local_me bypassrls", "alter role rendio_local_me nobypassrls",
         "role me", "bypass row-level security", "the database", "-"),
        ("alter table public.images owner to rendio_local_me",
         "alter table public.images owner to rendio_local_database_admin",
         "role me", "own", "public.images", "-"),
        ("alter function auth.uid() security definer", "alter function auth.uid() security invoker",
         "any caller", "act with its owner's rights", "function auth.uid()", "-"),
    ],
)  # fmt: skip
def test_what_is_planted_in_the_database_is_found(
    trial: Trial, plain: set[Row], planted: LiteralString, undo: LiteralString,
    principal: str, action: str, resource: str, whose: str,
) -> None:  # fmt: skip
    with trial.database.superuser() as connection:
        connection.execute(planted)
    try:
        granted = allowed(trial) - plain
    finally:
        with trial.database.superuser() as connection:
            connection.execute(undo)
    named = {(row.principal, row.action, row.resource, row.whose) for row in granted}
    assert (principal, action, resource, whose) in named


def test_with_all_of_it_taken_back_the_outcomes_are_as_before(trial: Trial, plain: set[Row]) -> None:
    assert allowed(trial) == plain


def test_rows_are_tried_that_a_policy_meets_and_that_it_would_change() -> None:
    policy = (
        "create policy p on public.t for update to r using (a is not null and b is null and c = 'x')"
        " with check (b is not null and d is null)"
    )
    states = told_by([policy])["public.t"].states()
    assert {"a": "set", "b": "null", "c": "x"} in states
    assert {"a": "null", "b": "null", "c": "x"} in states
    assert {"a": "set", "b": "null", "c": "x", "d": "set"} in states


def allowed(trial: Trial) -> set[Row]:
    return {row for row in trial.rows(tables={"public.images"}) if row.decision == "allow"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- {who: a, may: b, thing: c, whoes: own}", "aws.yaml:1: 'whoes' is no key"),
        ("- {who: a, may: b, thing: c}\n- {who: a, may: b}", "aws.yaml:2: 'thing' is missing"),
        ("- {who: a, may: [1], thing: c}", "aws.yaml:1: may must be text"),
        ("- {who: a, may: b, thing: c, stacks: [test]}", "aws.yaml:1: stacks must be of"),
        ("- {who: a, may: b, thing: c, whose: [own]}", "aws.yaml:1: whose must be text"),
        ("who: a", "aws.yaml:1: must be a list of rules"),
        ("- a: [", "is no YAML"),
    ],
)
def test_a_wrong_expectation_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "aws.yaml").write_text(content)
    (tmp_path / "postgres.yaml").write_text("[]")
    with pytest.raises(ExpectationError) as caught:
        expectations.read(tmp_path)
    assert message in str(caught.value)


def test_a_rule_that_nothing_bears_out_is_named(found: dict[str, Matrix], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(expectations.EXPECTATIONS, tmp_path / "expectations"))
    with (folder / "aws.yaml").open("a") as file:
        file.write("- {who: anonymous, may: s3:GetObject, thing: any object}\n")
    (unmet,) = expectations.compare("dev", found["dev"].rows, expectations.read(folder)).unmet
    assert unmet.startswith("aws.yaml:")
    assert unmet.endswith("anonymous may s3:GetObject on any object")


def test_the_markdown_says_every_row_of_the_json(found: dict[str, Matrix]) -> None:
    written = matrix.files(found["dev"])
    rows: list[dict[str, Any]] = json.loads(written["access-matrix.json"])["rows"]
    lines = [line for line in written["access-matrix.md"].splitlines() if line.startswith(("| ✓", "| ✗"))]
    assert len(rows) == len(lines) > 300
