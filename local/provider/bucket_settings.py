"""S3: what hangs on a bucket."""

from __future__ import annotations

from typing import Any, ClassVar

from local.provider.bucket_notification import BucketNotification
from local.provider.bucket_setting import BUCKET, BucketSetting
from local.provider.errors import Gone
from local.provider.kind import Inputs, Observed, Resource
from local.provider.shapes import from_aws, to_aws
from local.provider.twins import Twin


class BucketPublicAccessBlock(BucketSetting):
    resource_type = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    _flags: ClassVar = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    twin = Twin(
        "AWS::S3::Bucket",
        names={
            **BUCKET,
            "blockPublicAcls": "PublicAccessBlockConfiguration/BlockPublicAcls",
            "blockPublicPolicy": "PublicAccessBlockConfiguration/BlockPublicPolicy",
            "ignorePublicAcls": "PublicAccessBlockConfiguration/IgnorePublicAcls",
            "restrictPublicBuckets": "PublicAccessBlockConfiguration/RestrictPublicBuckets",
        },
    )
    handles = frozenset({"bucket", *_flags})

    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None:
        flags = {name[:1].upper() + name[1:]: bool(inputs.get(name)) for name in self._flags}
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)

    def get(self, s3: Any, bucket: str) -> Observed:
        found = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        return {name: bool(found.get(name[:1].upper() + name[1:])) for name in self._flags}

    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_public_access_block(Bucket=bucket)


class BucketOwnershipControls(BucketSetting):
    resource_type = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    twin = Twin(
        "AWS::S3::Bucket",
        names={
            **BUCKET,
            "rule": "OwnershipControls/Rules/*",
            "rule.objectOwnership": "OwnershipControls/Rules/*/ObjectOwnership",
        },
    )
    handles = frozenset({"bucket", "rule"})

    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None:
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [to_aws(inputs["rule"])]})

    def get(self, s3: Any, bucket: str) -> Observed:
        return {"rule": from_aws(s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0])}

    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_ownership_controls(Bucket=bucket)


class BucketServerSideEncryptionConfiguration(BucketSetting):
    resource_type = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    _rules: ClassVar = "BucketEncryption/ServerSideEncryptionConfiguration"
    _default: ClassVar = f"{_rules}/*/ServerSideEncryptionByDefault"
    _names: ClassVar = {"sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}
    twin = Twin(
        "AWS::S3::Bucket",
        names={
            **BUCKET,
            "rules": _rules,
            "rules.applyServerSideEncryptionByDefault": _default,
            "rules.applyServerSideEncryptionByDefault.sseAlgorithm": f"{_default}/SSEAlgorithm",
            "rules.applyServerSideEncryptionByDefault.kmsMasterKeyId": f"{_default}/KMSMasterKeyID",
        },
    )
    handles = frozenset({"bucket", "rules"})

    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None:
        rules = to_aws(inputs["rules"], self._names)
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})

    def get(self, s3: Any, bucket: str) -> Observed:
        found = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        return {"rules": [from_aws(rule, self._names) for rule in found]}

    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_encryption(Bucket=bucket)


class BucketVersioning(BucketSetting):
    resource_type = "aws:s3/bucketVersioning:BucketVersioning"
    twin = Twin("AWS::S3::Bucket", names={**BUCKET, "versioningConfiguration": "VersioningConfiguration"})
    handles = frozenset({"bucket", "versioningConfiguration"})

    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None:
        s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": inputs["versioningConfiguration"]["status"]}
        )

    def get(self, s3: Any, bucket: str) -> Observed:
        status = s3.get_bucket_versioning(Bucket=bucket).get("Status")
        if not status:
            raise Gone(f"{bucket} has no versioning.")
        return {"versioningConfiguration": {"status": status}}

    def unset(self, s3: Any, bucket: str) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


class BucketLifecycleConfiguration(BucketSetting):
    resource_type = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    _names: ClassVar = {"id": "ID", "newerNoncurrentVersions": "NewerNoncurrentVersions"}
    _rule: ClassVar = "LifecycleConfiguration/Rules/*"
    twin = Twin(
        "AWS::S3::Bucket",
        names={
            **BUCKET,
            "rules": "LifecycleConfiguration/Rules",
            "rules.expiration": _rule,
            "rules.expiration.days": f"{_rule}/ExpirationInDays",
            "rules.expiration.expiredObjectDeleteMarker": f"{_rule}/ExpiredObjectDeleteMarker",
            "rules.filter": _rule,
            "rules.filter.prefix": f"{_rule}/Prefix",
        },
    )
    handles = frozenset({"bucket", "rules"})

    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None:
        rules = to_aws(inputs["rules"], self._names)
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})

    def get(self, s3: Any, bucket: str) -> Observed:
        found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        return {"rules": [from_aws(rule, self._names) for rule in found]}

    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_lifecycle(Bucket=bucket)


class BucketPolicy(BucketSetting):
    resource_type = "aws:s3/bucketPolicy:BucketPolicy"
    twin = Twin("AWS::S3::BucketPolicy", names={"bucket": "Bucket", "policy": "PolicyDocument"})
    handles = frozenset({"bucket", "policy"})
    documents = frozenset({"policy"})

    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None:
        s3.put_bucket_policy(Bucket=bucket, Policy=inputs["policy"])

    def get(self, s3: Any, bucket: str) -> Observed:
        return {"policy": s3.get_bucket_policy(Bucket=bucket)["Policy"]}

    def unset(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_policy(Bucket=bucket)


SETTINGS: tuple[Resource, ...] = (
    BucketPublicAccessBlock(),
    BucketOwnershipControls(),
    BucketServerSideEncryptionConfiguration(),
    BucketVersioning(),
    BucketLifecycleConfiguration(),
    BucketPolicy(),
    BucketNotification(),
)
