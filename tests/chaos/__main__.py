"""`./rendio chaos [NAME …] [--short] [--set NAME=JSON] [--folder FOLDER] [--anew]`: runs experiments."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from lambdas.runtime import clients
from tests import chaos
from tests.chaos.record import Figure, Record
from tests.lambdas.video_worker import Tokens

# As the tests' own conftest does, for functions that run in this process.
_ENVIRONMENT = {
    "STACK": "local",
    "POWERTOOLS_SERVICE_NAME": "chaos",
    "POWERTOOLS_METRICS_NAMESPACE": "Rendio",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
}
FOLDER = Path(__file__).resolve().parents[2] / ".rendio" / "chaos"


def experiments() -> dict[str, ModuleType]:
    """The modules of this package that are one, by name."""
    names = [module.name for module in pkgutil.iter_modules(chaos.__path__) if not module.name.startswith("_")]
    modules = {name: importlib.import_module(f"tests.chaos.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "run")}


def main() -> int:
    os.environ.update(_ENVIRONMENT)
    clients.rds = Tokens  # type: ignore[assignment]  # this Postgres asks for no login tokens
    found = experiments()
    parser = argparse.ArgumentParser(prog="rendio chaos", description=chaos.__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(found)}; all when none is given")
    parser.add_argument("--short", action="store_true", help="the small version that `make test` holds")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where it keeps its state and the report")
    parser.add_argument("--anew", action="store_true", help="forget what an earlier run did")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=JSON", type=_setting,
        help="another value of an experiment's parameter, such as minute_seconds=4 for a machine that is busy",
    )  # fmt: skip
    asked = parser.parse_args()
    asked.names = [name.replace("-", "_") for name in asked.names]
    if unknown := set(asked.names) - found.keys():
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    folder = asked.folder / ("short" if asked.short else "long")
    if asked.anew:
        for name, module in found.items():
            if hasattr(module, "stop"):
                module.stop(folder / name)
        shutil.rmtree(folder, ignore_errors=True)
    chosen = {name: found[name] for name in asked.names or found}
    changed = dict(asked.set)
    if unknown := changed.keys() - {name for module in chosen.values() for name in module.LONG}:
        parser.error(f"no such parameter: {', '.join(sorted(unknown))}")
    sections, all_met = [], True
    for name, module in chosen.items():
        parameters = module.SHORT if asked.short else module.LONG
        parameters = {key: changed.get(key, value) for key, value in parameters.items()}
        figures, seconds = _run(name, module, folder / name, parameters)
        all_met = all_met and all(figure.met for figure in figures)
        sections.append(_section(name, module, figures, seconds))
        _write(folder / "report.md", sections)
    print(f"report: {folder / 'report.md'}", file=sys.stderr)
    return 0 if all_met else 1


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


def _run(name: str, module: ModuleType, folder: Path, parameters: dict[str, Any]) -> tuple[list[Figure], float]:
    print(f"{name}: {module.TITLE}", file=sys.stderr, flush=True)
    began, record = time.monotonic(), Record(folder, quiet=False)
    record.begin(parameters)
    figures: list[Figure] = module.run(record, **parameters)
    record.write(figures)
    for figure in figures:
        print(f"  {'✓' if figure.met else '✗'} {figure.name}: {figure.value} ({figure.bound})", file=sys.stderr)
    return figures, time.monotonic() - began


def _section(name: str, module: ModuleType, figures: list[Figure], seconds: float) -> str:
    rows = [f"| {figure.name} | {figure.value} | {figure.bound} | {'✓' if figure.met else '✗'} |" for figure in figures]
    table = "\n".join(["| Figure | Measured | Wanted | |", "|---|---|---|---|", *rows])
    return f"## {name}\n{module.TITLE}\n\n{table}\n\nThis run took {seconds:.0f} s."


def _write(path: Path, sections: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# Chaos, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    path.write_text("\n\n".join([head, *sections]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
