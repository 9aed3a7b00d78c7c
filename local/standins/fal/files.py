"""The files behind the CDN: results and uploads. An address is a capability, and dies with its file."""

from __future__ import annotations

import secrets
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.standins.fal.downloads import DownloadFault

# Uploads come in one piece up to here at fal too.
UPLOAD_LIMIT = 90 * 1024 * 1024


@dataclass
class Download:
    """One download as it went.

    Attributes:
        fault: its kind; `pass` when the file was served.
        at: seconds since the epoch.
        seconds: until the connection was done with it; None while it runs.
    """

    fault: str
    at: float
    seconds: float | None = None


@dataclass
class StoredFile:
    """A file on the CDN.

    Attributes:
        number: files count from 1 in the order in which they were made.
        owner: the generation whose result it is; empty for an upload.
        path: where the bytes lie; None while they are in `tail` alone.
        tail: bytes after those of `path`.
        expires_at: seconds since the epoch; None for never.
        uploaded: False until an upload's bytes came.
        faults: of its next downloads.
    """

    number: int
    token: str
    name: str
    content_type: str
    owner: str = ""
    path: Path | None = None
    tail: bytes = b""
    lifetime_seconds: int = 0
    expires_at: float | None = None
    uploaded: bool = True
    faults: list[DownloadFault] = field(default_factory=list)
    downloads: list[Download] = field(default_factory=list)

    @property
    def on_disk(self) -> int:
        return self.path.stat().st_size if self.path else 0

    @property
    def size(self) -> int:
        return self.on_disk + len(self.tail)

    @property
    def alive(self) -> bool:
        return self.uploaded and (self.expires_at is None or time.time() < self.expires_at)


class Files:
    """All files, by the token in their address."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}

    def add(self, name: str, content_type: str, lifetime_seconds: int, *, owner: str = "") -> StoredFile:
        """A file without bytes as yet. Lifetime 0: it stays."""
        expires_at = time.time() + lifetime_seconds if lifetime_seconds else None
        file = StoredFile(
            len(self._files) + 1, secrets.token_urlsafe(24), name, content_type, owner,
            lifetime_seconds=lifetime_seconds, expires_at=expires_at,
        )  # fmt: skip
        self._files[file.token] = file
        return file

    def get(self, token: str) -> StoredFile | None:
        return self._files.get(token)

    def all(self) -> list[StoredFile]:
        return list(self._files.values())

    def clear(self) -> None:
        self._files.clear()


def marked(request_id: str) -> bytes:
    """A box that players pass over, as the end of a video: makes each result's bytes its own."""
    mark = request_id.replace("-", "").encode()
    return struct.pack(">I4s", 8 + len(mark), b"free") + mark
