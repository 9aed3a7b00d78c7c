"""Archives of a program as the bytes of a zip."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.provider.errors import ProviderError
from local.provider.values import Archive

# Zips hold local times from 1980 on; a fixed one makes the same content the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644


def zipped(archive: Archive, program: Path) -> bytes:
    """The zip of an archive.

    Args:
        program: the program's folder, which relative paths start from.

    Raises:
        ProviderError: a file or folder is missing, or the archive is of a kind not supported here.
    """
    path = archive.fields.get("path")
    if path:
        found = located(str(path), program)
        if found.is_file():
            content = found.read_bytes()
            if not zipfile.is_zipfile(io.BytesIO(content)):
                raise ProviderError(f"{found} is no zip file.", fix="Build the package again.")
            return content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in sorted(_entries(archive, program, "")):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = _MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """The digest as Lambda writes it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def located(path: str, program: Path) -> Path:
    """A path of the program's; raises ProviderError when nothing is there."""
    found = Path(path) if Path(path).is_absolute() else program / path
    if not found.exists():
        raise ProviderError(
            f"{found} does not exist.",
            why="Relative archives are looked for from the program's folder." if not Path(path).is_absolute() else "",
            fix="Build the package before the deployment.",
        )
    return found


def _entries(archive: Archive, program: Path, within: str) -> Iterator[tuple[str, bytes]]:
    fields: Mapping[str, Any] = archive.fields
    if fields.get("path"):
        found = located(str(fields["path"]), program)
        if found.is_file():
            yield within or found.name, found.read_bytes()
            return
        for file in sorted(entry for entry in found.rglob("*") if entry.is_file()):
            name = file.relative_to(found).as_posix()
            yield f"{within}/{name}" if within else name, file.read_bytes()
    elif "text" in fields and fields["text"] is not None:
        yield within, str(fields["text"]).encode()
    elif isinstance(fields.get("assets"), Mapping):
        for name, part in fields["assets"].items():
            if not isinstance(part, Archive):
                raise ProviderError(f"The archive's entry {name} is neither an asset nor an archive.")
            yield from _entries(part, program, f"{within}/{name}" if within else str(name))
    else:
        raise ProviderError("The provider of the laptop cloud reads archives from files and texts alone.")
