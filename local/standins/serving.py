"""Several HTTP servers in one process, ended together."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"


class _Protocol(H11Protocol):
    """Hands each request its connection, so that a programmed fault can break it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs several of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listening(Protocol):
    """A server beside the HTTP applications, with a port of its own."""

    def listening(self) -> AbstractAsyncContextManager[None]: ...


def server(application: Starlette, port: int) -> uvicorn.Server:
    """A server of one stand-in on loopback. Access is not logged: paths of the pager are secrets."""
    return _Server(
        uvicorn.Config(
            application,
            host=HOST,
            port=port,
            http=_Protocol,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )


def serve(applications: Mapping[int, Starlette], listeners: Sequence[Listening] = ()) -> None:
    """Serve each application on its port, and the listeners on theirs, until SIGTERM or SIGINT."""
    asyncio.run(_until_told([server(application, port) for port, application in applications.items()], listeners))


async def _until_told(servers: Sequence[uvicorn.Server], listeners: Sequence[Listening]) -> None:
    def end() -> None:
        for one in servers:
            one.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await run(servers, listeners)


async def run(servers: Sequence[uvicorn.Server], listeners: Sequence[Listening]) -> None:
    """Serve until each server was told to exit. Listeners come first: others hand out their addresses."""
    async with AsyncExitStack() as stack:
        for listener in listeners:
            await stack.enter_async_context(listener.listening())
        await asyncio.gather(*(one.serve() for one in servers))
