"""What lies in a bucket, by listing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambdas.monitor_storage.logic import Entry, Listed
from lambdas.runtime.image_keys import ANONYMOUS, IMAGES, INCOMING
from lambdas.runtime.video_keys import THUMBNAILS, VIDEOS

PREFIXES = {"images": (IMAGES,), "videos": (VIDEOS, THUMBNAILS)}
# Objects with no rows, for hours only.
_TRANSIENT = {"images": (INCOMING, ANONYMOUS), "videos": ()}


@dataclass(frozen=True)
class S3Bucket:
    """`name` is `images` or `videos`, `bucket` the physical one; `client` is boto3's S3."""

    client: Any
    name: str
    bucket: str

    @property
    def prefixes(self) -> tuple[str, ...]:
        return PREFIXES[self.name]

    def versions(self, prefix: str) -> Iterator[Listed]:
        """Every version under `prefix`; delete markers weigh nothing and are none."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for version in page.get("Versions", ()):
                yield Listed(version["Key"], version["Size"], version["LastModified"], version["IsLatest"])

    def others(self) -> Iterator[Listed]:
        for prefix in _TRANSIENT[self.name]:
            yield from self.versions(prefix)

    def look(self, key: str) -> Entry | None:
        """What a plain read would give now."""
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1).get("Contents", ())
        return next((Entry(each["Size"], each["LastModified"]) for each in found if each["Key"] == key), None)
