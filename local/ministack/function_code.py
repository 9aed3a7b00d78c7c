"""A function's code, unpacked once however many processes run it."""

from __future__ import annotations

import base64
import io
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

# Enough for the version in use, the one before and a published one; each is some 50 MB.
KEPT = 4
_lock = threading.Lock()


def unpacked(content: bytes, digest: str, *, function: str) -> Path:
    """The folder with the zip's files.

    Args:
        content: the zip.
        digest: CodeSha256 as Lambda gives it (base64); equal digests share a folder.
        function: whose older folders may go when this one is new.
    """
    root = Path(tempfile.gettempdir()) / "lambda-code" / function
    folder = root / base64.b64decode(digest).hex()[:20]
    with _lock:
        if folder.is_dir():
            os.utime(folder)
            return folder
        root.mkdir(parents=True, exist_ok=True)
        # Renamed when whole, so that a kill leaves no folder that looks complete.
        with tempfile.TemporaryDirectory(dir=root, prefix=".") as temporary:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(temporary)
            Path(temporary).rename(folder)
            Path(temporary).mkdir()
        _drop_older(root)
    return folder


def remove_leftovers() -> None:
    """Delete what processes of an earlier run left behind; the unpacked code itself stays of use."""
    temporary = Path(tempfile.gettempdir())
    for leftover in (*temporary.glob("ministack-lambda-*"), *temporary.glob("lambda-home-*")):
        shutil.rmtree(leftover, ignore_errors=True)
    for half in (temporary / "lambda-code").glob("*/.*"):
        shutil.rmtree(half, ignore_errors=True)


def bytecode_cache() -> Path:
    """Where the interpreters keep compiled modules: not beside the code, which AWS has read-only."""
    return Path(tempfile.gettempdir()) / "lambda-bytecode"


def _drop_older(root: Path) -> None:
    folders = sorted((entry for entry in root.iterdir() if not entry.name.startswith(".")), key=_used, reverse=True)
    for old in folders[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _used(folder: Path) -> float:
    return folder.stat().st_mtime
