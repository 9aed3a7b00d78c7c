"""Removes objects from a versioned bucket, many in one request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from lambdas.runtime.errors import FunctionError

# What one DeleteObjects request takes at most.
A_REQUEST = 1000
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion"})


class RemovalFailed(FunctionError):
    """S3 removed some objects and refused others. The rows of none of them were touched: the next run tries again."""


class ObjectRemoval:
    """One bucket; `client` is boto3's S3."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects, whether they are there or not; as versions they last the bucket's days.

        Raises:
            RemovalFailed: some are still there.
        """
        self._delete({"Key": key} for key in keys)

    def purge(self, prefix: str, *, older_than: datetime | None = None) -> int:
        """Remove every version of everything under `prefix`, for good; the number of versions that went.

        `older_than` keeps what was written since.

        Raises:
            RemovalFailed: some are still there.
        """
        return self._delete(self._versions(prefix, older_than))

    def _versions(self, prefix: str, older_than: datetime | None) -> Iterator[dict[str, str]]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if older_than is None or version["LastModified"] < older_than:
                    yield {"Key": version["Key"], "VersionId": version["VersionId"]}

    def _delete(self, objects: Iterable[dict[str, str]]) -> int:
        removed, source = 0, iter(objects)
        while chosen := list(islice(source, A_REQUEST)):
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": chosen, "Quiet": True})
            refused = [error for error in answer.get("Errors", ()) if error.get("Code") not in _ABSENT]
            if refused:
                codes = ", ".join(sorted({str(error.get("Code")) for error in refused}))
                raise RemovalFailed(f"{len(refused)} of {len(chosen)} objects were not removed: {codes}")
            removed += len(chosen)
        return removed
