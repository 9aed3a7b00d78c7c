"""Each function imports by itself, needs only what its zip and Lambda's runtime hold, and starts about as fast as
the SDKs it cannot do without."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lambdas.catalogue import FUNCTIONS, POWERTOOLS, ROOT, allowed_modules

ZipOf = Callable[[str], Path]

ROUNDS = 2
AT_MOST = 1.3

IMPORT = """
import sys, json, time
sys.path[:0] = {path!r}
began = time.process_time()
for name in {modules!r}:
    __import__(name)
took = time.process_time() - began
packages = {{name.partition(".")[0] for name, module in sys.modules.items()
             if "site-packages" in str(getattr(module, "__file__", "") or "") and not name.startswith("_distutils")}}
print(json.dumps({{"took": took, "packages": sorted(packages), "lambdas": sorted(
    name for name in sys.modules if name.startswith("lambdas."))}}))
"""


@dataclass(frozen=True)
class Loaded:
    """What an import brought in: its processor time in seconds, third-party packages, modules of ours."""

    took: float
    packages: frozenset[str]
    ours: frozenset[str]


def imported(folder: Path, *modules: str) -> Loaded:
    """Import in a new interpreter that sees nothing but `folder`, the packages and an empty environment."""
    script = IMPORT.format(path=[str(folder), sysconfig.get_path("purelib")], modules=list(modules))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False, env={}, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return Loaded(answer["took"], frozenset(answer["packages"]), frozenset(answer["lambdas"]))


@pytest.fixture
def zip_of(tmp_path: Path) -> ZipOf:
    """What a function's zip holds of our own code, and nothing of the others'."""

    def make(function: str) -> Path:
        lambdas = tmp_path / "lambdas"
        for name in ("runtime", function):
            shutil.copytree(ROOT / "lambdas" / name, lambdas / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "lambdas" / "__init__.py", lambdas)
        return tmp_path

    return make


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_with_no_settings_and_only_its_own_packages(function: str, zip_of: ZipOf) -> None:
    folder = zip_of(function)
    loaded, runtime = imported(folder, f"lambdas.{function}.handler"), imported(folder, "boto3")
    assert loaded.packages <= allowed_modules(function) | runtime.packages


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_no_other_functions_code(function: str, zip_of: ZipOf) -> None:
    loaded = imported(zip_of(function), f"lambdas.{function}.handler")
    assert {name.split(".")[1] for name in loaded.ours} == {"runtime", function}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_importing_a_function_takes_little_longer_than_importing_its_sdks(function: str, zip_of: ZipOf) -> None:
    """Processor time, the best of some rounds of each, taken in turn: both meet the same machine."""
    folder = zip_of(function)
    sdks = (*POWERTOOLS, *FUNCTIONS[function][1])
    imported(folder, f"lambdas.{function}.handler", *sdks)  # writes the byte code
    times: dict[str, list[float]] = {"sdks": [], "handler": []}
    for _ in range(ROUNDS):
        times["sdks"].append(imported(folder, *sdks).took)
        times["handler"].append(imported(folder, f"lambdas.{function}.handler").took)
    ratio = min(times["handler"]) / min(times["sdks"])
    assert ratio <= AT_MOST, f"{ratio:.2f}"
