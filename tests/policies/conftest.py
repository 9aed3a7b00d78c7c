"""Every AWS document of a stack, rendered without a cloud, an engine or credentials."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.names import Names
from policies.model.documents import Documents, templates
from policies.review import stacks
from policies.review.stacks import REPOSITORY, Stack

Document = dict[str, Any]
ACCOUNT = "111111111111"
STACKS = ("local", "dev", "prod")
PROGRAM = ("infra", "policies", "lambdas", "Pulumi.local.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml")


def names_of(stack: str) -> Names:
    return Names(stack=stack, region="us-east-1", account=ACCOUNT)


def parameters_of(template: str, names: Names) -> list[dict[str, str | list[str]]]:
    """The parameter sets that infra/ renders a template with; most take none."""
    match template:
        case "buckets/user_bucket.json.j2":
            return [{"bucket": names.images_bucket}, {"bucket": names.videos_bucket}]
        case "queues/dead_letters.json.j2":
            return [
                {"queue": names.inspect_image_dlq, "sender": names.function_role("inspect_image")},
                {"queue": names.schedules_dlq, "sender": names.scheduler_role},
            ]
        case "iam/deployer.json.j2":
            return [{"buckets_that_go": []}, {"buckets_that_go": [f"{names.prefix}-*"]}]
        case "topics/alarms.json.j2":
            return [{"topic": names.page_topic}, {"topic": names.notify_topic}]
        case "iam/people_trust.json.j2":
            return [{"people": [f"arn:aws:iam::{ACCOUNT}:role/ada"]}]
        case _:
            return [{}]


@functools.cache
def rendered(stack: str) -> dict[str, str]:
    """Template and number of parameter set to text, such as "iam/me.json.j2#0"."""
    names = names_of(stack)
    documents = Documents(names.context())
    return {
        f"{template}#{number}": documents.render(template, **parameters)
        for template in templates()
        for number, parameters in enumerate(parameters_of(template, names))
    }


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def models() -> dict[str, Stack]:
    """The access model of every stack, as the program of this checkout makes it."""
    return stacks.load()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a stack is rendered from, to change."""
    for name in PROGRAM:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "previews"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


@pytest.fixture
def document() -> Callable[[str], Document]:
    """The document of a template on stack dev, parsed."""

    def parsed(template: str, number: int = 0) -> Document:
        content: Document = json.loads(rendered("dev")[f"{template}#{number}"])
        return content

    return parsed


def statements(document: Document) -> list[dict[str, Any]]:
    found = document["Statement"]
    assert isinstance(found, list)
    return found


def listed(value: Any) -> list[str]:
    """IAM allows a single value where a list may stand."""
    return value if isinstance(value, list) else [value]
