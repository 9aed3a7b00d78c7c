"""No URL, name or redirect makes the copy connect to anything but the public address of an allowed host.

Proven where sockets connect: the interpreter reports every connect of this process.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from lambdas.migrate_video.connection import Network
from lambdas.migrate_video.deadlines import Limits
from lambdas.migrate_video.errors import Cause, CopyFailed, CopyFailedForGood
from lambdas.migrate_video.origins import Address, Origins
from lambdas.migrate_video.video_copy import AlreadyThere, Copied, copy_video
from tests.lambdas.video_copy.certificate import Authority
from tests.lambdas.video_copy.conftest import QUICK, Storage
from tests.lambdas.video_copy.connects import watched
from tests.lambdas.video_copy.sources import Source, head, length, saying, whole
from tests.unit.lambdas.hostile_urls import ALLOWED, FORBIDDEN_ADDRESSES, HOST, HOSTILE_URLS, PUBLIC_ADDRESSES

# Nothing here is about time: a twin that is slow on a busy machine is still a twin.
UNHURRIED = Limits(maximum_bytes=QUICK.maximum_bytes)
URL = f"{ALLOWED}/video.mp4"
PUBLIC = "104.18.1.1"
METADATA = "169.254.169.254"


@dataclass
class Internet:
    """A network in which every public address is the source on loopback; others are dialled for real."""

    source: Source
    authority: Authority
    answers: list[Sequence[str]] = field(default_factory=lambda: [[PUBLIC]])
    asked: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)

    def network(self) -> Network:
        return Network(look_up=self._look_up, connect=self._connect, tls=self.authority.trusting)

    def _look_up(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        assert port == 443
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _connect(self, address: Address, port: int, seconds: float) -> socket.socket:
        self.dialled.append(str(address))
        public = str(address) in PUBLIC_ADDRESSES
        return socket.create_connection(("127.0.0.1", self.source.port) if public else (str(address), port), seconds)


Copy = Callable[..., Copied | AlreadyThere]
BEHAVIOURS = {
    "/video.mp4": whole(),
    "/elsewhere": saying(head(f"Location: http://{METADATA}/latest/", length(0), status="302 Found")),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def internet(authority: Authority) -> Iterator[Internet]:
    with Source(BEHAVIOURS, tls=authority.server(HOST)).listening() as source:
        yield Internet(source, authority)


@pytest.fixture
def copy_from(internet: Internet, storage: Storage) -> Copy:
    def call(url: str = URL, *origins: str) -> Copied | AlreadyThere:
        return copy_video(
            url,
            to=storage.new_key(),
            origins=Origins.of(origins or [ALLOWED]),
            client=storage.client,
            limits=UNHURRIED,
            network=internet.network(),
        )

    return call


@pytest.mark.plan("M6")
def test_a_hostile_url_connects_to_nothing_and_asks_for_no_name(copy_from: Copy, internet: Internet) -> None:
    with Source(BEHAVIOURS).listening() as loopback:
        local = loopback.origin
        for url in HOSTILE_URLS:
            with watched() as connected, pytest.raises(CopyFailedForGood):
                copy_from(url.replace("4572", str(loopback.port)), ALLOWED, local)
            assert connected == []
        assert internet.asked == []
        with watched() as connected:  # the twins
            assert isinstance(copy_from(f"{local}/video.mp4", ALLOWED, local), Copied)
        assert connected[0] == ("127.0.0.1", loopback.port)
        assert isinstance(copy_from(URL, ALLOWED, local), Copied)
    assert (internet.asked, internet.dialled) == ([HOST], ["127.0.0.1", PUBLIC])


@pytest.mark.parametrize("text", FORBIDDEN_ADDRESSES)
def test_a_name_that_leads_out_of_the_internet_is_not_dialled(copy_from: Copy, internet: Internet, text: str) -> None:
    for answer in ([text], [PUBLIC, text], [text, PUBLIC]):
        internet.answers = [answer]
        with watched() as connected, pytest.raises(CopyFailedForGood) as refused:
            copy_from()
        assert refused.value.cause is Cause.FORBIDDEN_ADDRESS
        assert (connected, internet.dialled) == ([], [])
    internet.answers = [[PUBLIC]]
    assert isinstance(copy_from(), Copied), "the twin"


@pytest.mark.parametrize("text", PUBLIC_ADDRESSES)
def test_the_very_address_that_was_checked_is_dialled(copy_from: Copy, internet: Internet, text: str) -> None:
    internet.answers = [[text], ["127.0.0.1"]]  # a name that answers differently the second time
    assert isinstance(copy_from(), Copied)
    assert (internet.asked, internet.dialled) == ([HOST], [text])


def test_a_redirect_is_not_followed(copy_from: Copy, internet: Internet) -> None:
    with watched() as connected, pytest.raises(CopyFailedForGood) as refused:
        copy_from(f"{ALLOWED}/elsewhere")
    assert refused.value.cause is Cause.REDIRECT
    assert connected == [("127.0.0.1", internet.source.port)]


def test_a_proxy_of_the_environment_is_not_asked(
    copy_from: Copy, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{METADATA}:3128")
    assert isinstance(copy_from(), Copied)
    assert internet.dialled == [PUBLIC]


@pytest.mark.parametrize("certified", ["other.example", "fal.media", "xv3.fal.media"])
def test_a_host_that_cannot_prove_its_name_is_not_asked(authority: Authority, storage: Storage, certified: str) -> None:
    with Source(BEHAVIOURS, tls=authority.server(certified)).listening() as source:
        internet = Internet(source, authority)
        with pytest.raises(CopyFailed) as failed:
            copy_video(
                URL, to=storage.new_key(), origins=Origins.of([ALLOWED]), client=storage.client, limits=UNHURRIED,
                network=internet.network(),
            )  # fmt: skip
    assert failed.value.cause is Cause.INTERRUPTED
    assert (internet.dialled, source.requests) == ([PUBLIC], [])


def test_a_certificate_of_an_unknown_authority_is_refused(
    internet: Internet, copy_from: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(internet.authority.__class__, "trusting", lambda _: ssl.create_default_context())
    with pytest.raises(CopyFailed):
        copy_from()
    assert internet.source.requests == []


def test_the_request_names_the_host_and_asks_for_plain_bytes(copy_from: Copy, internet: Internet) -> None:
    copy_from()
    [request] = internet.source.requests
    assert request.splitlines()[:2] == ["GET /video.mp4 HTTP/1.1", f"Host: {HOST}"]
    assert "Accept-Encoding: identity" in request
    assert "Connection: close" in request


def test_there_are_enough_hostile_urls_and_addresses() -> None:
    assert len(set(HOSTILE_URLS)) >= 80
    assert len(set(FORBIDDEN_ADDRESSES)) >= 50
