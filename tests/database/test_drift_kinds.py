"""The whole check at once: every kind of drift, on the real database and the enforcing emulator, named in one run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from infra.access_expected import EXPECTED_IN_ZIP, expected_file
from infra.access_model import AccessModelInput
from infra.names import Names
from lambdas.access_drift.expected import Expected
from lambdas.access_drift.logic import find_drifts
from policies.model.documents import Documents
from tests.database.scene import STACK, Database
from tests.local.ministack.emulator import ACCOUNT, REGION, Emulator, refused

NAMES = Names(stack=STACK, region=REGION, account=ACCOUNT)
DOCUMENTS = Documents(NAMES.context())
IMAGES, VIDEOS = NAMES.images_bucket, NAMES.videos_bucket
Found = set[tuple[str, str]]

# What is done to the database, as its superuser -> kind, object
IN_THE_DATABASE = {
    "alter role rendio_local_me with createdb": ("role", "rendio_local_me"),
    "alter role rendio_local_view_image nologin": ("role", "rendio_local_view_image"),
    "alter role rendio_local_inspect_image bypassrls": ("role", "rendio_local_inspect_image"),
    "create role intruder login": ("role", "intruder"),
    "alter role rendio_local_me set search_path = public": ("setting", "rendio_local_me in database *"),
    "alter database rendio set row_security = off": ("setting", "every role in database rendio"),
    "grant authenticated to rendio_local_inspect_image granted by rendio_local_database_admin": (
        "membership",
        "rendio_local_inspect_image in authenticated, granted by rendio_local_database_admin",
    ),
    "grant authenticated to rendio_local_me with inherit true granted by rendio_local_database_admin": (
        "membership",
        "rendio_local_me in authenticated, granted by rendio_local_database_admin",
    ),
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
    "alter default privileges for role rendio_local_database_admin in schema public grant select on tables to"
    " authenticated": ("default privileges", "tables of rendio_local_database_admin in public"),
    "drop policy images_select_own on public.images": ("policy", "public.images.images_select_own"),
    "create policy open on public.images for select to authenticated using (true)": ("policy", "public.images.open"),
    "alter policy users_select_own on public.users using (true)": ("policy", "public.users.users_select_own"),
    "alter table public.credit_ledger disable row level security": ("row-level security", "public.credit_ledger"),
    "alter table public.images no force row level security": ("row-level security", "public.images"),
    "alter table public.devices owner to rendio_local_device_check": ("owner", "table public.devices"),
    "alter function auth.jwt() owner to rendio_local_device_check": ("owner", "function auth.jwt()"),
    "alter function auth.uid() security definer": ("function", "auth.uid()"),
    "alter function auth.role() set search_path = public": ("function", "auth.role()"),
    "alter table public.credit_ledger drop constraint credit_ledger_amount_check": (
        "constraint",
        "public.credit_ledger.credit_ledger_amount_check",
    ),
    "create trigger planted before update on public.users for each row"
    " execute function suppress_redundant_updates_trigger()": ("trigger", "public.users.planted"),
}


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


@pytest.fixture(scope="module")
def expected() -> Expected:
    """As it comes in the function's zip."""
    file = expected_file(NAMES, AccessModelInput.of(STACK), DOCUMENTS)["access_drift"][EXPECTED_IN_ZIP]
    return Expected.of(json.loads(file))


@pytest.fixture
def buckets(emulator: Emulator, expected: Expected) -> Iterator[Any]:
    """S3 as the account's root sees it, with both buckets as they are deployed."""
    s3 = emulator.root_client("s3")
    for name, bucket in expected.buckets.items():
        s3.create_bucket(Bucket=name)
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(bucket.public_access_block))
        s3.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": bucket.ownership}]}
        )
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(bucket.policy))
    yield s3
    for name in expected.buckets:
        s3.delete_bucket_policy(Bucket=name)
        s3.delete_bucket(Bucket=name)


@pytest.fixture(scope="module")
def drift_check(emulator: Emulator) -> Any:
    """S3 as the function's own role sees it: its policy and no more."""
    statements = json.loads(DOCUMENTS.render("iam/access_drift.json.j2"))["Statement"]
    return emulator.client("s3", emulator.session(emulator.role(*statements)))


def found(database: Database, s3: Any, expected: Expected) -> Found:
    with psycopg.connect(database.dsn("access_drift"), autocommit=True) as connection:
        return {(drift.kind, drift.object) for drift in find_drifts(connection, s3, expected)}


@pytest.mark.plan("M20")
def test_more_than_twenty_kinds_of_drift_are_all_named_in_one_run(
    tmp_database: Database, buckets: Any, drift_check: Any, expected: Expected
) -> None:
    assert found(tmp_database, drift_check, expected) == set()
    with tmp_database.superuser() as connection:
        for statement in IN_THE_DATABASE:
            connection.execute(statement.encode())
    made = in_the_buckets(buckets)
    for change in made.values():
        change()
    injected = {*IN_THE_DATABASE.values(), *made}
    named = found(tmp_database, drift_check, expected)
    print(f"{len(injected)} drifts injected, {len(injected & named)} named")
    assert len(injected) == len(IN_THE_DATABASE) + len(made) >= 20
    assert injected - named == set()
    # An owner's own rights become grants when another takes over: nothing else is named besides.
    assert {kind for kind, _ in named - injected} <= {"grant"}


def test_a_policy_that_says_the_same_in_other_words_is_no_drift(
    database: Database, buckets: Any, drift_check: Any, expected: Expected
) -> None:
    policy = json.loads(json.dumps(expected.buckets[IMAGES].policy))
    for statement in policy["Statement"]:
        statement["Action"] = [statement["Action"]]
        statement["Principal"] = {"AWS": ["*"]}
        if isinstance(statement["Resource"], list):
            statement["Resource"].reverse()
    policy["Statement"].reverse()
    buckets.put_bucket_policy(Bucket=IMAGES, Policy=json.dumps(policy))
    assert found(database, drift_check, expected) == set()


def test_a_bucket_that_shuts_the_check_out_is_a_drift(
    database: Database, buckets: Any, drift_check: Any, expected: Expected
) -> None:
    shut = {
        "Sid": "Shut",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:Get*",
        "Resource": f"arn:aws:s3:::{IMAGES}",
    }
    buckets.put_bucket_policy(Bucket=IMAGES, Policy=json.dumps({"Version": "2012-10-17", "Statement": [shut]}))
    assert found(database, drift_check, expected) >= {("bucket policy", IMAGES), ("bucket public access", IMAGES)}


def test_the_check_reads_protection_alone(buckets: Any, drift_check: Any) -> None:
    assert drift_check.get_bucket_policy(Bucket=IMAGES)["Policy"]
    assert refused(drift_check.list_objects_v2, Bucket=IMAGES)
    assert refused(drift_check.delete_bucket_policy, Bucket=IMAGES)
    assert refused(drift_check.get_object, Bucket=IMAGES, Key="images/x")
