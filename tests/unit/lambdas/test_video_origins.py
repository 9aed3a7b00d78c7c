"""Videos come from exact origins, and from addresses of the public internet alone."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from lambdas.migrate_video.errors import Cause, CopyFailedForGood
from lambdas.migrate_video.origins import Origins, is_public
from lambdas.runtime.errors import ConfigurationError
from tests.unit.lambdas.hostile_urls import (
    ALLOWED,
    ALLOWED_URLS,
    FORBIDDEN_ADDRESSES,
    HOSTILE_URLS,
    LOOPBACK,
    PUBLIC_ADDRESSES,
)

ORIGINS = Origins.of([ALLOWED, LOOPBACK])


@pytest.mark.plan("M6")
@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_url_that_does_not_begin_with_an_allowed_origin_is_refused_for_good(url: str) -> None:
    with pytest.raises(CopyFailedForGood) as refused:
        ORIGINS.source(url)
    assert refused.value.cause is Cause.FORBIDDEN_URL
    assert not refused.value.transient
    assert not url.strip() or url not in str(refused.value)


@pytest.mark.parametrize("url", ALLOWED_URLS)
def test_a_url_of_an_allowed_origin_passes_as_it_is(url: str) -> None:
    source = ORIGINS.source(url)
    assert source.origin.text + source.target == url
    assert source.target not in repr(source), "it is a capability"


def test_only_the_origins_of_the_list_pass() -> None:
    for url in ALLOWED_URLS:
        with pytest.raises(CopyFailedForGood):
            Origins.of(["https://v3b.fal.media"]).source(url)
    assert Origins.of(["https://v3b.fal.media"]).source("https://v3b.fal.media/a.mp4")


@pytest.mark.parametrize("text", FORBIDDEN_ADDRESSES)
def test_an_address_that_is_special_or_stands_for_another_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC_ADDRESSES)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "http://v3.fal.media",
        "https://v3.fal.media/",
        "https://v3.fal.media:443",
        "https://*.fal.media",
        "https://V3.fal.media",
        "https://media",
        "https://127.0.0.1",
        "https://10.0.0.1",
        "https://[::1]",
        "https://user@v3.fal.media",
        "http://10.0.0.1:80",
        "http://169.254.169.254:80",
        "http://127.1:80",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://localhost:80",
        "http://[fe80::1]:80",
        "",
    ],
)
def test_what_is_no_exact_origin_cannot_be_configured(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Origins.of([text])


@pytest.mark.parametrize("text", [ALLOWED, LOOPBACK, "http://[::1]:8080", "https://a-b.example"])
def test_an_exact_origin_can_be_configured(text: str) -> None:
    assert Origins.of([text]).source(f"{text}/a.mp4").target == "/a.mp4"


def test_there_are_enough_hostile_urls_and_addresses() -> None:
    assert len(set(HOSTILE_URLS)) + len(set(FORBIDDEN_ADDRESSES)) >= 80
