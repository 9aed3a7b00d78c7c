"""Where clients connect to the database: checks each login as RDS does, then passes bytes through.

A user who is a member of `rds_iam`, even indirectly, logs in with an IAM token for exactly that user, which the
emulator's IAM verifies (`POST /_rendio/rds-connect`). Everybody else logs in with a password. Superusers do not log in
here at all. Neither tokens nor passwords are kept, logged or passed on: Postgres itself trusts the front's socket.

    python -m local.postgres.front --state DIR --port N --ministack URL
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import signal
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from local.postgres.server import SUPERUSER, Server
from local.state import ACCOUNT, REGION, State

HOST = "127.0.0.1"
LOGIN_SECONDS = 30
_PROTOCOL_3, _CANCEL, _SSL, _GSS = 3, 80877102, 80877103, 80877104
_LONGEST_STARTUP = 10_000  # bytes; Postgres's own limit
_LONGEST_SECRET = 65_536  # a token with session credentials has some thousand bytes
_CHUNK = 256 * 1024

# A member's rights come from every role it is in. rds_superuser may hand rds_iam out, and is not meant by it.
LOGIN = """
with recursive held(role) as (
  select oid from pg_authid where rolname = %(user)s
  union
  select granted.roleid from pg_auth_members granted join held on granted.member = held.role
  where not (granted.roleid = 'rds_iam'::regrole and granted.member = 'rds_superuser'::regrole)
)
select rolsuper, coalesce(rolpassword, ''), 'rds_iam'::regrole in (select role from held)
from pg_authid where rolname = %(user)s
"""


class Fatal(Exception):
    """The session ends here; the client is told the SQLSTATE and the words RDS uses."""

    def __init__(self, state: str, message: str) -> None:
        self.state, self.message = state, message
        super().__init__(message)


@dataclass(frozen=True)
class Login:
    """What Postgres knows of a user: `verifier` as in pg_authid, RFC 5803."""

    is_superuser: bool
    verifier: str
    by_token: bool


VerifyToken = Callable[[str, str], Awaitable[bool]]


class Catalog:
    """Looks users up, over one connection that is made anew whenever Postgres was restarted."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._one_at_a_time = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[tuple[bool, str, bool]] | None = None

    async def login(self, user: str) -> Login | None:
        """The login of `user`, or None when there is no such user.

        Raises:
            Fatal: Postgres does not run.
        """
        async with self._one_at_a_time:
            for last_try in (False, True):
                try:
                    connection = await self._connected()
                    row = await (await connection.execute(LOGIN, {"user": user})).fetchone()
                    return None if row is None else Login(*row)
                except psycopg.OperationalError as error:
                    await self.close()
                    if last_try:
                        raise Fatal("57P03", "the database system is not running") from error
        raise AssertionError("unreachable")

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> psycopg.AsyncConnection[tuple[bool, str, bool]]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                host=str(self._server.sockets), user=SUPERUSER, dbname="postgres", autocommit=True, connect_timeout=5
            )
        return self._connection


class Front:
    """One listening port before one server."""

    def __init__(self, server: Server, verify_token: VerifyToken) -> None:
        self._socket = server.sockets / ".s.PGSQL.5432"
        self._catalog = Catalog(server)
        self._verify_token = verify_token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its first byte to its last."""
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                backend = await self._admitted(reader, writer)
            if backend is not None:
                await _relay((reader, writer), backend)
        except Fatal as fatal:
            writer.write(_message(b"E", _error_fields(fatal)))
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass  # the client went away, or never logged in
        finally:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await _close(writer)

    async def close(self) -> None:
        await self._catalog.close()

    async def _admitted(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The way to Postgres for a client who may pass; None when it wanted no session."""
        while True:
            startup = await _startup(reader)
            (code,) = struct.unpack_from("!i", startup, 4)
            if code not in (_SSL, _GSS):
                break
            writer.write(b"N")  # neither is spoken on loopback
        if code == _CANCEL:
            _, backend = await self._backend(startup)
            await _close(backend)
            return None
        if code >> 16 != _PROTOCOL_3:
            raise Fatal("0A000", f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}")
        words = startup[8:].split(b"\0")
        parameters = dict(zip(words[::2], words[1::2], strict=False))
        user = parameters.get(b"user", b"").decode(errors="replace")
        writer.write(_message(b"R", struct.pack("!i", 3)))  # AuthenticationCleartextPassword, as RDS asks for tokens
        await self._check(user, await _secret(reader))
        return await self._backend(startup)

    async def _check(self, user: str, secret: str) -> None:
        login = await self._catalog.login(user)
        if login is not None and login.is_superuser:
            _say(f"refused {user}: superusers do not log in here")
            raise Fatal("28000", f'no pg_hba.conf entry for user "{user}"')
        if login is not None and login.by_token:
            if not await self._verify_token(user, secret):
                _say(f"refused {user}: no valid token")
                raise Fatal("28000", f'PAM authentication failed for user "{user}"')
        elif login is None or not await asyncio.to_thread(password_matches, secret, login.verifier):
            _say(f"refused {user}: wrong password")
            raise Fatal("28P01", f'password authentication failed for user "{user}"')

    async def _backend(self, startup: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=_CHUNK)
        except OSError as error:
            raise Fatal("57P03", "the database system is not running") from error
        writer.write(startup)
        return reader, writer


def password_matches(password: str, verifier: str) -> bool:
    """Whether `password` (ASCII, as ours are) is the one of a SCRAM-SHA-256 verifier."""
    scheme, _, rest = verifier.partition("$")
    if scheme != "SCRAM-SHA-256":
        return False
    rounds, _, rest = rest.partition(":")
    salt, _, keys = rest.partition("$")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(stored, base64.b64decode(keys.partition(":")[0]))


def iam_judge(ministack: str, port: int, client: httpx.AsyncClient) -> VerifyToken:
    """Asks the emulator whether a token lets its holder connect as a user to this endpoint."""

    async def verify(user: str, token: str) -> bool:
        try:
            answer = await client.post(
                f"{ministack}/_rendio/rds-connect",
                json={"token": token, "hostname": HOST, "port": port, "user": user,
                      "region": REGION, "account_id": ACCOUNT},
            )  # fmt: skip
            return answer.status_code == 200 and answer.json().get("allowed") is True
        except (httpx.HTTPError, ValueError) as error:
            _say(f"IAM cannot be asked: {type(error).__name__}")
            return False

    return verify


async def _startup(reader: asyncio.StreamReader) -> bytes:
    """The first packet, its length included."""
    header = await reader.readexactly(4)
    (length,) = struct.unpack("!i", header)
    if not 8 <= length <= _LONGEST_STARTUP:
        raise Fatal("08P01", "invalid length of startup packet")
    return header + await reader.readexactly(length - 4)


async def _secret(reader: asyncio.StreamReader) -> str:
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    if kind != b"p" or not 5 <= length <= _LONGEST_SECRET:
        raise Fatal("08P01", "expected a password")
    return (await reader.readexactly(length - 4)).rstrip(b"\0").decode(errors="replace")


async def _relay(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    backend: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Both ways at once, until either side ends."""
    ways = {
        asyncio.create_task(_pump(client[0], backend[1])),
        asyncio.create_task(_pump(backend[0], client[1])),
    }
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await _close(backend[1])


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _error_fields(fatal: Fatal) -> bytes:
    fields = {"S": "FATAL", "V": "FATAL", "C": fatal.state, "M": fatal.message}
    return b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def run(state: State, *, port: int, ministack: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        front = Front(Server(state), iam_judge(ministack, port, client))
        listener = await asyncio.start_server(front.serve, HOST, port, limit=_CHUNK, backlog=512)
        _say(f"logins on {HOST}:{port}")
        await ended.wait()
        listener.close()
        await front.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description="Checks logins to the database as RDS does.")
    arguments.add_argument("--state", type=Path, required=True, help="the state folder")
    arguments.add_argument("--port", type=int, required=True, help="loopback port to listen on")
    arguments.add_argument("--ministack", required=True, help="the emulator's URL, whose IAM is asked")
    given = arguments.parse_args()
    asyncio.run(run(State(given.state.resolve()), port=given.port, ministack=given.ministack))


if __name__ == "__main__":
    main()
