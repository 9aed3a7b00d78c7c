"""The two buckets of users' objects."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.config import Storage as StorageConfig
from infra.names import BucketName, Names
from policies.model.documents import Documents

HOURS_A_DAY = 24
UNFINISHED_UPLOAD_DAYS = 1
# Behind the retention, should the clean-ups stand still: so many days later S3 removes objects itself. Who pauses
# clean-ups for longer, or restores an object without writing it anew, loses what is older.
BACKSTOP_DAYS = 30
# Both in the words of S3's API; access_drift compares with them.
PUBLIC_ACCESS_BLOCK = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
OWNERSHIP = "BucketOwnerEnforced"
# S3 counts these from the day a version became noncurrent; uploads and anonymous images are nobody's record.
TRANSIENT_NONCURRENT_DAYS = 1


@dataclass(frozen=True)
class Transient:
    """Objects under `prefix` go `hours` after they came. S3 counts whole days, from the next midnight UTC.

    With `restorable`, their old versions last as long as all others.
    """

    prefix: str
    hours: int
    restorable: bool = False

    @property
    def days(self) -> int:
        return -(-self.hours // HOURS_A_DAY)

    @classmethod
    def behind_retention(cls, prefix: str, days: int) -> Transient:
        """Objects that a clean-up removes, and S3 should that not happen."""
        return cls(prefix, (days + BACKSTOP_DAYS) * HOURS_A_DAY, restorable=True)


class UserBucket(pulumi.ComponentResource):
    """A private bucket whose objects belong to one user each, under `{prefix}/{auth_user_id}/`.

    Nothing is public and nothing travels without TLS (policies/buckets/user_bucket.json.j2); only a session tagged
    with the owner's id reaches an object. Deleted and overwritten versions stay for `noncurrent_days`.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    ready: list[pulumi.Resource]
    """What must exist before anything is put into the bucket."""

    def __init__(
        self,
        resource_name: str,
        *,
        bucket: BucketName,
        noncurrent_days: int,
        transient: tuple[Transient, ...],
        force_destroy: bool,
        policy: str,
        tags: dict[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:storage:UserBucket", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._bucket = aws.s3.Bucket(resource_name, bucket=bucket, force_destroy=force_destroy, tags=tags, opts=child)
        name = self._bucket.bucket
        block = aws.s3.BucketPublicAccessBlock(
            resource_name,
            bucket=name,
            block_public_acls=PUBLIC_ACCESS_BLOCK["BlockPublicAcls"],
            block_public_policy=PUBLIC_ACCESS_BLOCK["BlockPublicPolicy"],
            ignore_public_acls=PUBLIC_ACCESS_BLOCK["IgnorePublicAcls"],
            restrict_public_buckets=PUBLIC_ACCESS_BLOCK["RestrictPublicBuckets"],
            opts=child,
        )
        aws.s3.BucketOwnershipControls(resource_name, bucket=name, rule={"object_ownership": OWNERSHIP}, opts=child)
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            resource_name,
            bucket=name,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            resource_name, bucket=name, versioning_configuration={"status": "Enabled"}, opts=child
        )
        # S3 refuses a policy and a public access block that are written at the same time.
        access = aws.s3.BucketPolicy(
            resource_name, bucket=name, policy=policy, opts=pulumi.ResourceOptions(parent=self, depends_on=[block])
        )
        # Rules for noncurrent versions are refused until the bucket has versions.
        aws.s3.BucketLifecycleConfiguration(
            resource_name,
            bucket=name,
            rules=_lifecycle(noncurrent_days, transient),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        self.name, self.arn = name, self._bucket.arn
        self.ready = [self._bucket, encryption, versioning, access]
        self.register_outputs({"name": self.name, "arn": self.arn})


def _lifecycle(
    noncurrent_days: int, transient: tuple[Transient, ...]
) -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
    rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": "forget-old-versions",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "noncurrent_version_expiration": {"noncurrent_days": noncurrent_days},
            "abort_incomplete_multipart_upload": {"days_after_initiation": UNFINISHED_UPLOAD_DAYS},
        },
        {
            "id": "forget-empty-delete-markers",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"expired_object_delete_marker": True},
        },
    ]
    return rules + [_forget(objects) for objects in transient]


def _forget(objects: Transient) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    rule: aws.s3.BucketLifecycleConfigurationRuleArgsDict = {
        "id": f"forget-{objects.prefix.strip('/')}",
        "status": "Enabled",
        "filter": {"prefix": objects.prefix},
        "expiration": {"days": objects.days},
    }
    if not objects.restorable:
        rule["noncurrent_version_expiration"] = {"noncurrent_days": TRANSIENT_NONCURRENT_DAYS}
    return rule


class Storage(pulumi.ComponentResource):
    """The images bucket (uploads, accepted images, anonymous images) and the videos bucket."""

    images: UserBucket
    videos: UserBucket

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: StorageConfig,
        documents: Documents,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:storage:Storage", resource_name, None, opts)

        def bucket(name: str, physical: BucketName, *transient: Transient) -> UserBucket:
            return UserBucket(
                name,
                bucket=physical,
                noncurrent_days=config.noncurrent_days,
                transient=transient,
                force_destroy=config.force_destroy,
                policy=documents.render("buckets/user_bucket.json.j2", bucket=physical),
                tags=names.tags,
                opts=pulumi.ResourceOptions(parent=self),
            )

        self.images = bucket(
            "images",
            names.images_bucket,
            Transient("incoming/", config.incoming_hours),
            Transient("anonymous/", config.anonymous_hours),
            Transient.behind_retention("images/", config.image_days),
        )
        self.videos = bucket(
            "videos",
            names.videos_bucket,
            Transient.behind_retention("videos/", config.video_days),
            Transient.behind_retention("thumbnails/", config.video_days),
        )
        self.register_outputs({"images_bucket": self.images.name, "videos_bucket": self.videos.name})
