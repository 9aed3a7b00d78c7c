"""Zips are the same bytes from run to run, small, whole, and say what is missing."""

from __future__ import annotations

import ast
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.access_model import MODEL_IN_ZIP, AccessModelInput
from infra.config import Functions
from infra.errors import PackagingError
from infra.function_catalogue import CATALOGUE, FunctionSpec
from infra.packaging import WheelCache, ZipPackages
from tests.infra.resource_tree import ROOT

ON_AWS = Functions(runtime="python3.13", architecture="arm64", wheels="aarch64-manylinux_2_34")
# What Lambda's runtime brings, and which package an import comes from where the names differ.
OF_THE_RUNTIME = {"boto3", "botocore", "urllib3"}
DISTRIBUTIONS = {"PIL": "pillow", "psycopg_binary": "psycopg-binary"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout: one function, the shared code, a requirements file."""
    lambdas = tmp_path / "checkout" / "lambdas"
    for name in ("runtime", "me", "other", "requirements", "certificates"):
        (lambdas / name).mkdir(parents=True)
    (lambdas / "__init__.py").write_text("")
    (lambdas / "runtime" / "clients.py").write_text("CLIENT = 1\n")
    (lambdas / "me" / "handler.py").write_text("handler = None\n")
    (lambdas / "other" / "handler.py").write_text("handler = 1\n")
    (lambdas / "certificates" / "roots.pem").write_text("pem\n")
    (lambdas / "requirements" / "some.txt").write_text("some==1 --hash=sha256:00\n")
    return lambdas.parent


def packages_of(checkout: Path, cache: Path, **generated: dict[str, bytes]) -> ZipPackages:
    """Packages whose wheels are already in the cache."""
    wheels = WheelCache(ON_AWS, cache / "wheels")
    folder = cache / "wheels" / wheels.digest(checkout / "lambdas" / "requirements" / "some.txt")[:32]
    if not folder.exists():
        for name in (
            "some/__init__.py",
            "some/__pycache__/x.pyc",
            "some-1.dist-info/RECORD",
            "some/tests/test_it.py",
            "bin/tool",
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    return ZipPackages(ON_AWS, generated=generated, cache=cache, root=checkout)


def test_a_zip_holds_its_function_the_shared_code_and_its_wheels(checkout: Path, tmp_path: Path) -> None:
    path = packages_of(checkout, tmp_path / "cache", me={"lambdas/me/model.json": b"{}"}).zip("me", wheels="some")
    with zipfile.ZipFile(path) as bundle:
        assert bundle.namelist() == [
            "lambdas/__init__.py",
            "lambdas/certificates/roots.pem",
            "lambdas/me/handler.py",
            "lambdas/me/model.json",
            "lambdas/runtime/clients.py",
            "some/__init__.py",
        ]


def test_a_zip_is_byte_identical_from_run_to_run(checkout: Path, tmp_path: Path) -> None:
    first = packages_of(checkout, tmp_path / "one").zip("me", wheels="some")
    handler = checkout / "lambdas" / "me" / "handler.py"
    os.utime(handler, (time.time() - 90_000, time.time() - 90_000))
    handler.chmod(0o755)
    second = packages_of(checkout, tmp_path / "two").zip("me", wheels="some")
    assert first.read_bytes() == second.read_bytes()
    assert first.parent.name == second.parent.name


@pytest.mark.parametrize(
    ("file", "changes"), [("me/handler.py", True), ("runtime/clients.py", True), ("other/handler.py", False)]
)
def test_a_zip_changes_with_what_goes_in_and_with_nothing_else(
    checkout: Path, tmp_path: Path, file: str, changes: bool
) -> None:
    before = packages_of(checkout, tmp_path / "cache").zip("me", wheels="some")
    (checkout / "lambdas" / file).write_text("changed = True\n")
    after = packages_of(checkout, tmp_path / "cache").zip("me", wheels="some")
    assert (before != after) is changes


def test_a_generated_file_is_part_of_the_digest(checkout: Path, tmp_path: Path) -> None:
    one = packages_of(checkout, tmp_path, me={"lambdas/me/model.json": b"1"}).zip("me", wheels="some")
    two = packages_of(checkout, tmp_path, me={"lambdas/me/model.json": b"2"}).zip("me", wheels="some")
    assert one != two


def test_wheels_that_are_not_cached_and_not_to_be_had_are_named(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    packages = ZipPackages(ON_AWS, generated={}, cache=tmp_path / "empty", root=checkout)
    with pytest.raises(PackagingError) as caught:
        packages.zip("me", wheels="some")
    assert "lambdas/requirements/some.txt" in str(caught.value)
    assert "Run once with a package index within reach" in str(caught.value)
    assert not list((tmp_path / "empty" / "wheels").glob("*"))


@pytest.mark.parametrize(("function", "wheels"), [("nobody", "some"), ("me", "nothing")])
def test_a_missing_source_is_named(checkout: Path, tmp_path: Path, function: str, wheels: str) -> None:
    with pytest.raises(PackagingError, match=r"nobody|nothing"):
        packages_of(checkout, tmp_path).zip(function, wheels=wheels)


def test_a_zip_that_is_too_big_is_refused(checkout: Path, tmp_path: Path) -> None:
    (checkout / "lambdas" / "me" / "weights.bin").write_bytes(os.urandom(31 * 1024 * 1024))
    with pytest.raises(PackagingError, match=r"31\.\d MB, more than 30"):
        packages_of(checkout, tmp_path).zip("me", wheels="some")
    assert packages_of(checkout, tmp_path).zip("me", wheels="some", maximum_mb=32).is_file(), "its own bound counts"


def test_database_admins_zip_gets_the_model_it_will_be_asked_to_apply() -> None:
    model = AccessModelInput.of("dev")
    assert "0001_foundation" in model.schema_versions
    (content,) = (files[MODEL_IN_ZIP] for files in model.generated_files().values())
    assert b"images_select_own" in content
    assert model.as_input()["model_digest"] == model.model_digest
    assert model != AccessModelInput.of("prod")  # logins carry the stack's name


@pytest.mark.parametrize("spec", CATALOGUE, ids=[spec.id for spec in CATALOGUE])
def test_a_functions_wheels_hold_what_it_imports(spec: FunctionSpec) -> None:
    locked = (ROOT / "lambdas" / "requirements" / f"{spec.wheels}.txt").read_text()
    packages = {line.split("==")[0] for line in locked.splitlines() if "==" in line}
    needed = {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in third_party(spec)}
    assert needed <= packages, f"{spec.id} imports {needed - packages}, which {spec.wheels}.txt lacks"
    direct = {line.partition("[")[0] for line in _names(ROOT / "lambdas" / "requirements" / f"{spec.wheels}.in")}
    assert direct <= needed | {"aws-lambda-powertools"}, f"{spec.wheels}.in has more than {spec.id} imports"


def third_party(spec: FunctionSpec) -> set[str]:
    """The third-party packages that a function's modules import, through whatever of lambdas/ they import."""
    seen: set[Path] = set()
    waiting = sorted((ROOT / "lambdas" / spec.id).rglob("*.py"))
    assert waiting, f"lambdas/{spec.id} is empty"
    found: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in _imports(path):
            top = module.partition(".")[0]
            if top == "lambdas":
                base = ROOT.joinpath(*module.split("."))
                waiting += [file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()]
            elif top not in sys.stdlib_module_names | OF_THE_RUNTIME:
                found.add(top)
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module.startswith("lambdas"))


def _names(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
