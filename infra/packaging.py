"""The zips of the functions: the same bytes from every run and every machine (docs/adr/0023-packaging.md).

A zip holds `lambdas/runtime`, the function's own folder, third-party wheels at its root, and files generated for it.
Wheels are installed for the function's runtime and architecture, by locked hashes, into a cache outside the checkout;
zips are cached there too, by the digest of what goes in.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pulumi

from infra.config import Functions as FunctionsConfig
from infra.errors import PackagingError

ROOT = Path(__file__).resolve().parent.parent
MAXIMUM_MB = 30
_FORMAT = "1"  # raise it when the same sources shall make other bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold
_FILE_MODE = 0o100644 << 16

# What an installation writes about itself (RECORD lists scripts whose first line holds this machine's path), and what
# no function imports. boto3 comes with Lambda's runtime.
_LEFT_OUT_FOLDERS = frozenset({"__pycache__", "bin", "tests"})
_LEFT_OUT_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", ".lock"})
_LEFT_OUT_SUFFIXES = (".pyc", ".pyi", ".pyx", ".c", ".h")


class WheelCache:
    """Third-party packages of one requirements file, unpacked once for each platform."""

    def __init__(self, config: FunctionsConfig, cache: Path) -> None:
        self._config, self._cache = config, cache

    def digest(self, requirements: Path) -> str:
        locked = requirements.read_bytes()
        return _digest(_FORMAT.encode(), self._config.runtime.encode(), self._config.wheels.encode(), locked)

    def folder(self, requirements: Path) -> Path:
        """Where the packages of `requirements` lie, installing them if this is the first time.

        Raises:
            PackagingError: they are not cached and cannot be fetched.
        """
        folder = self._cache / self.digest(requirements)[:32]
        if folder.is_dir():
            return folder
        where, version = self._config.wheels, self._config.runtime.removeprefix("python")
        print(f"fetching wheels of {requirements.stem} for Python {version} on {where}", file=sys.stderr, flush=True)
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache, prefix="new-") as scratch:
            target = Path(scratch) / "packages"
            self._install(requirements, target, version)
            try:
                target.rename(folder)
            except OSError:  # another run was first; its folder has the same content
                if not folder.is_dir():
                    raise
        return folder

    def _install(self, requirements: Path, target: Path, version: str) -> None:
        command = [
            *_uv(), "pip", "install", "--quiet", "--no-config", "--target", str(target),
            "--python-version", version, "--python-platform", self._config.wheels,
            "--require-hashes", "--only-binary", ":all:", "--no-compile-bytecode", "--link-mode", "copy",
            "--requirement", str(requirements),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PackagingError(
                f"the wheels of lambdas/requirements/{requirements.name} are not cached in {self._cache} and could not "
                f"be fetched for Python {version} on {self._config.wheels}: {_last_lines(done.stderr)}\n"
                "Run once with a package index within reach; later runs need none."
            )


class ZipPackages:
    """Builds and caches the zip of each function of a stack.

    Args:
        generated: for a function's id, files made for it: path inside the zip to content.
        root: the checkout that holds lambdas/.
    """

    def __init__(
        self,
        config: FunctionsConfig,
        *,
        generated: Mapping[str, Mapping[str, bytes]],
        cache: Path | None = None,
        root: Path = ROOT,
    ) -> None:
        self._cache = cache_folder() if cache is None else cache
        self._wheels = WheelCache(config, self._cache / "wheels")
        self._generated, self._root = generated, root

    def archive(self, function: str, *, wheels: str, maximum_mb: int) -> pulumi.Archive:
        return pulumi.FileArchive(str(self.zip(function, wheels=wheels, maximum_mb=maximum_mb)))

    def zip(self, function: str, *, wheels: str, maximum_mb: int = MAXIMUM_MB) -> Path:
        """The zip of `function`, with the packages of lambdas/requirements/<wheels>.txt.

        Raises:
            PackagingError: a source is missing, wheels cannot be had, or the zip is too big.
        """
        requirements = self._root / "lambdas" / "requirements" / f"{wheels}.txt"
        if not requirements.is_file():
            raise PackagingError(f"lambdas/requirements/{wheels}.txt, for function {function}, does not exist")
        own = dict(self._sources(function))
        parts = [part for name in sorted(own) for part in (str(name).encode(), own[name])]
        digest = _digest(self._wheels.digest(requirements).encode(), *parts)
        path = self._cache / "zips" / digest[:32] / f"{function}.zip"
        if not path.is_file():
            files = {**dict(_packages(self._wheels.folder(requirements))), **own}
            _write_zip(path, files)
        size = path.stat().st_size
        if size > maximum_mb * 1024 * 1024:
            raise PackagingError(f"the zip of {function} has {size / 2**20:.1f} MB, more than {maximum_mb}: {path}")
        return path

    def _sources(self, function: str) -> Iterator[tuple[PurePosixPath, bytes]]:
        lambdas = self._root / "lambdas"
        if not (lambdas / function / "handler.py").is_file():
            raise PackagingError(f"lambdas/{function}/handler.py does not exist")
        yield PurePosixPath("lambdas/__init__.py"), _content(lambdas / "__init__.py")
        sources = [path for folder in ("runtime", function) for path in _files(lambdas / folder)]
        for path in [*sources, *sorted((lambdas / "certificates").glob("*.pem"))]:
            yield PurePosixPath(path.relative_to(self._root).as_posix()), path.read_bytes()
        for name, content in self._generated.get(function, {}).items():
            yield PurePosixPath(name), content


def cache_folder() -> Path:
    """Outside the checkout, so that a fresh clone finds what an earlier one fetched."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "rendioai"


def _packages(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    for path in _files(folder):
        yield PurePosixPath(path.relative_to(folder).as_posix()), path.read_bytes()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        unwanted = _LEFT_OUT_FOLDERS.intersection(inside.parts) or path.name in _LEFT_OUT_FILES
        if path.is_file() and not unwanted and not path.name.endswith(_LEFT_OUT_SUFFIXES):
            yield path


def _write_zip(path: Path, files: Mapping[PurePosixPath, bytes]) -> None:
    """Same files, same bytes: fixed dates, modes, order and compression. Readers never see half a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle,
    ):
        for name in sorted(files, key=str):
            entry = zipfile.ZipInfo(str(name), _EPOCH)
            entry.external_attr = _FILE_MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever this runs
            bundle.writestr(entry, files[name])
    Path(part.name).replace(path)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _digest(*parts: bytes) -> str:
    """SHA-256 over the parts and their lengths, so that moving a byte from one to the next is another digest."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.hexdigest()


def _uv() -> list[str]:
    """uv of this interpreter's environment, else the one on PATH."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise PackagingError("uv is not installed; run `pip install -r requirements.txt`")
    return [found]


def _last_lines(text: str, count: int = 4) -> str:
    """The end of a tool's complaint; credentials of a package index, in its URL, stay out."""
    lines = [line.strip() for line in text.splitlines() if line.strip()][-count:]
    return re.sub(r"//[^/@\s]+@", "//***@", " / ".join(lines))
