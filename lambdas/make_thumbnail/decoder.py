"""The decoder, in a process of its own that is ended when it takes too long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lambdas.runtime.observability import log

SECONDS = 15.0
MAXIMUM_JPEG_BYTES = 2 * 1024 * 1024
_JPEG = b"\xff\xd8\xff"


def picture(file: Path, *, seconds: float = SECONDS) -> bytes | None:
    """A JPEG of the video's first second, or None when the decoder finds none, dies or is late."""
    command = [sys.executable, "-m", "lambdas.make_thumbnail.frame", str(file)]
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        log().warning("no picture", reason="out of time")
        return None
    if done.returncode != 0 or not done.stdout.startswith(_JPEG) or len(done.stdout) > MAXIMUM_JPEG_BYTES:
        # The error's class alone: what a decoder says repeats what is in the file.
        reason = done.stderr.decode("ascii", "replace").strip().splitlines()[-1:] if done.returncode == 1 else []
        log().warning("no picture", status=done.returncode, reason=reason[0][:80] if reason else "the decoder died")
        return None
    return done.stdout
