"""A video is in storage as it came, or is not there at all."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.migrate_video.deadlines import Limits
from lambdas.migrate_video.errors import Cause, CopyFailed
from lambdas.migrate_video.origins import Origins
from lambdas.migrate_video.upload import ObjectKey
from lambdas.migrate_video.video_copy import AlreadyThere, Copied, Stored, copy_video, existing
from tests.lambdas.video_copy import sources
from tests.lambdas.video_copy.conftest import QUICK, Storage
from tests.lambdas.video_copy.sources import (
    HTML,
    VIDEO,
    Source,
    dripping,
    endless,
    head,
    length,
    saying,
    then_reset,
    then_silent,
    whole,
)
from tests.lambdas.video_copy.storage import streams_to

Copy = Callable[..., Copied | AlreadyThere]
HALF = VIDEO[: len(VIDEO) // 2]
LATE_AT_MOST = 0.5
LARGER = Limits(download_seconds=5, upload_seconds=5, total_seconds=10)


@pytest.mark.plan("M6", "M8")
def test_a_copy_has_the_sources_bytes_and_our_content_type(copy: Copy, storage: Storage) -> None:
    to = storage.new_key()
    copied = copy(whole("Content-Type: text/html"), to)
    assert isinstance(copied, Copied)
    assert (copied.bytes, copied.sha256) == (len(VIDEO), hashlib.sha256(VIDEO).hexdigest())
    assert storage.holds(to) == VIDEO
    assert storage.looker.head_object(Bucket=to.bucket, Key=to.key)["ContentType"] == "video/mp4"


@pytest.mark.parametrize("size", [8, 9, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1024 * 1024])
def test_a_video_of_any_size_is_copied_whole(copy: Copy, storage: Storage, size: int) -> None:
    to, video = storage.new_key(), VIDEO[:size]
    copied = copy(whole(body=video), to)
    assert isinstance(copied, Copied)
    assert (copied.bytes, copied.sha256) == (size, hashlib.sha256(video).hexdigest())
    assert storage.holds(to) == video


def test_a_key_that_is_taken_keeps_its_bytes(copy: Copy, storage: Storage) -> None:
    to, first = storage.new_key(), VIDEO[:5000]
    assert isinstance(copy(whole(body=first), to), Copied)
    assert copy(whole(), to) == AlreadyThere()
    assert storage.holds(to) == first
    assert existing(to, client=storage.client) == Stored(5000, hashlib.sha256(first).hexdigest())


def test_what_is_not_there_has_no_checksum(storage: Storage) -> None:
    assert existing(storage.new_key(), client=storage.looker) is None


GZIP = ("Content-Encoding: gzip", length())
FAULTS: dict[str, tuple[sources.Behaviour, Cause]] = {
    # the source breaks off
    "reset at once": (then_reset(), Cause.INTERRUPTED),
    "closed at once": (saying(), Cause.TRUNCATED),
    "reset in the head": (then_reset(b"HTTP/1.1 200 OK\r\nContent-"), Cause.INTERRUPTED),
    "reset in the body": (then_reset(head(length()), HALF), Cause.INTERRUPTED),
    "closed in the body": (saying(head(length()), HALF), Cause.TRUNCATED),
    "closed before the last byte": (saying(head(length()), VIDEO[:-1]), Cause.TRUNCATED),
    "empty": (whole(body=b""), Cause.TRUNCATED),
    "nothing of what was announced": (saying(head(length())), Cause.TRUNCATED),
    # it lies about the length, or says none
    "length doubled": (saying(head(length(2 * len(HALF))), HALF), Cause.TRUNCATED),
    "length halved": (saying(head(length(len(HALF))), VIDEO), Cause.WRONG_LENGTH),
    "one byte more": (saying(head(length()), VIDEO, b"!"), Cause.WRONG_LENGTH),
    "no length": (saying(head(), VIDEO), Cause.WRONG_LENGTH),
    "chunks": (saying(head("Transfer-Encoding: chunked"), b"8\r\n" + VIDEO[:8] + b"\r\n0\r\n\r\n"), Cause.WRONG_LENGTH),
    "endless chunks": (endless(head("Transfer-Encoding: chunked") + b"ffffffff\r\n"), Cause.WRONG_LENGTH),
    "chunks and a length": (endless(head("Transfer-Encoding: chunked", length())), Cause.WRONG_LENGTH),
    "two lengths": (saying(head(length(), length(9)), VIDEO), Cause.WRONG_LENGTH),
    "negative length": (saying(head("Content-Length: -5"), VIDEO), Cause.WRONG_LENGTH),
    "length in letters": (saying(head("Content-Length: all of it"), VIDEO), Cause.WRONG_LENGTH),
    "length in another script": (saying(head("Content-Length: \u00b2\u00b3"), VIDEO), Cause.WRONG_LENGTH),
    "endless": (endless(head(length())), Cause.WRONG_LENGTH),
    "endless, without a length": (endless(head()), Cause.WRONG_LENGTH),
    # it is too slow
    "silent": (then_silent(), Cause.OUT_OF_TIME),
    "silent in the head": (then_silent(b"HTTP/1.1 200 OK\r\nContent-"), Cause.OUT_OF_TIME),
    "silent after the head": (then_silent(head(length())), Cause.OUT_OF_TIME),
    "silent in the body": (then_silent(head(length()), HALF), Cause.OUT_OF_TIME),
    "silent before the last byte": (then_silent(head(length()), VIDEO[:-1]), Cause.OUT_OF_TIME),
    "dripping head": (dripping(b"", head(length()), every=0.1), Cause.OUT_OF_TIME),
    "dripping body": (dripping(head(length()), VIDEO, every=0.1), Cause.OUT_OF_TIME),
    "endless interim answers": (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 9, every=0.01), Cause.OUT_OF_TIME),
    # it is busy, or makes no sense
    "429": (saying(head(length(0), "Retry-After: 9999", status="429 Too Many Requests")), Cause.BUSY),
    "500": (saying(head(length(0), status="500 Oh")), Cause.BUSY),
    "503": (saying(head(length(0), status="503 Busy")), Cause.BUSY),
    "204": (saying(head(status="204 No Content")), Cause.BAD_ANSWER),
    "206": (saying(head(length(), status="206 Partial Content"), VIDEO), Cause.BAD_ANSWER),
    "no HTTP": (saying(b"SSH-2.0-OpenSSH_9.6\r\n"), Cause.BAD_ANSWER),
    "a head without end": (endless(b"HTTP/1.1 200 OK\r\nX: "), Cause.BAD_ANSWER),
    "a thousand headers": (saying(head(*["X: y"] * 1000)), Cause.BAD_ANSWER),
    # it will never be a video
    "redirect to the metadata service": (
        saying(head("Location: http://169.254.169.254/latest/meta-data/", length(0), status="302 Found")),
        Cause.REDIRECT,
    ),
    "redirect to itself": (saying(head("Location: /video.mp4", length(0), status="307 Here")), Cause.REDIRECT),
    "304": (saying(head(status="304 Not Modified")), Cause.REDIRECT),
    "404": (saying(head(length(0), status="404 Not Found")), Cause.GONE),
    "410": (saying(head(length(0), status="410 Gone")), Cause.GONE),
    "403": (saying(head(length(0), status="403 Forbidden")), Cause.DENIED),
    "401": (saying(head(length(0), status="401 Who")), Cause.DENIED),
    "gzip": (saying(head(*GZIP), VIDEO), Cause.ENCODED),
    "gzip bomb": (saying(head("Content-Encoding: gzip", length(100)), b"\x1f\x8b" * 50), Cause.ENCODED),
    "HTML": (whole("Content-Type: text/html", body=HTML), Cause.NOT_A_VIDEO),
    "HTML that says it is a video": (whole("Content-Type: video/mp4", body=HTML), Cause.NOT_A_VIDEO),
    "seven bytes": (whole(body=VIDEO[:7]), Cause.NOT_A_VIDEO),
    "zeros": (whole(body=bytes(100_000)), Cause.NOT_A_VIDEO),
    "too large": (saying(head(length(QUICK.maximum_bytes + 1)), VIDEO), Cause.TOO_LARGE),
    "a length of a thousand digits": (saying(head("Content-Length: " + "9" * 1000), VIDEO), Cause.TOO_LARGE),
}
FOR_GOOD = {Cause.REDIRECT, Cause.GONE, Cause.DENIED, Cause.ENCODED, Cause.NOT_A_VIDEO, Cause.TOO_LARGE}


@pytest.mark.plan("M7")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_source_at_fault_ends_in_time_with_its_cause_and_leaves_nothing(
    copy: Copy, storage: Storage, fault: str
) -> None:
    behaviour, cause = FAULTS[fault]
    to, began = storage.new_key(), time.monotonic()
    with pytest.raises(CopyFailed) as failed:
        copy(behaviour, to)
    took = time.monotonic() - began
    assert failed.value.cause is cause
    assert failed.value.transient is (cause not in FOR_GOOD)
    assert took <= QUICK.download_seconds + LATE_AT_MOST
    assert storage.holds(to) is None
    assert storage.unfinished() == []
    assert isinstance(copy(whole(), to), Copied), "the twin: the same key, from a source without a fault"


def test_a_source_that_keeps_its_connection_open_is_no_fault(copy: Copy, storage: Storage) -> None:
    to = storage.new_key()
    assert isinstance(copy(then_silent(head(length()), VIDEO), to), Copied)
    assert storage.holds(to) == VIDEO


def test_a_video_of_exactly_the_maximum_is_copied(copy: Copy, storage: Storage) -> None:
    to, video = storage.new_key(), VIDEO[:8] + bytes(QUICK.maximum_bytes - 8)
    assert isinstance(copy(whole(body=video), to), Copied)


def test_an_error_tells_phase_and_cause_and_not_the_url(copy: Copy, storage: Storage) -> None:
    with pytest.raises(CopyFailed) as failed:
        copy(saying(head(length(0), status="404 Not Found")), storage.new_key())
    assert str(failed.value) == "download: the video is gone (404)"
    chain: Any = failed.value
    while chain is not None:
        assert "video.mp4" not in str(chain)
        chain = chain.__cause__


def test_storage_that_refuses_is_a_failure_for_now_however_much_was_to_come(copy: Copy, storage: Storage) -> None:
    video = VIDEO * 4
    with pytest.raises(CopyFailed) as failed:
        copy(whole(body=video), ObjectKey(storage.bucket, "elsewhere/video.mp4"), limits=LARGER)
    assert (failed.value.cause, failed.value.transient) == (Cause.STORAGE, True)
    assert "AccessDenied" in str(failed.value)


STORAGE_FAULTS: dict[str, sources.Meeting] = {
    "reset at once": sources.met_by(then_reset()),
    "closed at once": sources.met_by(saying()),
    "no HTTP": sources.met_by(saying(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "500": sources.met_by(saying(head(length(0), "Connection: close", status="500 Oh"))),
    "503 at once": sources.met_by(saying(head(length(0), "Connection: close", status="503 Slow Down"))),
    "reset in the body": sources.met_by(then_reset(), after_bytes=600_000),
}


@pytest.mark.plan("M7")
@pytest.mark.parametrize("fault", STORAGE_FAULTS)
def test_a_storage_at_fault_is_a_failure_for_now(fault: str) -> None:
    with Source({"/video.mp4": whole()}).listening() as source, Source({}, met=STORAGE_FAULTS[fault]).listening() as s3:
        began = time.monotonic()
        with pytest.raises(CopyFailed) as failed:
            copy_video(
                f"{source.origin}/video.mp4",
                to=ObjectKey("bucket", "videos/video.mp4"),
                origins=Origins.of([source.origin]),
                client=streams_to(s3.origin, ("test", "test", None)),
                limits=QUICK,
            )
    assert (failed.value.cause, failed.value.transient) == (Cause.STORAGE, True)
    assert time.monotonic() - began <= QUICK.upload_seconds + LATE_AT_MOST
