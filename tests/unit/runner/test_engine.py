"""Only a whole, published, new enough engine is used."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from local.engine import build, installed, release
from local.errors import LocalError

PROGRAMS = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")


def install(folder: Path, *, version: str = "v3.250.0", without: str = "") -> None:
    folder.mkdir(exist_ok=True)
    for name in PROGRAMS:
        if name != without:
            (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
            (folder / name).chmod(0o755)


def test_an_installed_engine_with_its_language_host_is_found(tmp_path: Path) -> None:
    install(tmp_path / "bin")
    engine = installed.on_path(f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert engine is not None
    assert engine.version == "3.250.0"
    assert engine.folders == (tmp_path / "bin",)


@pytest.mark.parametrize("missing", PROGRAMS)
def test_an_engine_that_is_not_whole_is_passed_over(tmp_path: Path, missing: str) -> None:
    install(tmp_path / "bin", without=missing)
    assert installed.on_path(str(tmp_path / "bin")) is None


@pytest.mark.parametrize("version", ["v2.25.2", "v3.100.0", "nonsense"])
def test_an_engine_that_is_too_old_is_passed_over(tmp_path: Path, version: str) -> None:
    install(tmp_path / "bin", version=version)
    assert installed.on_path(f"{tmp_path / 'bin'}:/usr/bin:/bin") is None


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "linux-x64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-x64"),
    ],
)
def test_every_supported_machine_has_a_release(system: str, machine: str, name: str) -> None:
    assert release.archive_name(system, machine) == f"pulumi-v{installed.VERSION}-{name}.tar.gz"


def test_a_machine_without_a_release_is_told_so() -> None:
    with pytest.raises(LocalError, match="riscv64"):
        release.archive_name("Linux", "riscv64")


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    return buffer.getvalue()


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes, digest: str) -> None:
    listing = f"{'0' * 64}  another.tar.gz\n{digest}  {release.archive_name()}\n"
    answers = {release.CHECKSUMS: listing.encode(), release.ARCHIVE.format(name=release.archive_name()): content}
    monkeypatch.setattr(release, "_download", lambda url, _deadline: answers[url])


def test_a_release_with_the_published_checksum_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive("pulumi/pulumi", "pulumi/pulumi-language-python")
    serve(monkeypatch, content, hashlib.sha256(content).hexdigest())
    release.fetch(tmp_path / "engine", lambda _line: None)
    assert sorted(file.name for file in (tmp_path / "engine").iterdir()) == ["pulumi", "pulumi-language-python"]


def test_a_release_with_another_checksum_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, archive("pulumi/pulumi"), "f" * 64)
    with pytest.raises(LocalError, match="was published"):
        release.fetch(tmp_path / "engine", lambda _line: None)
    assert not list(tmp_path.iterdir())


def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(tarfile.FilterError):
        release.unpack(archive("pulumi/pulumi", "../escaped"), tmp_path / "engine")
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize(
    ("text", "version"),
    [("go version go1.26.8 linux/amd64", (1, 26)), ("go version go1.25 darwin/arm64", (1, 25)), ("devel", None)],
)
def test_the_version_of_go_is_read(text: str, version: tuple[int, int] | None) -> None:
    assert build.go_version(text) == version


def test_the_built_engine_is_the_version_that_is_looked_for() -> None:
    modules = (build.HERE / "cli" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{installed.VERSION}" in modules
    lock = (build.HERE.parents[1] / "requirements.txt").read_text()
    assert f"\npulumi=={installed.VERSION} " in lock
