"""S3: what the settings of a bucket have in common. Each is one resource whose id is the bucket's name."""

from __future__ import annotations

import abc
from typing import Any

from botocore.exceptions import ClientError

from local.provider.errors import Gone
from local.provider.kind import Call, Inputs, Observed, Resource, code, gone_if_missing, ignore_missing

BUCKET = {"bucket": "BucketName"}
_UNSET = frozenset(
    {
        "NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError", "NoSuchBucketPolicy",
        "ServerSideEncryptionConfigurationNotFoundError", "NoSuchLifecycleConfiguration",
    }
)  # fmt: skip


class BucketSetting(Resource, abc.ABC):
    """One setting of a bucket; setting it again replaces it whole."""

    @abc.abstractmethod
    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None: ...

    @abc.abstractmethod
    def get(self, s3: Any, bucket: str) -> Observed:
        """Its properties; raises Gone, or a ClientError of `_UNSET`, when it is not set."""

    @abc.abstractmethod
    def unset(self, s3: Any, bucket: str) -> None: ...

    def create(self, call: Call, inputs: Inputs) -> str:
        bucket = str(inputs["bucket"])
        self.put(call.client("s3"), bucket, inputs)
        return bucket

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        try:
            with gone_if_missing():
                return {"bucket": identifier, **self.get(call.client("s3"), identifier)}
        except ClientError as error:
            if code(error) in _UNSET:
                raise Gone(f"{identifier} has none.") from error
            raise

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            self.put(call.client("s3"), identifier, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            self.unset(call.client("s3"), identifier)
