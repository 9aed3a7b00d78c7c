"""What somebody may change by hand, and the kind and object by which the drift check must name it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from infra.names import Names
from policies.model.documents import Documents
from tests.database.scene import STACK, Database
from tests.local.ministack.emulator import ACCOUNT, REGION

NAMES = Names(stack=STACK, region=REGION, account=ACCOUNT)
DOCUMENTS = Documents(NAMES.context())
IMAGES, VIDEOS = NAMES.images_bucket, NAMES.videos_bucket

# What is done to the database -> kind, object. As its superuser:
_BY_THE_SUPERUSER = {
    "drop policy images_select_own on public.images": ("policy", "public.images.images_select_own"),
    "create policy open on public.images for select to authenticated using (true)": ("policy", "public.images.open"),
    "alter policy users_select_own on public.users using (true)": ("policy", "public.users.users_select_own"),
    "alter table public.users disable row level security": ("row-level security", "public.users"),
    "alter table public.images no force row level security": ("row-level security", "public.images"),
    "grant delete on public.images to authenticated": ("grant", "authenticated on table public.images"),
    "grant select (sha256) on public.images to authenticated": (
        "grant",
        "authenticated on column public.images.sha256",
    ),
    "revoke select (id) on public.users from authenticated": ("grant", "authenticated on column public.users.id"),
    "grant usage on schema rendio to public": ("grant", "PUBLIC on schema rendio"),
    "grant execute on function auth.uid() to public": ("grant", "PUBLIC on function auth.uid()"),
    "grant usage on sequence public.credit_ledger_id_seq to rendio_local_me": (
        "grant",
        "rendio_local_me on sequence public.credit_ledger_id_seq",
    ),
    "grant temporary on database rendio to rendio_local_me": ("grant", "rendio_local_me on database rendio"),
    "alter role rendio_local_me with createdb": ("role", "rendio_local_me"),
    "alter role rendio_local_view_image nologin": ("role", "rendio_local_view_image"),
    "alter role rendio_local_me set search_path = public": ("setting", "rendio_local_me in database *"),
    "alter database rendio set row_security = off": ("setting", "every role in database rendio"),
    "alter table public.devices owner to rendio_local_device_check": ("owner", "table public.devices"),
    "alter function auth.uid() security definer": ("function", "auth.uid()"),
    "alter function auth.role() set search_path = public": ("function", "auth.role()"),
    "alter table public.users add constraint planted check (credits_remaining > -5)": (
        "constraint",
        "public.users.planted",
    ),
    "create trigger planted before update on public.users for each row"
    " execute function suppress_redundant_updates_trigger()": ("trigger", "public.users.planted"),
    "create or replace function auth.uid() returns uuid language sql return null::uuid": ("function", "auth.uid()"),
}
# As the master: roles, grants of roles and default privileges remember who made them.
BY_THE_MASTER = {
    "create role intruder login": ("role", "intruder"),
    "grant authenticated to rendio_local_inspect_image": (
        "membership",
        "rendio_local_inspect_image in authenticated, granted by rendio_local_database_admin",
    ),
    "revoke authenticated from rendio_local_me": (
        "membership",
        "rendio_local_me in authenticated, granted by rendio_local_database_admin",
    ),
    "grant authenticated to rendio_local_me with inherit true": (
        "membership",
        "rendio_local_me in authenticated, granted by rendio_local_database_admin",
    ),
    "alter default privileges in schema public grant select on tables to authenticated": (
        "default privileges",
        "tables of rendio_local_database_admin in public",
    ),
    "alter default privileges grant execute on functions to public": (
        "default privileges",
        "functions of rendio_local_database_admin in every schema",
    ),
}
# What the next deployment mends, but for the two that are planted in a table's definition.
MENDED = {**_BY_THE_SUPERUSER, **BY_THE_MASTER}
# Named like all others; tables' definitions, and what a master may not change, a person mends.
IN_THE_DATABASE = {
    **MENDED,
    "alter role rendio_local_inspect_image bypassrls": ("role", "rendio_local_inspect_image"),
    "alter table public.credit_ledger disable row level security": ("row-level security", "public.credit_ledger"),
    "alter function auth.jwt() owner to rendio_local_device_check": ("owner", "function auth.jwt()"),
    "alter table public.credit_ledger drop constraint credit_ledger_amount_check": (
        "constraint",
        "public.credit_ledger.credit_ledger_amount_check",
    ),
}


def by_hand(database: Database, statement: str) -> None:
    """Do it by hand."""
    with database.connect("database_admin" if statement in BY_THE_MASTER else "rdsadmin") as connection:
        connection.execute(statement.encode())


def in_the_buckets(s3: Any) -> dict[tuple[str, str], Callable[[], object]]:
    """What is done to the buckets, as the account's root, by the kind and object that name it."""
    policy = json.loads(DOCUMENTS.render("buckets/user_bucket.json.j2", bucket=IMAGES))
    (tls,) = [statement for statement in policy["Statement"] if statement["Sid"] == "NothingWithoutTls"]
    opened = {"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": tls["Resource"]}
    changed = {**policy, "Statement": [opened, *(other for other in policy["Statement"] if other is not tls)]}
    half_open = {
        "BlockPublicAcls": True, "BlockPublicPolicy": False, "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
    }  # fmt: skip

    def write_policy() -> None:
        s3.put_bucket_policy(Bucket=IMAGES, Policy=json.dumps(changed))

    return {
        ("bucket public access", VIDEOS): lambda: s3.put_public_access_block(
            Bucket=VIDEOS, PublicAccessBlockConfiguration=half_open
        ),
        ("bucket public access", IMAGES): lambda: s3.delete_public_access_block(Bucket=IMAGES),
        ("bucket ownership", IMAGES): lambda: s3.put_bucket_ownership_controls(
            Bucket=IMAGES, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        ),
        ("bucket ownership", VIDEOS): lambda: s3.delete_bucket_ownership_controls(Bucket=VIDEOS),
        ("bucket policy", f"{IMAGES} NothingWithoutTls"): write_policy,
        ("bucket policy", f"{IMAGES} Open"): write_policy,
        ("bucket policy", VIDEOS): lambda: s3.delete_bucket_policy(Bucket=VIDEOS),
    }
