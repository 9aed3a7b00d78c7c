"""Files over HTTP as fast as the machine gives them, in a process of its own: `python -m … FOLDER` prints its port."""

from __future__ import annotations

import socketserver
import sys
from pathlib import Path


class Files(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 64
    folder: Path


class Answer(socketserver.StreamRequestHandler):
    server: Files

    def handle(self) -> None:
        request = self.rfile.readline().decode("latin-1").split(" ")
        while self.rfile.readline().strip():
            pass
        path = self.server.folder / Path(request[1]).name
        status = f"HTTP/1.1 200 OK\r\nContent-Length: {path.stat().st_size}\r\nConnection: close\r\n\r\n"
        self.wfile.write(status.encode())
        if request[0] == "GET":
            with path.open("rb") as file:
                self.request.sendfile(file)


def main(folder: Path) -> None:
    with Files(("127.0.0.1", 0), Answer) as server:
        server.folder = folder
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
