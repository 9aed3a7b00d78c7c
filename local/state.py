"""The one folder that holds everything the laptop cloud remembers."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
STACK = "local"
ACCOUNT = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True)
class State:
    """A state folder: `<repository>/.rendio`, or wherever `RENDIO_STATE` points.

    Each daemon keeps to its own sub-folder. Two folders never share a port, a process or a file, so
    two clones, or a test and the stack beside it, run at the same time.
    """

    root: Path

    @classmethod
    def default(cls) -> State:
        """The folder of this clone. `RENDIO_STATE` overrides it."""
        return cls(Path(os.environ.get("RENDIO_STATE") or REPOSITORY / ".rendio").resolve())

    @property
    def ministack(self) -> Path:
        return self.root / "ministack"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def pulumi(self) -> Path:
        """The engine's home and its file back end."""
        return self.root / "pulumi"

    @property
    def provider(self) -> Path:
        """What the AWS provider keeps between commands."""
        return self.root / "provider"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What runs now: one JSON file a process, and the runner's lock."""
        return self.root / "run"

    @property
    def home(self) -> Path:
        """The HOME of every child: no profile, no credentials of the developer's."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials.json"

    @property
    def secrets(self) -> Path:
        """Values of secrets that this machine made up and must keep."""
        return self.root / "secrets.json"

    @property
    def project(self) -> Path:
        """The engine's view of the project file; it lies beside the effective config."""
        return self.root / "Pulumi.yaml"

    @property
    def config(self) -> Path:
        return self.root / f"Pulumi.{STACK}.yaml"

    @property
    def proof(self) -> Path:
        """Outcomes of the last test run, by test id, for `rendio proof`."""
        return self.root / "proof.json"

    def create(self) -> None:
        """Make the folders; readable by their owner alone, since keys lie in them."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            self.ministack,
            self.postgres,
            self.pulumi,
            self.provider,
            self.logs,
            self.run,
            self.home,
            self.temporary,
        ):
            folder.mkdir(mode=0o700, exist_ok=True)

    def exists(self) -> bool:
        return self.run.is_dir()

    def remove(self, *, keep: tuple[str, ...] = ("venv", "proof.json")) -> None:
        """Delete everything but `keep` and state folders inside this one (those of tests); an empty folder goes too."""
        if not self.root.is_dir():
            return
        for entry in self.root.iterdir():
            if entry.name in keep or (entry / "run").is_dir():
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        if not any(self.root.iterdir()):
            self.root.rmdir()


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; an empty one when there is no file or it was cut short."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step, so that a kill leaves the old file or the new one, never half of either."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(name).replace(path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_private(path, json.dumps(content, indent=2, sort_keys=True) + "\n")
