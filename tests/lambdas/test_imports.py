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
took = []
for modules in {groups!r}:
    began = time.process_time()
    for name in modules:
        __import__(name)
    took.append(time.process_time() - began)
packages = {{name.partition(".")[0] for name, module in sys.modules.items()
             if "site-packages" in str(getattr(module, "__file__", "") or "") and not name.startswith("_distutils")}}
print(json.dumps({{"took": took, "packages": sorted(packages), "names": sorted(sys.modules)}}))
"""


@dataclass(frozen=True)
class Loaded:
    """What imports brought in: each group's processor time in seconds, third-party packages, all modules."""

    took: tuple[float, ...]
    packages: frozenset[str]
    names: frozenset[str]


def imported(folder: Path, *groups: tuple[str, ...]) -> Loaded:
    """Import group after group in a new interpreter that sees `folder` and the packages, and no environment."""
    script = IMPORT.format(path=[str(folder), sysconfig.get_path("purelib")], groups=groups)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False, env={}, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return Loaded(tuple(answer["took"]), frozenset(answer["packages"]), frozenset(answer["names"]))


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
    loaded, runtime = imported(folder, (handler(function),)), imported(folder, ("boto3",))
    assert loaded.packages <= allowed_modules(function) | runtime.packages
    ours = {name.split(".")[1] for name in loaded.names if name.startswith("lambdas.")}
    assert ours == {"runtime", function}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_importing_a_function_takes_little_longer_than_importing_its_sdks(function: str, zip_of: ZipOf) -> None:
    """Its SDKs and then the function, in one process: the second time is what the function itself adds."""
    folder, sdks = zip_of(function), (*POWERTOOLS, *FUNCTIONS[function][1])
    alone = imported(folder, (handler(function),))  # writes the byte code, too
    assert set(sdks) <= alone.names, "these are the SDKs that it imports"
    rounds = [imported(folder, sdks, (handler(function),)).took for _ in range(ROUNDS)]
    ratio = min((first + further) / first for first, further in rounds)
    assert ratio <= AT_MOST, f"{ratio:.2f}"


def handler(function: str) -> str:
    return f"lambdas.{function}.handler"
