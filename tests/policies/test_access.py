"""What the documents promise, read from their text; tests/local and tests/stack try the same on an engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.function_catalogue import CATALOGUE
from infra.names import FunctionId
from tests.policies.conftest import ACCOUNT, Document, listed, names_of, rendered, statements

DocumentOf = Callable[[str], Document]
TAG = "${aws:PrincipalTag/auth_user_id}"
USES_DATABASE = {spec.id for spec in CATALOGUE if spec.uses_database}


def grants(template: str) -> Iterator[tuple[str, str]]:
    """Each action and resource that a template of stack dev allows."""
    for statement in statements(json.loads(rendered("dev")[f"{template}#0"])):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                for resource in listed(statement.get("Resource", "*")):
                    yield action, resource


@pytest.mark.plan("M1")
def test_only_device_check_signs_and_nobody_by_an_iam_policy(document: DocumentOf) -> None:
    allowed = [s for s in statements(document("keys/session_key.json.j2")) if "kms:Sign" in listed(s["Action"])]
    (sign,) = allowed
    assert sign["Condition"]["ArnEquals"] == {
        "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/rendio-dev-device-check"
    }
    assert sign["Condition"]["StringEquals"]["kms:SigningAlgorithm"] == "RSASSA_PKCS1_V1_5_SHA_256"
    assert sign["Condition"]["StringEquals"]["kms:MessageType"] == "DIGEST"
    for template in (key.partition("#")[0] for key in rendered("dev") if key.startswith("iam/")):
        assert not [action for action, _ in grants(template) if action in ("kms:Sign", "kms:CreateGrant", "kms:*")]


def test_who_administers_keys_can_neither_sign_nor_give_signing_away(document: DocumentOf) -> None:
    (administers,) = [
        statement
        for statement in statements(document("keys/session_key.json.j2"))
        if statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    ]
    assert not {"kms:Sign", "kms:CreateGrant"} & set(administers["Action"])
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= set(administers["Action"])


@pytest.mark.plan("M10")
@pytest.mark.parametrize(
    "template", ["iam/user_storage.json.j2", "iam/user_image_writer.json.j2", "iam/user_video_remover.json.j2"]
)
def test_a_users_role_reaches_that_users_prefixes_alone(template: str) -> None:
    reached = list(grants(template))
    assert reached
    for action, resource in reached:
        assert action in ("s3:DeleteObject", "s3:GetObject", "s3:PutObject")
        assert (action == "s3:DeleteObject") == ("remover" in template)
        assert resource.endswith(f"/{TAG}/*"), "without the slash, a user whose id begins alike would match"
        if action == "s3:PutObject" and template == "iam/user_storage.json.j2":
            assert "/incoming/" in resource


@pytest.mark.plan("M3")
@pytest.mark.parametrize(
    ("template", "functions"),
    [
        ("iam/user_storage_trust.json.j2", ["submit_video", "upload_image", "view_image", "view_video"]),
        ("iam/user_video_remover_trust.json.j2", ["delete_video"]),
        ("iam/user_image_writer_trust.json.j2", ["upload_image_direct"]),
    ],
)
def test_a_users_session_has_exactly_the_tag_of_its_user(
    document: DocumentOf, template: str, functions: list[str]
) -> None:
    (statement,) = statements(document(template))
    condition = statement["Condition"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    roles = [f"arn:aws:iam::{ACCOUNT}:role/{names_of('dev').function_role(function)}" for function in functions]
    assert listed(condition["ArnEquals"]["aws:PrincipalArn"]) == roles
    assert condition["ForAllValues:StringEquals"] == {"aws:TagKeys": ["auth_user_id"]}
    assert condition["Null"] == {"aws:RequestTag/auth_user_id": "false", "aws:TagKeys": "false"}
    assert condition["StringLike"]["aws:RequestTag/auth_user_id"].count("?") == 32


@pytest.mark.parametrize("function", list(FunctionId))
def test_a_function_logs_into_the_database_as_itself_or_not_at_all(function: FunctionId) -> None:
    logins = [resource for action, resource in grants(f"iam/{function}.json.j2") if action == "rds-db:connect"]
    own = f"arn:aws:rds-db:us-east-1:{ACCOUNT}:dbuser:*/rendio_dev_{function}"
    assert logins == ([own] if function in USES_DATABASE else [])


@pytest.mark.parametrize("function", list(FunctionId))
def test_only_who_works_across_users_has_a_standing_right_to_their_objects(function: FunctionId) -> None:
    reached = {
        resource.partition(":::")[2] for action, resource in grants(f"iam/{function}.json.j2") if action[:3] == "s3:"
    }
    prefixes = {resource.partition("/")[2] for resource in reached if "/" in resource}
    expected: dict[str, set[str]] = {
        "inspect_image": {"incoming/*", "images/*"},
        "upload_image_anonymous": {"anonymous/*"},
        "migrate_video": {"videos/*"},
        "sweep_videos": {"thumbnails/*", "videos/*"},
        "clean_videos": {"thumbnails/*", "videos/*"},
        "clean_images": {"anonymous/*", "images/*"},
        "clean_identities": {"images/*", "incoming/*", "thumbnails/*", "videos/*"},
        "restore_videos": {"videos/*"},
        "make_thumbnail": {"thumbnails/*", "videos/*"},
    }
    assert prefixes == expected.get(function, set())


def test_secrets_are_read_by_those_who_need_them_alone() -> None:
    readers = {
        function: sorted(
            resource.rpartition(":")[2]
            for action, resource in grants(f"iam/{function}.json.j2")
            if action == "secretsmanager:GetSecretValue"
        )
        for function in FunctionId
    }
    assert {function: found for function, found in readers.items() if found} == {
        FunctionId.DEVICE_CHECK: ["rendio/dev/apple-devicecheck-??????", "rendio/dev/device-hash-keys-??????"],
        FunctionId.DATABASE_ADMIN: ["rds!db-*-??????"],
        FunctionId.SUBMIT_VIDEO: ["rendio/dev/fal-??????"],
        FunctionId.VIEW_VIDEO: ["rendio/dev/fal-??????"],
        FunctionId.FAL_WEBHOOK: ["rendio/dev/fal-??????"],
        FunctionId.SWEEP_VIDEOS: ["rendio/dev/fal-??????"],
        FunctionId.PAGE_ON_CALL: ["rendio/dev/pager-??????"],
        FunctionId.HEARTBEAT: ["rendio/dev/heartbeat-??????"],
    }


@pytest.mark.parametrize("number", [0, 1])
def test_a_bucket_policy_only_denies(number: int) -> None:
    policy: dict[str, Any] = json.loads(rendered("dev")[f"buckets/user_bucket.json.j2#{number}"])
    found = {statement["Sid"]: statement for statement in statements(policy)}
    assert {statement["Effect"] for statement in found.values()} == {"Deny"}
    assert found["NothingWithoutTls"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert found["NothingFromOtherAccounts"]["Condition"] == {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}}


def test_the_scheduler_acts_for_our_group_alone(document: DocumentOf) -> None:
    (trust,) = statements(document("iam/scheduler_trust.json.j2"))
    assert trust["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/rendio-dev"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
