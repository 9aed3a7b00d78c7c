"""Download from a URL that a third party named: checked before the first byte is kept, and measured to the last.

http.client ends a body that was cut short without an error, and believes a wrong length: only counting tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, NoReturn, cast

from lambdas.migrate_video.connection import Connection, Network, open_connection
from lambdas.migrate_video.deadlines import Allowance
from lambdas.migrate_video.errors import Cause, CopyFailedForGood, CopyFailedForNow, Phase
from lambdas.migrate_video.origins import Origins, Source

_PIECE_BYTES = 256 * 1024  # read and hashed while it is still in the processor's cache
# We ask for the connection to be closed. A peer that forgets to is given this long to contradict its own length.
_LAST_WORD_SECONDS = 0.25
_LONGEST_NUMBER = 18  # digits; Python takes quadratic time for very long ones
_BUSY = frozenset({408, 425, 429})


@contextmanager
def download_from_url(
    url: str, *, origins: Origins, maximum_bytes: int, allowance: Allowance, network: Network
) -> Iterator[Download]:
    """The plan's "download from URL": an answer that promises a video, ready to be read.

    Raises:
        CopyFailedForGood: the URL is forbidden, or there is no such video to be had from it.
        CopyFailedForNow: it cannot be had at the moment.
    """
    source = origins.source(url)
    with allowance.running():
        connection = open_connection(source.origin, allowance, network)
    try:
        with allowance.running():
            response = _ask(connection, source)
            size = _announced(response, maximum_bytes)
        yield Download(connection, response, size, allowance)
    finally:
        connection.close()


class Download:
    """A video as it comes: type, count and checksum are taken on the way.

    Attributes:
        size: the length announced, in bytes; all of it came, once the last piece is given.
    """

    def __init__(self, connection: Connection, response: HTTPResponse, size: int, allowance: Allowance) -> None:
        self._connection, self._response, self._allowance = connection, response, allowance
        self._hash = hashlib.sha256()
        self.size = size

    @property
    def sha256(self) -> str:
        """Hexadecimal, of the pieces given so far."""
        return self._hash.hexdigest()

    def pieces(self) -> Iterator[bytearray]:
        """The video, piece by piece; the last is given only when the whole is known to be as long as was said.

        Raises:
            CopyFailedForGood: it is no MP4.
            CopyFailedForNow: it broke off, is not as long as was said, or does not come in time.
        """
        came = 0
        while came < self.size or came == 0:
            with self._allowance.running():
                piece = self._read()
                if came == 0:
                    _require_mp4(piece)
                came += len(piece)
                if not piece:
                    raise CopyFailedForNow(
                        Phase.DOWNLOAD, Cause.TRUNCATED, f"it broke off after {came} of {self.size} bytes"
                    )
                if came == self.size and self._connection.says_more(within_seconds=_LAST_WORD_SECONDS):
                    raise CopyFailedForNow(Phase.DOWNLOAD, Cause.WRONG_LENGTH, "more bytes came than were announced")
                self._hash.update(piece)
            yield piece

    def _read(self) -> bytearray:
        piece = bytearray(_PIECE_BYTES)
        try:
            count = self._response.readinto(piece)
        except HTTPException as error:
            raise _broken(error) from None
        del piece[count:]
        return piece


def _ask(connection: Connection, source: Source) -> HTTPResponse:
    """Send the request, and read the answer's head."""
    connection.send(
        f"GET {source.target} HTTP/1.1\r\n"
        f"Host: {source.origin.host}\r\n"
        "Accept: video/mp4, */*;q=0.1\r\n"
        "Accept-Encoding: identity\r\n"
        "Connection: close\r\n"
        "User-Agent: RendioAI\r\n"
        "\r\n".encode("ascii")
    )
    response = HTTPResponse(cast("Any", connection), method="GET")
    try:
        response.begin()
    except HTTPException as error:
        raise _broken(error) from None
    if response.status != 200:
        _refuse_status(response.status)
    return response


def _announced(response: HTTPResponse, maximum_bytes: int) -> int:
    """The body's length in bytes. Storage needs it before the first byte, and without it half a body looks whole."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise CopyFailedForGood(Phase.DOWNLOAD, Cause.ENCODED, "it comes encoded, which was not asked for")
    lengths = response.headers.get_all("Content-Length", [])
    length = lengths[0].strip() if len(lengths) == 1 and "Transfer-Encoding" not in response.headers else ""
    if not (length.isascii() and length.isdigit()):
        raise CopyFailedForNow(Phase.DOWNLOAD, Cause.WRONG_LENGTH, "the answer does not say how long it is")
    if len(length) > _LONGEST_NUMBER or int(length) > maximum_bytes:
        raise CopyFailedForGood(Phase.DOWNLOAD, Cause.TOO_LARGE, "the video is larger than allowed")
    return int(length)


def _refuse_status(status: int) -> NoReturn:
    if 300 <= status < 400:
        raise CopyFailedForGood(Phase.DOWNLOAD, Cause.REDIRECT, f"it leads elsewhere ({status})")
    if status in (404, 410):
        raise CopyFailedForGood(Phase.DOWNLOAD, Cause.GONE, f"the video is gone ({status})")
    if status in _BUSY or status >= 500:
        raise CopyFailedForNow(Phase.DOWNLOAD, Cause.BUSY, f"the origin answered {status}")
    if status >= 400:
        raise CopyFailedForGood(Phase.DOWNLOAD, Cause.DENIED, f"the origin answered {status}")
    raise CopyFailedForNow(Phase.DOWNLOAD, Cause.BAD_ANSWER, f"the origin answered {status}")


def _require_mp4(head: bytearray) -> None:
    """Content decides, not the answer's headers: a page that says it is a video is none.

    The first box of an MP4 is its file type: four bytes of length, then `ftyp`.
    """
    if not head:
        raise CopyFailedForNow(Phase.DOWNLOAD, Cause.TRUNCATED, "it is empty")
    if head[4:8] != b"ftyp":
        raise CopyFailedForGood(Phase.DOWNLOAD, Cause.NOT_A_VIDEO, "what came is no MP4")


def _broken(error: HTTPException) -> CopyFailedForNow:
    """An answer that http.client cannot make sense of; what came of it stays out of the message."""
    if isinstance(error, IncompleteRead | ConnectionError):  # it broke off
        return CopyFailedForNow(Phase.DOWNLOAD, Cause.TRUNCATED, "it broke off")
    return CopyFailedForNow(Phase.DOWNLOAD, Cause.BAD_ANSWER, f"no proper answer came ({type(error).__name__})")
