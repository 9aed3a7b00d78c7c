"""Environments of child processes, built from nothing.

Nothing of the developer's shell passes but what is listed here: no AWS_*, no profile, no SSO, no metadata
service, no PULUMI_*, no PYTHON*. What is passed serves package downloads alone (`NETWORK`), and only the
programs that download get it.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from local.state import REGION, REPOSITORY, State

NETWORK = (
    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
    "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_CACHE_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_OFFLINE",
)  # fmt: skip

# Every SDK that looks beyond its explicit endpoint and keys finds nothing.
NO_AWS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}

CHILD_OF = "RENDIO_CHILD_OF"


def cache_home(environment: Mapping[str, str] | None = None) -> Path:
    """Where tools and wheels are kept between clones: `$XDG_CACHE_HOME`, else `~/.cache`."""
    given = (os.environ if environment is None else environment).get("XDG_CACHE_HOME")
    return Path(given) if given else Path.home() / ".cache"


def tool_cache() -> Path:
    """This project's own corner of the cache, outside the checkout."""
    return cache_home() / "rendioai"


def network(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child needs in order to reach package registries the way this machine does; loopback stays direct."""
    source = os.environ if environment is None else environment
    passed = {name: source[name] for name in NETWORK if name in source}
    return {**passed, "NO_PROXY": "127.0.0.1,localhost,::1", "no_proxy": "127.0.0.1,localhost,::1"}


def base(state: State, *, path: tuple[Path, ...] = ()) -> dict[str, str]:
    """The least a program runs with: PATH, a HOME of its own, a locale, a TMPDIR in the state folder.

    Args:
        path: folders that come before the virtualenv's and the system's.
    """
    folders = [str(folder) for folder in path]
    folders += [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    return {
        "PATH": os.pathsep.join(dict.fromkeys(folders)),
        "HOME": str(state.home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(state.temporary),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "RENDIO_STATE": str(state.root),
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
        **NO_AWS,
    }


def daemon(state: State, **more: str) -> dict[str, str]:
    """The environment of a daemon of the laptop cloud; by its mark one is known whose record was lost."""
    return {**base(state), CHILD_OF: str(state.root), **more}


def engine(state: State, *, tools: tuple[Path, ...], passphrase: str, provider_port: int | None) -> dict[str, str]:
    """The environment of the Pulumi engine, its language host and the program.

    Args:
        tools: folders of the engine's own binaries.
        passphrase: of the stack's secrets.
        provider_port: where the AWS provider listens on loopback; None for commands that need none.
    """
    environment = {
        **base(state, path=(Path(sys.executable).parent, *tools)),
        **network(),
        # The program caches what it downloads for the functions' packages beside the runner's own cache.
        "XDG_CACHE_HOME": str(cache_home()),
        "PULUMI_HOME": str(state.pulumi / "home"),
        # Without files of attributes: one that a killed engine left empty would hide the whole state.
        "PULUMI_BACKEND_URL": f"{state.pulumi.as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Without it the engine downloads the real provider, 200 MB, even though one is attached.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # The language host lists the program's packages with pip, which would ask the index for a newer pip.
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # Makes `--event-log` known, from which progress and drift are read.
        "PULUMI_DEBUG_COMMANDS": "true",
        # Versions of the stack file are kept by the back end; compressing them would only cost time.
        "PULUMI_DIY_BACKEND_GZIP": "false",
    }
    if provider_port is not None:
        environment["PULUMI_DEBUG_PROVIDERS"] = f"aws:{provider_port}"
    return environment


def shell_exports(values: Mapping[str, str]) -> str:
    """`export NAME=value` lines that any POSIX shell evaluates to exactly these values."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def aws_client_settings(endpoint: str, access_key: str, secret_key: str) -> dict[str, str]:
    """What the AWS CLI and SDKs read, pointing at the laptop cloud with one user's keys and at nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        **NO_AWS,
    }
