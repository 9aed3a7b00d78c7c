"""Where videos may be fetched: exact origins, and only addresses of the public internet.

A URL comes from outside, so our own network must be out of its reach whatever it says. It has to begin with an allowed
origin character by character: no parser is asked, so none can be fooled. What the name resolves to is checked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from lambdas.migrate_video.errors import Cause, CopyFailedForGood, Phase
from lambdas.runtime.errors import ConfigurationError

Address = IPv4Address | IPv6Address

HTTPS_PORT = 443
_MAXIMUM_URL = 4096
_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_LOOPBACK = re.compile(r"http://(?P<host>[0-9.]+|\[[0-9a-f:]+\]):(?P<port>[1-9][0-9]{0,4})")
# RFC 3986, path and query. No fragment, no backslash, no space, no control: the target goes into a request as it is.
_TARGET = re.compile(r"/[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*")

# Not the public internet (IANA's special-purpose registries). `is_global` alone knows too little: until 3.13 it lets
# multicast pass, some embedded forms of IPv4 addresses in every version, 6to4 until 3.12.1.
_SPECIAL_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# All unicast of the internet lies in 2000::/3. Outside are loopback, mapped, compatible, NAT64, local, multicast.
_GLOBAL_6 = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def is_public(address: Address) -> bool:
    """Whether the address belongs to a host of the public internet, and stands for itself alone."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _SPECIAL_4)
    inside = address in _GLOBAL_6 and address.scope_id is None
    return inside and address.is_global and not any(address in network for network in _SPECIAL_6)


@dataclass(frozen=True)
class Origin:
    """`https://` and a host's name; or, for a generator on the same machine, `http://`, a loopback address, a port."""

    text: str
    host: str
    port: int
    loopback: Address | None = None

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Read an origin of the configuration.

        Raises:
            ConfigurationError: it is neither form.
        """
        host = text.removeprefix("https://")
        if host != text and _HOST.fullmatch(host):
            return cls(text, host, HTTPS_PORT)
        if found := _LOOPBACK.fullmatch(text):
            address = _address(found["host"].strip("[]"))
            if address is not None and address.is_loopback and int(found["port"]) < 65536:
                return cls(text, f"{found['host']}:{found['port']}", int(found["port"]), address)
        raise ConfigurationError(
            f"{text!r} is no origin to fetch videos from: give https:// and a host's name in small letters,"
            " or http://, a loopback address and a port"
        )


@dataclass(frozen=True)
class Source:
    """A URL that passed: where to connect, and what to ask for there."""

    origin: Origin
    target: str

    def __repr__(self) -> str:
        return f"Source({self.origin.text}/…)"  # the rest is a capability


@dataclass(frozen=True)
class Origins:
    """The allow-list."""

    allowed: tuple[Origin, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Origins:
        """Read the configuration's list.

        Raises:
            ConfigurationError: an entry is no origin.
        """
        return cls(tuple(Origin.parse(text) for text in texts))

    def source(self, url: str) -> Source:
        """Where `url` leads.

        Raises:
            CopyFailedForGood: it leads anywhere but to an allowed origin.
        """
        if len(url) <= _MAXIMUM_URL:
            for origin in self.allowed:
                target = url.removeprefix(origin.text)
                if target != url and _TARGET.fullmatch(target):
                    return Source(origin, target)
        raise CopyFailedForGood(
            Phase.DOWNLOAD, Cause.FORBIDDEN_URL, "the URL does not lead to an origin that videos may come from"
        )


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
