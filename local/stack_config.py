"""The effective `Pulumi.local.yaml`: the committed one with this machine's ports, keys, runtime and wheels.

The committed file pins loopback, so that a plain `pulumi up -s local` reaches nothing else. The runner
never writes to it: the engine works in the state folder, where its project file points back at the program.
"""

from __future__ import annotations

import copy
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from local.errors import LocalError
from local.state import REPOSITORY, STACK, State, write_private

ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
# uv's names of platforms; the functions run on this machine's own system library, not on Amazon Linux's.
WHEELS = {
    ("Linux", "x86_64"): "x86_64-unknown-linux-gnu",
    ("Linux", "arm64"): "aarch64-unknown-linux-gnu",
    ("Darwin", "x86_64"): "x86_64-apple-darwin",
    ("Darwin", "arm64"): "aarch64-apple-darwin",
}


@dataclass(frozen=True)
class Machine:
    """What the functions' packages must fit.

    Attributes:
        runtime: Lambda's name of the interpreter at hand, `python3.13`.
        architecture: Lambda's name of the processor, `x86_64` or `arm64`.
        wheels: uv's name of the platform.
    """

    runtime: str
    architecture: str
    wheels: str

    @classmethod
    def here(cls, runtime: str) -> Machine:
        """This machine. Raises LocalError when there are no wheels for it."""
        architecture = ARCHITECTURES.get(platform.machine().lower(), platform.machine())
        wheels = WHEELS.get((platform.system(), architecture))
        if wheels is None:
            raise LocalError(
                f"The local stack does not run on {platform.system()} on {platform.machine()}.",
                fix="Use Linux or macOS on x86-64 or arm64.",
            )
        return cls(runtime, architecture, wheels)


@dataclass(frozen=True)
class Endpoints:
    """Where the laptop cloud listens: whole URLs."""

    aws: str
    apple: str
    fal: str
    fal_cdn: str


def effective(
    committed: dict[str, Any], *, endpoints: Endpoints, machine: Machine, access_key: str, previous: dict[str, Any]
) -> dict[str, Any]:
    """The committed file's content with what differs from machine to machine.

    Args:
        previous: the effective file of the run before, whose encryption salt and encrypted key are kept.
    """
    content = copy.deepcopy(committed)
    config = content.setdefault("config", {})
    config["aws:endpoints"] = [dict.fromkeys(services, endpoints.aws) for services in config.get("aws:endpoints", [{}])]
    config["aws:accessKey"] = access_key
    device_check = config.get("rendio:device_check")
    if isinstance(device_check, dict):
        device_check["apple_url"] = endpoints.apple
    generator = config.get("rendio:generator")
    if isinstance(generator, dict):
        generator.update(
            queue_url=endpoints.fal,
            storage_url=endpoints.fal,
            jwks_url=f"{endpoints.fal}/.well-known/jwks.json",
            video_origins=[endpoints.fal_cdn],
        )
    functions = config.get("rendio:functions")
    if isinstance(functions, dict):
        functions.update(runtime=machine.runtime, architecture=machine.architecture, wheels=machine.wheels)
    secret = previous.get("config", {}).get("aws:secretKey")
    if isinstance(secret, dict):
        config["aws:secretKey"] = secret
    if "encryptionsalt" in previous:
        content["encryptionsalt"] = previous["encryptionsalt"]
    return content


def project(committed: dict[str, Any], *, repository: Path = REPOSITORY) -> dict[str, Any]:
    """The project as the engine sees it from the state folder: same name, the program by its whole path.

    The virtualenv is the runner's own, first on PATH; options that name another are left out.
    """
    program = (repository / str(committed.get("main", "."))).resolve()
    seen = {key: value for key, value in committed.items() if key in ("name", "description", "config")}
    # The language host tells a folder from a file by the slash.
    return {**seen, "runtime": "python", "main": f"{program}/" if program.is_dir() else str(program)}


def read(path: Path) -> dict[str, Any]:
    """A YAML file's map; an empty one when there is no file.

    Raises:
        LocalError: it is no YAML map.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise LocalError(f"{path.name} cannot be read.", why=str(error), fix=f"Correct {path}.") from error
    if content is not None and not isinstance(content, dict):
        raise LocalError(f"{path.name} cannot be read.", why="It is not a map of keys.", fix=f"Correct {path}.")
    return content or {}


def write_project(state: State, *, repository: Path = REPOSITORY) -> str:
    """Write the engine's project file and return the project's name."""
    committed = read(repository / "Pulumi.yaml")
    if "name" not in committed:
        raise LocalError(f"{repository / 'Pulumi.yaml'} names no project.", fix="Restore the file with git.")
    write_private(state.project, yaml.safe_dump(project(committed, repository=repository), sort_keys=False))
    return str(committed["name"])


def write_config(
    state: State,
    *,
    endpoints: Endpoints,
    machine: Machine,
    access_key: str,
    changes: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    repository: Path = REPOSITORY,
) -> None:
    """Write the effective config of the stack; `changes` are values that differ from the committed, by section."""
    committed = read(repository / f"Pulumi.{STACK}.yaml")
    for section, values in changes.items():
        committed["config"][section] = {**committed["config"].get(section, {}), **values}
    content = effective(
        committed, endpoints=endpoints, machine=machine, access_key=access_key, previous=read(state.config)
    )
    write_private(state.config, yaml.safe_dump(content, sort_keys=False))
