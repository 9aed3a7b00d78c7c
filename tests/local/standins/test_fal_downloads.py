"""The stand-in's CDN serves what it should, in ranges too, and fails each way it is told to, seen at the socket."""

from __future__ import annotations

import gzip
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlsplit

import httpx
import pytest

from local.standins.fal.downloads import Kind
from tests.local.standins.conftest import FalClient, Json
from tests.local.standins.test_fal_queue import picture, upload

SIZE = 300_000


@dataclass
class Raw:
    """What came over the socket until it ended.

    Attributes:
        ended: `closed` in order, `reset`, or `open` when nothing came any more within the time given.
    """

    head: str
    body: bytes
    ended: str

    @property
    def status(self) -> int:
        return int(self.head.split()[1]) if self.head else 0

    def header(self, name: str) -> list[str]:
        return re.findall(rf"(?im)^{name}: ([^\r]*)", self.head)


@contextmanager
def asking(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=10) as client:
        client.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        yield client


def download(url: str, *, seconds: float = 10.0, limit: int = 10 * SIZE) -> Raw:
    """Read what comes, by no HTTP library: each would put something right."""
    with asking(url) as client:
        client.settimeout(seconds)
        received, ended = bytearray(), "closed"
        try:
            while len(received) < limit and (piece := client.recv(1 << 20)):
                received += piece
                head, found, body = bytes(received).partition(b"\r\n\r\n")
                lengths = re.findall(rb"Content-Length: (\d+)\r?$", head, re.MULTILINE)
                if found and b"Connection: close" not in head and lengths and len(body) == int(lengths[0]):
                    break
        except ConnectionResetError:
            ended = "reset"
        except TimeoutError:
            ended = "open"
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    return Raw(head.decode(), body, ended)


@pytest.fixture
def made(fal: FalClient) -> Json:
    made = fal.submit()
    fal.complete(made)
    return made


def test_a_result_is_served_whole_with_its_length_and_type(fal: FalClient, made: Json) -> None:
    got = httpx.get(fal.video(made)["url"], trust_env=False)
    assert (got.status_code, len(got.content)) == (200, SIZE)
    assert (got.headers["content-type"], got.headers["content-length"]) == ("video/mp4", str(SIZE))
    assert fal.told(made)["downloads"][0]["fault"] == "pass"


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=150000-150009", slice(150_000, 150_010)),
        ("bytes=299970-", slice(299_970, SIZE)),
        # Across the border between the file and the mark of its own that follows it.
        ("bytes=299000-299999", slice(299_000, SIZE)),
        ("bytes=-5", slice(SIZE - 5, SIZE)),
        ("bytes=299999-999999999", slice(SIZE - 1, SIZE)),
    ],
)
def test_a_range_is_that_part_of_the_whole(fal: FalClient, made: Json, wanted: str, span: slice) -> None:
    url = fal.video(made)["url"]
    whole = httpx.get(url, trust_env=False).content
    part = httpx.get(url, headers={"Range": wanted}, trust_env=False)
    assert (part.status_code, part.content) == (206, whole[span])
    assert part.headers["content-range"] == f"bytes {span.start}-{span.stop - 1}/{SIZE}"


def test_a_range_outside_is_refused_and_the_connection_goes_on(fal: FalClient, made: Json) -> None:
    url = fal.video(made)["url"]
    with httpx.Client(trust_env=False) as client:
        assert client.get(url, headers={"Range": f"bytes={SIZE}-"}).status_code == 416
        assert client.head(url).headers["content-length"] == str(SIZE)
        assert len(client.get(url).content) == SIZE


def test_an_expired_result_is_gone(fal: FalClient, made: Json) -> None:
    url = fal.video(made)["url"]
    assert httpx.get(url, trust_env=False).status_code == 200
    fal.control(f"requests/{made['request_id']}/expire")
    assert httpx.get(url, trust_env=False).status_code == 404


def test_who_does_not_know_the_address_gets_nothing(fal: FalClient, made: Json) -> None:
    for path in ("", "files", f"files/{made['request_id']}/output.mp4", "files//output.mp4", "upload/x", "../x"):
        assert httpx.get(f"{fal.cdn}/{path}", trust_env=False).status_code == 404


HALF = SIZE // 2
SEEN: dict[str, Any] = {
    "reset_early": lambda raw: raw.ended == "reset" and not raw.head,
    "reset": lambda raw: raw.ended == "reset" and raw.header("content-length") == [str(SIZE)],
    "too_many": lambda raw: raw.status == 429,
    "server_error": lambda raw: raw.status == 503,
    "stall_early": lambda raw: raw.ended == "open" and not raw.head,
    "stall": lambda raw: raw.ended == "open" and len(raw.body) == HALF,
    "drip": lambda raw: raw.ended == "open" and len(raw.body) == 1,
    "truncate": lambda raw: (
        raw.ended == "closed" and len(raw.body) == HALF and raw.header("content-length") == [str(SIZE)]
    ),
    "no_length": lambda raw: raw.ended == "closed" and len(raw.body) == SIZE and not raw.header("content-length"),
    "no_length_truncate": lambda raw: len(raw.body) == HALF and not raw.header("content-length"),
    "bad_length": lambda raw: raw.header("content-length") == [f"{SIZE}x"] and len(raw.body) == SIZE,
    "two_lengths": lambda raw: raw.header("content-length") == [str(SIZE), str(HALF)] and len(raw.body) == SIZE,
    "short_length": lambda raw: raw.header("content-length") == [str(HALF)] and len(raw.body) == SIZE,
    "long_length": lambda raw: raw.header("content-length") == [str(SIZE + 1000)] and len(raw.body) == SIZE,
    "endless": lambda raw: len(raw.body) > 5 * SIZE and not raw.header("content-length"),
    "gzip_bomb": lambda raw: (
        raw.header("content-encoding") == ["gzip"] and len(gzip.decompress(raw.body)) > 500_000_000
    ),
    "html": lambda raw: raw.status == 200 and raw.header("content-type")[0].startswith("text/html"),
    "empty": lambda raw: raw.status == 200 and raw.header("content-length") == ["0"] and raw.body == b"",
    "not_mp4": lambda raw: raw.header("content-type") == ["video/mp4"] and raw.body and raw.body[4:8] != b"ftyp",
    "redirect": lambda raw: raw.status == 302 and raw.header("location")[0].startswith("http://169.254.169.254/"),
    "wrong_type": lambda raw: raw.header("content-type") == ["text/plain"] and len(raw.body) == SIZE,
}


def test_every_kind_of_fault_is_tried_here() -> None:
    assert {*SEEN, "pass"} == set(get_args(Kind))


@pytest.mark.parametrize("kind", SEEN)
def test_each_fault_looks_so_at_the_socket_and_the_next_download_is_right(
    fal: FalClient, made: Json, kind: str
) -> None:
    url = fal.video(made)["url"]
    fal.control(f"requests/{made['request_id']}/downloads", {"kind": kind})
    raw = download(url, seconds=0.4 if kind in ("stall_early", "stall", "drip") else 10)
    assert SEEN[kind](raw), (raw.ended, raw.head, len(raw.body))
    twin = download(url)
    assert (twin.status, len(twin.body)) == (200, SIZE)
    assert [one["fault"] for one in fal.told(made)["downloads"]] == [kind, "pass"]


def test_faults_can_be_programmed_before_the_submit_and_for_whoever_comes(fal: FalClient) -> None:
    fal.control("outcomes", {"downloads": [{"kind": "html"}, {"kind": "server_error", "status": 500, "times": 2}]})
    url = fal.completed()["url"]
    assert [download(url).status for _ in range(4)] == [200, 500, 500, 200]
    fal.control("downloads", {"kind": "too_many", "retry_after": "7", "times": None})
    refused = [download(fal.completed()["url"]) for _ in range(2)]
    assert [(raw.status, raw.header("retry-after")) for raw in refused] == [(429, ["7"])] * 2
    fal.control("downloads", method="DELETE")
    assert download(url).status == 200


def test_faults_of_downloads_leave_fals_own_fetching_alone(fal: FalClient) -> None:
    fal.control("downloads", {"kind": "empty", "times": None})
    fal.control("downloads/random", {"rate": 1}, method="PUT")
    made = fal.submit(image_url=upload(fal, picture()))
    fal.complete(made)
    assert fal.told(made)["error"] == ""
    assert download(fal.video(made)["url"]).body == b""


def test_a_fault_can_strike_at_a_byte(fal: FalClient, made: Json) -> None:
    url = fal.video(made)["url"]
    fal.control(f"requests/{made['request_id']}/downloads", {"kind": "truncate", "after_bytes": 7})
    assert len(download(url).body) == 7


def test_random_faults_come_at_their_rate_and_again_with_the_same_seed(fal: FalClient) -> None:
    kinds = ["empty", "html", "too_many", "redirect"]

    def run(seed: int) -> list[str]:
        fal.control("reset")
        fal.control("downloads/random", {"rate": 0.3, "seed": seed, "kinds": kinds}, method="PUT")
        made = [fal.submit() for _ in range(60)]
        for one in made:
            fal.complete(one)
            download(fal.video(one)["url"])
        return [fal.told(one)["downloads"][0]["fault"] for one in made]

    first, again, other = run(1), run(1), run(2)
    assert first == again != other
    assert 6 <= sum(fault != "pass" for fault in first) <= 30
    assert set(first) == {"pass", *kinds}


def test_a_port_accepts_and_never_speaks(fal: FalClient) -> None:
    port = fal.control("silent", method="GET")["port"]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"\x16\x03\x01\x02\x00")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_200_stalled_downloads_and_2000_generations_leave_it_responsive(fal: FalClient) -> None:
    fal.control("outcomes", {"times": None, "after_ms": 500})
    url = fal.completed()["url"]
    fal.control("downloads", {"kind": "stall", "times": 200})
    with ExitStack() as stalled:
        for _ in range(200):
            stalled.enter_context(asking(url))
        made = [fal.submit() for _ in range(2000)]
        for one in made:
            asked = time.monotonic()
            fal.http.get(one["status_url"]).raise_for_status()
            assert time.monotonic() - asked < 2
        deadline = time.monotonic() + 30
        while any(one["status"] != "COMPLETED" for one in fal.control("requests", method="GET")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        waiting = fal.control("requests", method="GET")[0]["downloads"]
        assert sum(one["seconds"] is None for one in waiting) == 200
        assert len(download(fal.video(made[-1])["url"]).body) == SIZE
