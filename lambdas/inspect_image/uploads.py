"""Uploads in the images bucket: read one version, copy one version, remove all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.runtime.image_content import ImageRefused, Refusal
from lambdas.runtime.image_keys import INCOMING

_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"})


class S3Uploads:
    """The incoming/ prefix of one versioned bucket; `client` is boto3's S3."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def keys(self, written_before: datetime) -> Iterator[str]:
        """Uploads none of whose versions is younger than `written_before`, each once."""
        last_key, youngest = "", None
        for entry in self._entries(INCOMING):
            if entry["Key"] != last_key:
                if youngest is not None and youngest < written_before:
                    yield last_key
                last_key, youngest = entry["Key"], entry["LastModified"]
            youngest = max(youngest or entry["LastModified"], entry["LastModified"])
        if youngest is not None and youngest < written_before:
            yield last_key

    def versions(self, key: str) -> list[str]:
        """The versions of `key` that hold content, the oldest first."""
        found = [entry for entry in self._entries(key) if entry["Key"] == key and "Size" in entry]
        return [str(entry["VersionId"]) for entry in sorted(found, key=lambda entry: entry["LastModified"])]

    def read(self, key: str, version: str, *, maximum_bytes: int) -> bytes | None:
        """The content of that version, or None when it is gone.

        Raises:
            ImageRefused: it is larger than allowed; it was not read.
        """
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key, VersionId=version)
        except ClientError as error:
            if _is_absent(error):
                return None
            raise
        with found["Body"] as body:
            if found["ContentLength"] > maximum_bytes:
                raise ImageRefused(Refusal.TOO_LARGE)
            content: bytes = body.read()  # botocore compares with the announced length at the end
        return content

    def copy(self, key: str, version: str, *, to: str, content_type: str) -> str | None:
        """Copy exactly that version, and give the copy's version; None when it is gone.

        Type, metadata and tags are ours: nothing the user sent along survives.
        """
        try:
            copied = self._client.copy_object(
                Bucket=self._bucket,
                Key=to,
                CopySource={"Bucket": self._bucket, "Key": key, "VersionId": version},
                ContentType=content_type,
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            if _is_absent(error):
                return None
            raise
        return str(copied.get("VersionId", ""))

    def remove(self, key: str) -> None:
        """Remove every version of `key` for good, delete markers included."""
        for entry in list(self._entries(key)):
            if entry["Key"] == key:
                self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=entry["VersionId"])

    def _entries(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Versions and delete markers under `prefix`, in the order of their keys."""
        for page in self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix):
            yield from sorted(
                [*page.get("Versions", ()), *page.get("DeleteMarkers", ())], key=lambda entry: str(entry["Key"])
            )


def _is_absent(error: ClientError) -> bool:
    return str(error.response.get("Error", {}).get("Code")) in _ABSENT
