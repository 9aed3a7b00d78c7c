"""For all levels: the plan's ids, and no test ever sees the developer's AWS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.plan import Proof, ids_of

# Before any test imports boto3: nothing of the shell's AWS or Pulumi reaches a test or what it starts.
for _name in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
    del os.environ[_name]
os.environ |= {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("plan")
    group.addoption("--record-proof", metavar="FILE", help="write each test's outcome to this file")
    group.addoption("--proof", metavar="FILE", help="print which test proves which plan id, with outcomes of this file")


def pytest_configure(config: pytest.Config) -> None:
    record, show = config.getoption("--record-proof"), config.getoption("--proof")
    config.pluginmanager.register(Proof(Path(record) if record else None, Path(show) if show else None), "plan-proof")


def pytest_itemcollected(item: pytest.Item) -> None:
    ids_of(item)
