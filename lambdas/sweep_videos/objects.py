"""Videos, thumbnails and unfinished uploads in the videos bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.runtime.video_keys import VIDEOS, VideoKey


class S3Objects:
    """One versioned bucket; `client` is boto3's S3."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def remove(self, key: VideoKey) -> None:
        """Remove the video and its thumbnail, whether they are there or not; their versions last their days."""
        for each in (str(key), key.thumbnail):
            self._client.delete_object(Bucket=self._bucket, Key=each)

    def open_uploads(self, begun_before: datetime) -> Iterator[tuple[str, str]]:
        """Key and id of each multipart upload of a video that was begun before then and never ended."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=VIDEOS)
        for page in pages:
            for upload in page.get("Uploads", ()):
                if upload["Initiated"] < begun_before:
                    yield upload["Key"], upload["UploadId"]

    def abort(self, key: str, upload: str) -> None:
        """End an upload; one that has ended meanwhile is as good."""
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchUpload":
                raise
