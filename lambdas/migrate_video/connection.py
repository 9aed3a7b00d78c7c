"""A connection whose every step ends in time: names, connect, TLS, each send, each read.

Timeouts of HTTP libraries start anew with each read, so a peer that sends a byte a second is never late for them.
"""

from __future__ import annotations

import io
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from lambdas.migrate_video.deadlines import Allowance
from lambdas.migrate_video.errors import Cause, CopyFailedForGood, CopyFailedForNow
from lambdas.migrate_video.origins import Address, Origin, is_public

_BUFFER_BYTES = 64 * 1024
# The system's resolver cannot be interrupted. Look-ups that hang hold a thread each, and never more than these.
_LOOK_UPS = threading.BoundedSemaphore(8)


def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, from the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(address: Address, port: int, seconds: float) -> socket.socket:
    """A connection to exactly this address."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(seconds)
        made.connect((str(address), port))
    except BaseException:
        made.close()
        raise
    return made


@cache
def certificates() -> ssl.SSLContext:
    """Checks certificate and host name against the system's authorities; read once, at first use."""
    return ssl.create_default_context()


@dataclass(frozen=True)
class Network:
    """How names are looked up (how many at once), addresses dialled and certificates checked."""

    look_up: Callable[[str, int], Sequence[str]] = look_up
    connect: Callable[[Address, int, float], socket.socket] = connect
    tls: Callable[[], ssl.SSLContext] = certificates
    look_ups: threading.BoundedSemaphore = _LOOK_UPS


def open_connection(origin: Origin, allowance: Allowance, network: Network) -> Connection:
    """Connect to one of the origin's addresses, all of which were checked.

    Raises:
        CopyFailedForNow: it cannot be reached in time.
        CopyFailedForGood: its name leads out of the public internet, perhaps into our own network.
    """
    if origin.loopback is not None:
        return Connection(_dial([origin.loopback], origin.port, allowance, network), allowance)
    addresses = _public_addresses(origin, allowance, network)
    plain = _dial(addresses, origin.port, allowance, network)
    try:
        encrypted = network.tls().wrap_socket(plain, server_hostname=origin.host, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise
    try:
        encrypted.settimeout(allowance.left())
        encrypted.do_handshake()
    except OSError as error:
        encrypted.close()
        raise _failure(error, allowance, "TLS failed") from None
    except BaseException:
        encrypted.close()
        raise
    return Connection(encrypted, allowance)


class Connection:
    """A connected socket that knows when its time is up. `makefile` is all that http.client needs to read from it."""

    def __init__(self, connected: socket.socket, allowance: Allowance) -> None:
        self._socket, self._allowance = connected, allowance
        self._reader = _Reader(connected, allowance)
        self._stream = _Stream(self._reader, _BUFFER_BYTES)

    def send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._allowance.left())
            self._socket.sendall(data)
        except OSError as error:
            raise _failure(error, self._allowance, "the connection broke") from None

    def makefile(self, _mode: str) -> io.BufferedReader:
        return self._stream

    def says_more(self, *, within_seconds: float) -> bool:
        """Whether more bytes come, although the answer is complete; a peer that closes now says no at once."""
        self._reader.at_most = within_seconds
        try:
            return bool(self._stream.peek(1))
        except CopyFailedForNow:  # silence, or a reset after all was said
            return False

    def close(self) -> None:
        self._socket.close()


class _Reader(io.RawIOBase):
    """Reads from the socket, each time with the time that is left, or `at_most` so many seconds."""

    at_most = float("inf")

    def __init__(self, connected: socket.socket, allowance: Allowance) -> None:
        self._socket, self._allowance = connected, allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(min(self._allowance.left(), self.at_most))
        try:
            return self._socket.recv_into(buffer)
        except OSError as error:
            raise _failure(error, self._allowance, "the connection broke") from None


class _Stream(io.BufferedReader):
    """Stays open when http.client has read its answer: what came beyond it would else be lost unseen."""

    def close(self) -> None:
        """The connection closes the socket."""


def _failure(error: OSError, allowance: Allowance, words: str) -> CopyFailedForNow:
    """What an error of the socket means; its own text stays out."""
    if isinstance(error, TimeoutError):
        return allowance.over()
    return CopyFailedForNow(allowance.phase, Cause.INTERRUPTED, f"{words} ({type(error).__name__})")


def _public_addresses(origin: Origin, allowance: Allowance, network: Network) -> list[Address]:
    """Every address of the origin. One that is not public spoils them all: such a name is not to be trusted."""
    found = [ip_address(text) for text in _looked_up(origin, allowance, network)]
    if not found:
        raise CopyFailedForNow(allowance.phase, Cause.UNREACHABLE, "the origin's name has no address")
    if not all(is_public(address) for address in found):
        raise CopyFailedForGood(
            allowance.phase, Cause.FORBIDDEN_ADDRESS, "the origin's name leads out of the public internet"
        )
    return found


def _looked_up(origin: Origin, allowance: Allowance, network: Network) -> Sequence[str]:
    """Look the name up in a thread that is left behind when it takes too long."""
    answer: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(network.look_up(origin.host, origin.port))
        except (OSError, UnicodeError) as error:
            answer.put(OSError(type(error).__name__))
        finally:
            network.look_ups.release()

    if not network.look_ups.acquire(timeout=allowance.left()):
        raise allowance.over()
    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        found = answer.get(timeout=allowance.left())
    except queue.Empty:
        raise allowance.over() from None
    if isinstance(found, OSError):
        raise CopyFailedForNow(allowance.phase, Cause.UNREACHABLE, "the origin's name cannot be resolved")
    return found


def _dial(addresses: Iterable[Address], port: int, allowance: Allowance, network: Network) -> socket.socket:
    """The first address that answers. Each gets its share of the time, so that one silent address costs not all."""
    remaining = list(addresses)
    while remaining:
        share = allowance.left() / len(remaining)
        try:
            return network.connect(remaining.pop(0), port, share)
        except OSError as error:
            failed = error
    if isinstance(failed, TimeoutError):
        raise allowance.over()
    raise CopyFailedForNow(
        allowance.phase, Cause.UNREACHABLE, f"the origin cannot be reached ({type(failed).__name__})"
    )
