"""S3 and Postgres asked directly, with the very sessions the functions use: each holds with the other opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from local.journey.client import Phone
from local.journey.photograph import photograph
from local.journey.role_session import Session
from tests.stack.deployed import PREFIX, Deployed
from tests.stack.test_isolation import row_level_security_off, user_storage_widened

JPEG = photograph(3, width=64, height=48)
USER_STORAGE = f"arn:aws:iam::000000000000:role/{PREFIX}-user-storage"


@pytest.fixture(scope="module")
def alice(stack: Deployed) -> Phone:
    return uploaded(stack)


@pytest.fixture(scope="module")
def bob(stack: Deployed) -> Phone:
    return uploaded(stack)


def uploaded(stack: Deployed) -> Phone:
    phone = stack.phone()
    assert phone.upload_direct(JPEG).status_code == 201
    return phone


def key_of(stack: Deployed, phone: Phone) -> str:
    row = stack.query("select object_key from public.images where user_id = %s", phone.session["user_id"])[0]
    return str(row["object_key"])


def may(action: Callable[..., Any], **arguments: Any) -> bool:
    """Whether the call is allowed; anything but a refusal by right is the test's own fault."""
    try:
        action(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("AccessDenied", "AccessDeniedException", "403"), code
        return False
    return True


@pytest.mark.plan("M10")
@pytest.mark.parametrize("policies", ["on", "off"])
def test_a_users_storage_session_reads_own_images_and_writes_own_uploads_alone(
    stack: Deployed, alice: Phone, bob: Phone, policies: str
) -> None:
    if policies == "off":
        with row_level_security_off(stack):
            assert verbs(stack, alice, bob) == EXPECTED
    else:
        assert verbs(stack, alice, bob) == EXPECTED


EXPECTED = {
    "get own image": True,
    "get another's image": False,
    "put own upload": True,
    "put another's upload": False,
    "put own image": False,
    "put another's image": False,
    "get own upload": False,
    "put anonymous": False,
    "delete own image": False,
    "delete another's image": False,
    "list": False,
    "list versions": False,
    "copy another's image": False,
    "read the bucket's policy": False,
}


def verbs(stack: Deployed, alice: Phone, bob: Phone) -> dict[str, bool]:
    s3, bucket = stack.user_storage(alice.auth_user_id).client("s3"), stack.images_bucket
    own, others = key_of(stack, alice), key_of(stack, bob)
    mine, theirs = f"incoming/{alice.auth_user_id}/x", f"incoming/{bob.auth_user_id}/x"
    copied = {"Bucket": bucket, "Key": others}
    return {
        "get own image": may(s3.get_object, Bucket=bucket, Key=own),
        "get another's image": may(s3.get_object, Bucket=bucket, Key=others),
        "put own upload": may(s3.put_object, Bucket=bucket, Key=mine, Body=b"x"),
        "put another's upload": may(s3.put_object, Bucket=bucket, Key=theirs, Body=b"x"),
        "put own image": may(s3.put_object, Bucket=bucket, Key=own, Body=b"x"),
        "put another's image": may(s3.put_object, Bucket=bucket, Key=others, Body=b"x"),
        "get own upload": may(s3.get_object, Bucket=bucket, Key=mine),
        "put anonymous": may(s3.put_object, Bucket=bucket, Key="anonymous/x.jpg", Body=b"x"),
        "delete own image": may(s3.delete_object, Bucket=bucket, Key=own),
        "delete another's image": may(s3.delete_object, Bucket=bucket, Key=others),
        "list": may(s3.list_objects_v2, Bucket=bucket),
        "list versions": may(s3.list_object_versions, Bucket=bucket),
        "copy another's image": may(s3.copy_object, Bucket=bucket, Key=mine, CopySource=copied),
        "read the bucket's policy": may(s3.get_bucket_policy, Bucket=bucket),
    }


@pytest.mark.plan("M10")
def test_user_storage_is_had_only_by_its_functions_and_only_with_one_users_tag(stack: Deployed, alice: Phone) -> None:
    def assumed(session: Session, *tags: tuple[str, str]) -> bool:
        given = [{"Key": key, "Value": value} for key, value in tags]
        return may(session.client("sts").assume_role, RoleArn=USER_STORAGE, RoleSessionName="test", Tags=given)

    own = ("auth_user_id", alice.auth_user_id)
    assert {name: assumed(stack.role(name), own) for name in ("upload_image", "view_image", "me", "inspect_image")} == {
        "upload_image": True,
        "view_image": True,
        "me": False,
        "inspect_image": False,
    }
    view = stack.role("view_image")
    wrong = {
        "no tag": (),
        "another tag": (("user", alice.auth_user_id),),
        "a second tag": (own, ("admin", "true")),
        "a wildcard": (("auth_user_id", "*"),),
        "a path": (("auth_user_id", f"{alice.auth_user_id}/.."),),
    }
    assert {name: assumed(view, *tags) for name, tags in wrong.items()} == dict.fromkeys(wrong, False)


@pytest.mark.plan("M2", "M10")
@pytest.mark.parametrize("storage", ["as it is", "widened"])
def test_a_users_transaction_reaches_own_rows_alone(stack: Deployed, alice: Phone, bob: Phone, storage: str) -> None:
    if storage == "widened":
        with user_storage_widened(stack):
            check_rows(stack, alice, bob)
    else:
        check_rows(stack, alice, bob)


def check_rows(stack: Deployed, alice: Phone, bob: Phone) -> None:
    own, other = alice.session["user_id"], bob.session["user_id"]

    def count(statement: str, user: str) -> int:
        with stack.rows.acting_for(alice.auth_user_id) as cursor:
            row = cursor.execute(statement.encode(), (user,)).fetchone()
        return int(row[0]) if row else 0

    for statement in (
        "select count(*) from public.users where id = %s",
        "select count(*) from public.images where user_id = %s",
    ):
        assert (count(statement, own), count(statement, other)) == (1, 0), statement
    for statement in (
        "update public.users set credits_remaining = 1000 where id = %s",
        "update public.users set blocked_at = null where id = %s",
        "delete from public.images where user_id = %s",
        "delete from public.users where id = %s",
        "select count(*) from public.devices where user_id = %s",
        "insert into public.credit_ledger (user_id, amount, reason) values (%s, 10, 'purchase')",
    ):
        for user in (own, other):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                count(statement, user)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        count("insert into public.images (user_id, status, content_type) values (%s, 'ready', 'image/jpeg')", other)


def test_a_transaction_with_no_claims_sees_nobody(stack: Deployed) -> None:
    with stack.rows.connect() as connection, connection.cursor() as cursor:
        cursor.execute("set local role authenticated")
        row = cursor.execute("select count(*) from public.users").fetchone()
    assert row == (0,)


@pytest.mark.parametrize("function", ["view_image", "device_check", "database_admin"])
def test_a_functions_token_opens_no_other_functions_login(stack: Deployed, function: str) -> None:
    host, _, port = str(stack.outputs["database_endpoint"]).partition(":")

    def log_in(role: str, login: str) -> None:
        user = f"rendio_local_{login}"
        token = stack.role(role).client("rds").generate_db_auth_token(DBHostname=host, Port=int(port), DBUsername=user)
        psycopg.connect(
            host=host, port=int(port), dbname="rendio", user=user, password=token, sslmode="disable", connect_timeout=5
        ).close()

    log_in("me", "me")
    with pytest.raises(psycopg.OperationalError):
        log_in("me", function)
