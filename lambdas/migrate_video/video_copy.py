"""Copy a video from the generator's CDN into own storage (plan M6; docs/adr/0060-video-copy.md)."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.migrate_video.connection import Network
from lambdas.migrate_video.deadlines import Allowance, Deadlines, Limits
from lambdas.migrate_video.download import download_from_url
from lambdas.migrate_video.errors import CopyFailed
from lambdas.migrate_video.origins import Origins
from lambdas.migrate_video.upload import ObjectKey, refused, unreachable, upload_to_storage

_ABSENT = frozenset({"NoSuchKey", "404"})
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Stored:
    """What lies in storage: its length, and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Copied(Stored):
    """A copy that was made now, with the seconds each phase was waited for."""

    seconds_download: float
    seconds_upload: float


@dataclass(frozen=True)
class AlreadyThere:
    """The key was taken, and nothing was written. `existing` tells what lies there."""


def copy_video(
    url: str,
    *,
    to: ObjectKey,
    origins: Origins,
    client: Any,
    limits: Limits | None = None,
    network: Network | None = None,
) -> Copied | AlreadyThere:
    """Copy what `url` gives to `to`, in memory that does not grow with it, within `limits`.

    Args:
        client: boto3's S3, kept from copy to copy (lambdas.runtime.clients.s3_streams).

    Raises:
        CopyFailedForNow: another try may succeed.
        CopyFailedForGood: the URL gives no video that may be kept.
    """
    limits = limits or Limits()
    deadlines = Deadlines(limits)
    try:
        with download_from_url(
            url,
            origins=origins,
            maximum_bytes=limits.maximum_bytes,
            allowance=deadlines.download,
            network=network or Network(),
        ) as download:
            made = upload_to_storage(
                download.pieces(), size=download.size, to=to, client=client, allowance=deadlines.upload
            )
    except CopyFailed as error:
        error.seconds_download, error.seconds_upload = deadlines.download.spent, deadlines.upload.spent
        raise
    if not made:
        return AlreadyThere()
    return Copied(download.size, download.sha256, deadlines.download.spent, deadlines.upload.spent)


def existing(key: ObjectKey, *, client: Any, limits: Limits | None = None) -> Stored | None:
    """Read our own object back, for its length and checksum; None when there is none.

    S3 says that there is none only to whoever may list the bucket; others are refused.

    Raises:
        CopyFailedForNow: it cannot be read, or not within the upload's seconds.
    """
    allowance = Deadlines(limits or Limits()).upload
    answer: Future[Stored | None] = Future()

    def read() -> None:
        try:
            answer.set_result(_read_back(key, client, allowance))
        except BaseException as error:  # raised where it is waited for
            answer.set_exception(error)

    with allowance.running():
        threading.Thread(target=read, name="read-back", daemon=True).start()
        wait([answer], allowance.left())
    if not answer.done():
        raise allowance.over()
    return answer.result()


def _read_back(key: ObjectKey, client: Any, allowance: Allowance) -> Stored | None:
    digest, count = hashlib.sha256(), 0
    try:
        # closing(), since a StreamingBody's own `with` gives the stream below it, which raises urllib3's errors
        with closing(client.get_object(Bucket=key.bucket, Key=key.key)["Body"]) as body:
            while piece := body.read(_PIECE_BYTES):  # botocore compares with the announced length at the end
                allowance.left()  # or nobody waits any more
                digest.update(piece)
                count += len(piece)
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code")) in _ABSENT:
            return None
        raise refused(error) from None
    except BotoCoreError as error:
        raise unreachable(error) from None
    return Stored(count, digest.hexdigest())
