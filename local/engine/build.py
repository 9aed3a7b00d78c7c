"""The engine built from source, with the module versions and sums committed beside this file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from local.engine.installed import HOST, VERSION
from local.errors import LocalError

HERE = Path(__file__).resolve().parent
COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LANGUAGE = f"github.com/pulumi/pulumi/sdk/v3/python/cmd/{HOST}"
SDK = "github.com/pulumi/pulumi/sdk/v3"
OLDEST_GO = (1, 25)
BUILD_SECONDS = 1800.0


def build(folder: Path, say: Callable[[str], None]) -> None:
    """Put `pulumi`, its Python language host and the host's start script into `folder`, all or none.

    Takes about five minutes on two cores the first time, with about 1.5 GB of Go's caches.

    Raises:
        LocalError: Go is missing, too old, or the build failed.
    """
    go = _go()
    log = folder.parent / f"{folder.name}-build.log"
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pulumi-") as temporary:
        target = Path(temporary) / "out"
        target.mkdir()
        with log.open("w") as output:
            say("building Pulumi's Python language host with Go")
            _run(
                [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(target / HOST), LANGUAGE], "language", output
            )
            say(f"building Pulumi {VERSION} with Go: about 5 minutes, once for this machine")
            flags = f"-s -w -X {SDK}/go/common/version.Version=v{VERSION}"
            _run([go, "build", "-trimpath", "-ldflags", flags, "-o", str(target / "pulumi"), COMMAND], "cli", output)
        script = target / f"{HOST}-exec"
        # Of the command-line tool's version: the older host's own script prints a traceback after a failed update.
        shutil.copyfile(_module_folder(go, SDK) / "python" / "cmd" / f"{HOST}-exec", script)
        script.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        target.rename(folder)
    log.unlink()


def go_version(text: str) -> tuple[int, int] | None:
    """(1, 26) of `go version go1.26.8 linux/amd64`."""
    match = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(match.group(1)), int(match.group(2))) if match else None


def _go() -> str:
    found = shutil.which("go") or next(
        (path for path in ("/usr/local/go/bin/go", "/opt/homebrew/bin/go") if os.access(path, os.X_OK)), None
    )
    if found is None:
        raise LocalError("Pulumi cannot be built.", why="Go is not installed.")
    answer = subprocess.run([found, "version"], capture_output=True, text=True, check=False, env=_environment())
    version = go_version(answer.stdout)
    if version is None or version < OLDEST_GO:
        wanted = ".".join(map(str, OLDEST_GO))
        raise LocalError("Pulumi cannot be built.", why=f"{found} is older than Go {wanted}.")
    return found


def _run(command: list[str], module: str, output: IO[str]) -> None:
    folder = HERE / module
    try:
        subprocess.run(
            command, cwd=folder, env=_environment(), stdout=output, stderr=output, timeout=BUILD_SECONDS, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        log = Path(output.name)
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise LocalError(
            "Pulumi could not be built with Go.", why=lines[-1] if lines else str(error), log=log
        ) from error


def _module_folder(go: str, module: str) -> Path:
    answer = subprocess.run(
        [go, "list", "-m", "-f", "{{.Dir}}", module],
        cwd=HERE / "cli",
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(answer.stdout.strip())


def _environment() -> dict[str, str]:
    """The person's own, for Go's caches, proxy and certificates; nothing that is AWS's or Pulumi's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
    # Readonly: what go.mod and go.sum do not name is an error, not a download.
    return {**kept, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
