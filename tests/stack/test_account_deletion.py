"""`DELETE /v1/me`: the account is closed at the answer, and soon nothing of its user is left, wherever one searches."""

from __future__ import annotations

import json

import pytest

from local.journey.photograph import photograph
from tests.stack.deployed import Deployed, eventually

# What the accounting keeps: the user's row, what was bought, spent and refunded, and what each job cost.
ACCOUNTING = {"public.users", "public.credit_ledger", "public.video_jobs"}
LEAVING = "select auth_user_id from public.users where id = %s and auth_user_id is not null"


def tables_with(stack: Deployed, text: str) -> set[str]:
    """Every table of ours in which any column of any row has `text`."""
    tables = stack.query(
        "select c.oid::regclass::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n"
        " on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('auth', 'public', 'rendio')"
    )
    names = {row["name"] if "." in row["name"] else f"public.{row['name']}" for row in tables}
    return {
        name
        for name in names
        if stack.query(f"select 1 as found from {name} t where position(%s in t::text) > 0 limit 1", text)
    }


def objects_with(stack: Deployed, text: str) -> list[str]:
    """Keys of all versions and delete markers, in both buckets, that have `text`."""
    found = []
    for bucket in (stack.images_bucket, stack.videos_bucket):
        for page in stack.root("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
            found += [each["Key"] for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]
    return [key for key in found if text in key]


@pytest.mark.plan("M13")
def test_nothing_of_a_deleted_user_is_left_but_the_accounting(stack: Deployed) -> None:
    phone, other = stack.phone(), stack.phone()
    user_id, identity = phone.me()["user_id"], phone.auth_user_id
    picture = phone.upload_direct(photograph()).json()["image_id"]
    job, _ = stack.new_video(phone)
    kept, _ = stack.new_video(other)
    assert {"public.users", "auth.users", "public.video_jobs"} <= tables_with(stack, identity)
    assert tables_with(stack, picture) == {"public.images"}
    assert "public.devices" in tables_with(stack, user_id)
    assert objects_with(stack, identity)

    assert phone.call("DELETE", "/v1/me").status_code == 202
    assert phone.call("GET", "/v1/me").json()["code"] == "user_unknown"
    eventually(lambda: not stack.query(LEAVING, user_id), seconds=60)

    assert objects_with(stack, identity) == []
    assert tables_with(stack, identity) == set()
    assert tables_with(stack, picture) == set()
    assert tables_with(stack, user_id) <= ACCOUNTING
    row = stack.query("select * from public.video_jobs where id = %s", job)[0]
    assert not any(row[name] for name in ("settings", "video_url", "object_key", "thumbnail_key", "image_id", "sha256"))

    assert other.me()["user_id"]
    assert objects_with(stack, other.auth_user_id)
    assert stack.query("select deleted_at from public.video_jobs where id = %s", kept)[0]["deleted_at"] is None
    again = phone.check_in()
    assert again["is_new"]
    assert again["user_id"] != user_id
    assert again["credits_remaining"] == 0, "free credits are granted once a device"


@pytest.mark.plan("M13")
def test_logs_name_a_deleted_user_by_random_ids_alone(stack: Deployed) -> None:
    phone = stack.phone()
    identity, device = phone.auth_user_id, phone.device_id
    user_id = phone.me()["user_id"]
    assert phone.call("DELETE", "/v1/me").status_code == 202
    eventually(lambda: not stack.query(LEAVING, user_id), seconds=60)
    for file in stack.log_files():
        for line in file.read_text(errors="replace").splitlines():
            assert device not in line
            if identity in line and line.lstrip().startswith("{"):
                entry = json.loads(line)
                holding = {name for name, value in entry.items() if identity in json.dumps(value)}
                assert holding <= {"auth_user_id", "user", "message"}, f"{file.name}: {holding}"
