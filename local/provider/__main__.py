"""`python -m local.provider --state DIR`: prints its port, then serves the engine until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from concurrent import futures
from pathlib import Path

import grpc
import yaml
from pulumi.runtime.proto import provider_pb2_grpc

from local.provider.server import Provider
from local.state import REPOSITORY, State

# Invocations hold a thread for as long as their function runs; the engine asks 16 things at once by default.
THREADS = 48
MESSAGE_BYTES = 400 << 20  # the engine's own limit
GRACE_SECONDS = 20


def main() -> None:
    """Serve one engine."""
    parser = argparse.ArgumentParser(prog="local.provider", description=__doc__)
    parser.add_argument("--state", type=Path, default=None, help="the state folder (default: RENDIO_STATE, or .rendio)")
    state = State(parser.parse_args().state.resolve()) if parser.parse_args().state else State.default()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, port = start(Provider(state.root, program_folder(state)))
    print(port, flush=True)
    stop.wait()
    server.stop(GRACE_SECONDS).wait()


def start(provider: Provider, port: int = 0) -> tuple[grpc.Server, int]:
    """A running server on loopback, and its port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(THREADS, thread_name_prefix="provider"),
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


def program_folder(state: State) -> Path:
    """The folder of the program, which an attached provider is not told: from the project file the engine uses."""
    for project in (state.project, REPOSITORY / "Pulumi.yaml"):
        try:
            main_ = (yaml.safe_load(project.read_text()) or {}).get("main", ".")
        except (FileNotFoundError, AttributeError):
            continue
        folder = (project.parent / str(main_)).resolve()
        return folder if folder.is_dir() else folder.parent
    return REPOSITORY


if __name__ == "__main__":
    main()
