"""S3: the bucket itself. What hangs on a bucket is in bucket_settings.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from local.provider.bucket_settings import SETTINGS
from local.provider.errors import Gone
from local.provider.kind import (
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    code,
    gone_if_missing,
    ignore_missing,
    tag_outputs,
    tag_pairs,
    tags_of,
)
from local.provider.twins import Own, Twin

_PROVIDER = "terraform-provider-aws, internal/service/s3/bucket.go"


class Bucket(Resource):
    resource_type = "aws:s3/bucket:Bucket"
    twin = Twin(
        "AWS::S3::Bucket",
        names={"bucket": "BucketName", "bucketPrefix": "BucketNamePrefix"},
        own={
            "forceDestroy": Own("a switch of the provider: empties the bucket before deleting it", _PROVIDER),
            "objectLockEnabled": Own(
                "CloudFormation sets it afterwards, the provider replaces", _PROVIDER, replaces=True
            ),
        },
    )
    handles = frozenset({"bucket", "forceDestroy", "tags", "objectLockEnabled"})
    unreadable = frozenset({"forceDestroy"})
    autoname = Autoname("bucket", longest=63, lower=True)

    def create(self, call: Call, inputs: Inputs) -> str:
        name = str(inputs["bucket"])
        s3 = call.client("s3")
        arguments: dict[str, Any] = {"Bucket": name}
        if call.aws.region != "us-east-1":
            arguments["CreateBucketConfiguration"] = {"LocationConstraint": call.aws.region}
        elif _exists(call, name):
            # In us-east-1 S3 answers a second creation by the same owner with success.
            raise ClientError({"Error": {"Code": "BucketAlreadyOwnedByYou", "Message": name}}, "CreateBucket")
        s3.create_bucket(**arguments, ObjectLockEnabledForBucket=bool(inputs.get("objectLockEnabled")))
        call.made(name)
        if inputs.get("tags"):
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_pairs(inputs["tags"])})
        return name

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        s3, region = call.client("s3"), call.aws.region
        with gone_if_missing():
            s3.head_bucket(Bucket=identifier)
        return {
            "bucket": identifier,
            "arn": f"arn:aws:s3:::{identifier}",
            "region": region,
            "bucketRegion": region,
            "bucketDomainName": f"{identifier}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{identifier}.s3.{region}.amazonaws.com",
            "hostedZoneId": HOSTED_ZONES.get(region, ""),
            **tag_outputs(_tags(s3, identifier)),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        s3 = call.client("s3")
        with gone_if_missing():
            if new.get("tags"):
                s3.put_bucket_tagging(Bucket=identifier, Tagging={"TagSet": tag_pairs(new["tags"])})
            else:
                s3.delete_bucket_tagging(Bucket=identifier)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        s3 = call.client("s3")
        with ignore_missing():
            if known.get("forceDestroy"):
                for versions in _versions(s3, identifier):
                    s3.delete_objects(Bucket=identifier, Delete={"Objects": versions, "Quiet": True})
            s3.delete_bucket(Bucket=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        name = str(inputs["bucket"])
        return name if _exists(call, name) else None


# Source: docs.aws.amazon.com/general/latest/gr/s3.html#s3_website_region_endpoints
HOSTED_ZONES = {"us-east-1": "Z3AQBSTGFYJSTF", "eu-central-1": "Z21DNDUVLTQW6Q", "eu-west-1": "Z1BKCTXD74EZPE"}


def _exists(call: Call, name: str) -> bool:
    try:
        with gone_if_missing():
            call.client("s3").head_bucket(Bucket=name)
    except Gone:
        return False
    return True


def _tags(s3: Any, bucket: str) -> dict[str, str]:
    try:
        return tags_of(s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
    except ClientError as error:
        if code(error) == "NoSuchTagSet":
            return {}
        raise


def _versions(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    """Every version and delete marker, in batches that one deletion takes."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]


RESOURCES: tuple[Resource, ...] = (Bucket(), *SETTINGS)
