"""Videos in the bucket: the bytes that a picture of the first second needs, and the thumbnail beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lambdas.runtime.video_keys import VideoKey

# The first second of even a large video, and the index where it stands at the end.
HEAD_BYTES = 16 * 1024 * 1024
TAIL_BYTES = 4 * 1024 * 1024
_ABSENT = frozenset({"NoSuchKey", "404"})


class S3Videos:
    """One bucket; `client` is boto3's S3."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    @contextmanager
    def beginning(self, key: VideoKey) -> Iterator[Path | None]:
        """A file as long as the video, with its head and its tail and a hole between; None when there is no video.

        The decoder finds the index wherever it stands, and however large the video is, little is read of it.
        """
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            total = self._read(key, file, 0, HEAD_BYTES)
            if total is None:
                yield None
                return
            if total > HEAD_BYTES:
                first = max(HEAD_BYTES, total - TAIL_BYTES)
                self._read(key, file, first, total - first)
            file.truncate(total)
            file.flush()
            yield Path(file.name)

    def put_thumbnail(self, key: VideoKey, jpeg: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key.thumbnail, Body=jpeg, ContentType="image/jpeg")

    def remove_thumbnail(self, key: VideoKey) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=key.thumbnail)

    def _read(self, key: VideoKey, file: Any, first: int, length: int) -> int | None:
        """Read a range into its place in the file; the whole object's length, or None when there is no object."""
        try:
            found = self._client.get_object(
                Bucket=self._bucket, Key=str(key), Range=f"bytes={first}-{first + length - 1}"
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return None
            raise
        file.seek(first)
        with found["Body"] as body:
            file.write(body.read(length))
        return int(found["ContentRange"].rpartition("/")[2])
