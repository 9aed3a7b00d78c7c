"""Buckets, their settings, and roles."""

from __future__ import annotations

from typing import Any

from tests.local.provider.world import CHANGED_TAGS, ROOT, TAGS, TRUST, Case, World, document

BUCKET = "rendio-local-cases-000000000000"
OTHER_BUCKET = {"bucket": "rendio-local-other-000000000000"}
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"


def _bucket(world: World) -> dict[str, Any]:
    return {"bucket": world["bucket"]["bucket"]}


S3: dict[str, Case] = {
    "bucket": Case(
        "aws:s3/bucket:Bucket",
        lambda _: {"bucket": BUCKET, "forceDestroy": True, "tags": TAGS},
        CHANGED_TAGS,
        OTHER_BUCKET,
    ),
    "public-access-block": Case(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        lambda w: {**_bucket(w), "blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True},
        {"restrictPublicBuckets": True},
        OTHER_BUCKET,
    ),
    "ownership": Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        lambda w: {**_bucket(w), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        OTHER_BUCKET,
    ),
    "encryption": Case(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        lambda w: {**_bucket(w), "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
        OTHER_BUCKET,
    ),
    "versioning": Case(
        "aws:s3/bucketVersioning:BucketVersioning",
        lambda w: {**_bucket(w), "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        OTHER_BUCKET,
    ),
    "bucket-policy": Case(
        "aws:s3/bucketPolicy:BucketPolicy",
        lambda w: {**_bucket(w), "policy": document("s3:GetObject", OBJECTS, **ROOT)},
        {"policy": document("s3:GetObjectVersion", OBJECTS, **ROOT)},
        OTHER_BUCKET,
    ),
    "lifecycle": Case(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        lambda w: {**_bucket(w), "rules": [
            {"id": "old", "status": "Enabled", "filter": {"prefix": ""},
             "noncurrentVersionExpiration": {"noncurrentDays": 3},
             "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1}},
            {"id": "incoming", "status": "Enabled", "filter": {"prefix": "incoming/"}, "expiration": {"days": 1}},
        ]},
        {"rules": [
            {"id": "old", "status": "Enabled", "filter": {"prefix": ""},
             "noncurrentVersionExpiration": {"noncurrentDays": 9}},
        ]},
        OTHER_BUCKET,
    ),
}  # fmt: skip

IAM: dict[str, Case] = {
    "role": Case(
        "aws:iam/role:Role",
        lambda _: {"name": "rendio-local-case", "assumeRolePolicy": TRUST, "maxSessionDuration": 3600, "tags": TAGS},
        {"maxSessionDuration": 7200, **CHANGED_TAGS},
        {"name": "rendio-local-other"},
    ),
    "role-policy": Case(
        "aws:iam/rolePolicy:RolePolicy",
        lambda w: {"name": "access", "role": w["role"]["name"], "policy": document("logs:PutLogEvents")},
        {"policy": document("logs:CreateLogStream")},
        {"name": "other", "role": "rendio-local-other"},
    ),
}
