"""Several HTTP servers in one process, ended together."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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


def serve(applications: Mapping[int, Starlette]) -> None:
    """Serve each application on its port until SIGTERM or SIGINT."""
    asyncio.run(_serve([server(application, port) for port, application in applications.items()]))


async def _serve(servers: list[uvicorn.Server]) -> None:
    def end() -> None:
        for one in servers:
            one.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await asyncio.gather(*(one.serve() for one in servers))
