"""The official release of the engine, with its checksum.

Pulumi's install script unpacks what it downloads without comparing it to anything, so the archive is
fetched here, from the host the script uses, and compared with the list that the project publishes with its
release on another host.
"""

from __future__ import annotations

import hashlib
import io
import platform
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from local.engine.installed import VERSION
from local.errors import LocalError

ARCHIVE = "https://get.pulumi.com/releases/sdk/{name}"
CHECKSUMS = f"https://github.com/pulumi/pulumi/releases/download/v{VERSION}/pulumi-{VERSION}-checksums.txt"

# A machine that cannot reach the hosts must learn it fast; one with a slow line may take its time.
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 300.0
ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}


def archive_name(system: str = "", machine: str = "") -> str:
    """`pulumi-v3.250.0-linux-x64.tar.gz` for this machine.

    Raises:
        LocalError: there is no release for it.
    """
    system = system or platform.system()
    machine = machine or platform.machine()
    architecture = ARCHITECTURES.get(machine.lower())
    if system not in ("Linux", "Darwin") or architecture is None:
        raise LocalError("No Pulumi release fits this machine.", why=f"There is none for {system} on {machine}.")
    return f"pulumi-v{VERSION}-{system.lower()}-{architecture}.tar.gz"


def fetch(folder: Path, say: Callable[[str], None]) -> None:
    """Put the release's programs into `folder`, all or none.

    Raises:
        LocalError: a host cannot be reached, or the archive is not the one that was published.
    """
    name = archive_name()
    deadline = time.monotonic() + TOTAL_SECONDS
    expected = checksum_of(name, _download(CHECKSUMS, deadline).decode())
    say(f"downloading Pulumi {VERSION}")
    archive = _download(ARCHIVE.format(name=name), deadline)
    found = hashlib.sha256(archive).hexdigest()
    if found != expected:
        raise LocalError(
            "The downloaded Pulumi release was refused.",
            why=f"{name} has SHA-256 {found}, but {expected} was published.",
            fix="Look for a proxy that changes downloads.",
        )
    unpack(archive, folder)


def checksum_of(name: str, listing: str) -> str:
    """The SHA-256 of one file in the output format of `sha256sum`."""
    for line in listing.splitlines():
        digest, _, file = line.strip().partition("  ")
        if file == name:
            return digest.lower()
    raise LocalError("The Pulumi release is incomplete.", why=f"{name} is not in {CHECKSUMS}.")


def unpack(archive: bytes, folder: Path) -> None:
    """Replace `folder` by the archive's `pulumi/` folder."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pulumi-") as temporary:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            # The filter refuses paths that leave the folder, links and devices.
            tar.extractall(temporary, filter="data")
        programs = Path(temporary) / "pulumi"
        if (programs / "bin").is_dir():
            programs = programs / "bin"
        shutil.rmtree(folder, ignore_errors=True)
        programs.rename(folder)


def _download(url: str, deadline: float) -> bytes:
    chunks = []
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:  # noqa: S310  # https, from this module
            while chunk := response.read(1 << 20):
                if time.monotonic() > deadline:
                    raise LocalError("The Pulumi release could not be downloaded.", why=f"{url} is too slow.")
                chunks.append(chunk)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise LocalError("The Pulumi release could not be downloaded.", why=f"{url}: {reason}") from error
    return b"".join(chunks)
