"""The whole check at once: every kind of drift, on the real database and the enforcing emulator, named in one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from infra.access_expected import EXPECTED_IN_ZIP, expected_file
from infra.access_model import AccessModelInput
from lambdas.access_drift.expected import Expected
from lambdas.access_drift.logic import find_drifts
from tests.database.drift_kinds import DOCUMENTS, IMAGES, IN_THE_DATABASE, NAMES, by_hand, in_the_buckets
from tests.database.scene import STACK, Database
from tests.local.ministack.emulator import Emulator, refused

Found = set[tuple[str, str]]


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
    for statement in IN_THE_DATABASE:
        by_hand(tmp_database, statement)
    made = in_the_buckets(buckets)
    for change in made.values():
        change()
    injected = {*IN_THE_DATABASE.values(), *made}
    named = found(tmp_database, drift_check, expected)
    print(f"{len(injected)} drifts injected, {len(injected & named)} named")
    assert len(injected) >= 30
    assert injected - named == set()
    # An owner's own rights become grants when another takes over, and who makes a role becomes its member: nothing else
    # is named besides.
    assert {kind for kind, _ in named - injected} <= {"grant", "membership"}


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
