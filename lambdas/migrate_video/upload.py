"""Upload to storage: one request, sent while the video still comes.

S3 makes the object when it has every byte that was announced, and nothing at all otherwise, so a copy that dies leaves
nothing behind: no half object, no multipart upload that costs until somebody aborts it. The key is written only if
nothing is there: two copies of one video cannot replace each other's bytes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError

from lambdas.migrate_video.deadlines import Allowance
from lambdas.migrate_video.errors import Cause, CopyFailedForNow, Phase

CONTENT_TYPE = "video/mp4"
# Pieces between source and storage: 3 MiB, so that neither waits for the other's hiccups.
_PIECES_AHEAD = 12
# How long a failed copy waits for its request to end. It may end behind it, too.
_FAREWELL_SECONDS = 0.2
_END = b""


@dataclass(frozen=True)
class ObjectKey:
    """An object's place in storage."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """The plan's "URL of an object". It opens nothing: whoever may see the object gets a signed one."""
        return f"s3://{self.bucket}/{self.key}"


def upload_to_storage(
    pieces: Iterable[bytes | bytearray], *, size: int, to: ObjectKey, client: Any, allowance: Allowance
) -> bool:
    """The plan's "upload to storage": make the object of `pieces`, `size` bytes in all; False when the key is taken.

    Args:
        client: boto3's S3 (lambdas.runtime.clients.s3_streams).
        allowance: pays whenever this waits for storage.

    Raises:
        CopyFailedForNow: storage does not take it, or not in time; and whatever `pieces` raises. There is no object.
    """
    request = _Request(client, to, size, allowance)
    try:
        for piece in pieces:
            if not request.offer(piece):
                break  # storage has answered without having heard all
        return request.finish()
    except BaseException:
        request.break_off()
        raise


class _Request:
    """A PutObject in a thread of its own, which takes pieces as they are offered. It begins with the first."""

    def __init__(self, client: Any, to: ObjectKey, size: int, allowance: Allowance) -> None:
        self._client, self._to, self._size, self._allowance = client, to, size, allowance
        self._pieces: queue.Queue[bytes | bytearray | None] = queue.Queue(_PIECES_AHEAD)
        self._answer: Future[None] = Future()
        self._taken = False
        self._thread = threading.Thread(target=self._send, name="upload", daemon=True)

    def offer(self, piece: bytes | bytearray) -> bool:
        """Hand over the next piece; False when storage has answered already and takes no more."""
        if self._thread.ident is None:
            self._thread.start()
        if self._answer.done():
            return False
        with self._allowance.running():
            try:
                self._pieces.put(piece, timeout=self._allowance.left())
            except queue.Full:
                raise self._allowance.over() from None
        return True

    def finish(self) -> bool:
        """Wait for storage's answer: whether the object was made, or the key was taken."""
        self.offer(_END)
        with self._allowance.running():
            wait([self._answer], self._allowance.left())
        if not self._answer.done():
            raise self._allowance.over()
        try:
            self._answer.result()
        except ClientError as error:
            if _code(error) in ("PreconditionFailed", "412"):
                return False
            raise refused(error) from None
        except BotoCoreError as error:
            raise unreachable(error) from None
        return True

    def break_off(self) -> None:
        """Close the connection before the last byte, so that no object comes of it."""
        self._empty()
        with suppress(queue.Full):
            self._pieces.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(_FAREWELL_SECONDS)

    # --- in the thread

    def _send(self) -> None:
        try:
            try:
                self._put()
            except ConnectionClosedError:
                if self._taken:  # what streamed through cannot be sent again
                    raise
                self._put()  # a connection kept from the last copy, which storage had closed meanwhile
            self._answer.set_result(None)
        except BaseException as error:  # the caller's to judge; a thread's own would only be printed
            self._answer.set_exception(error)
        finally:
            self._empty()  # whoever waits to hand over a piece need not

    def _put(self) -> None:
        self._client.put_object(
            Bucket=self._to.bucket,
            Key=self._to.key,
            Body=self,
            ContentLength=self._size,
            ContentType=CONTENT_TYPE,
            IfNoneMatch="*",
        )

    def read(self, _size: int = -1) -> bytes | bytearray:
        """The next piece, for the HTTP client, whatever size it asks for: it sends what it gets."""
        piece = self._pieces.get()
        self._taken = True
        if piece is None:
            raise BrokenOff
        return piece

    def _empty(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._pieces.get_nowait()


class BrokenOff(Exception):
    """The video will not come whole."""


def refused(error: ClientError) -> CopyFailedForNow:
    """Storage said no: our permissions, its limits or its trouble, and none of them the video's fault."""
    return CopyFailedForNow(Phase.UPLOAD, Cause.STORAGE, f"storage refused ({_code(error)})")


def unreachable(error: BotoCoreError) -> CopyFailedForNow:
    return CopyFailedForNow(Phase.UPLOAD, Cause.STORAGE, f"storage cannot be reached ({type(error).__name__})")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
