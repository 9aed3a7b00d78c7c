"""A function's code, unpacked once however many processes run it.

The packages it brings are kept once for all functions that bring the same ones: unpacking and compiling them
is most of a cold start. A function's folder links to them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

# Enough for the version in use, the one before and a published one.
KEPT = 4
_lock = threading.Lock()


def unpacked(content: bytes, digest: str, *, function: str, own: str) -> Path:
    """The folder with the zip's files.

    Args:
        content: the zip.
        digest: CodeSha256 as Lambda gives it (base64); equal digests share a folder.
        function: whose older folders may go when this one is new.
        own: the package or module at the zip's root that is the function itself; the rest are packages.
    """
    functions = _root() / function
    folder = functions / base64.b64decode(digest).hex()[:20]
    with _lock:
        if folder.is_dir():
            os.utime(folder)
            return folder
        functions.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            packages = [entry for entry in archive.infolist() if _top(entry.filename) not in (own, f"{own}.py")]
            names = {entry.filename for entry in packages}
            shared = _shared(archive, packages) if packages else None
            # Renamed when whole, so that a kill leaves no folder that looks complete.
            half = Path(tempfile.mkdtemp(dir=functions, prefix="."))
            archive.extractall(half, [entry for entry in archive.namelist() if entry not in names])
            for package in shared.iterdir() if shared is not None else ():
                (half / package.name).symlink_to(package)
            half.rename(folder)
        _drop_older(functions)
    return folder


def remove_leftovers() -> None:
    """Delete what processes of an earlier run left behind; the unpacked code itself stays of use."""
    temporary = Path(tempfile.gettempdir())
    for leftover in (*temporary.glob("ministack-lambda-*"), *temporary.glob("lambda-home-*"), *_root().glob("*/.*")):
        shutil.rmtree(leftover, ignore_errors=True)
    _drop_unused()


def _root() -> Path:
    return Path(tempfile.gettempdir()) / "lambda-code"


def _packages() -> Path:
    return Path(tempfile.gettempdir()) / "lambda-packages"


def _shared(archive: zipfile.ZipFile, packages: list[zipfile.ZipInfo]) -> Path:
    """The folder with these files of the archive. Side by side, since libraries find each other by `../`."""
    listed = sorted((entry.filename, entry.CRC, entry.file_size) for entry in packages)
    folder = _packages() / hashlib.sha256(repr(listed).encode()).hexdigest()[:20]
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        archive.extractall(half, [entry.filename for entry in packages])
        half.rename(folder)
    return folder


def _top(name: str) -> str:
    return name.partition("/")[0]


def _drop_older(functions: Path) -> None:
    folders = sorted(
        (entry for entry in functions.iterdir() if not entry.name.startswith(".")), key=_used, reverse=True
    )
    for old in folders[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    if folders[KEPT:]:
        _drop_unused()


def _drop_unused() -> None:
    """Delete packages that no function's folder links to."""
    links = (entry.readlink().parent for entry in _root().glob("*/*/*") if entry.is_symlink())
    used = set(links)
    for folder in _packages().glob("*"):
        if folder not in used:
            shutil.rmtree(folder, ignore_errors=True)


def _used(folder: Path) -> float:
    return folder.stat().st_mtime
