"""The rules come from AWS's schemas: whatever a stack uses has a twin there, or a difference with its source."""

from __future__ import annotations

import functools

import pytest

from local.provider import checks
from local.provider.catalogue import Catalogue
from local.provider.sdk import Sdk
from local.provider.twins import leaves
from local.provider.values import Archive
from tests.infra.resource_tree import STACKS, Tree, build

REGION = "us-east-1"
TAGS = frozenset({"tags"})  # a map here, a list in CloudFormation
CATALOGUE = Catalogue()
SDK = Sdk(None)


@functools.cache
def tree(stack: str) -> Tree:
    return build(stack)


@pytest.mark.parametrize("stack", STACKS)
def test_whatever_a_stack_uses_has_a_twin_or_a_sourced_difference(stack: str) -> None:
    for registered in tree(stack).custom():
        resource = CATALOGUE.resource(registered.type)
        given = {name: value for name, value in registered.inputs.items() if name not in TAGS}
        for path, _ in leaves(given):
            rule = resource.twin.own_rule(path)
            assert rule or resource.twin.path(path, REGION), f"{registered.type} {path}"


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_passes_the_provider_s_checks(stack: str) -> None:
    for registered in tree(stack).custom():
        resource = CATALOGUE.resource(registered.type)
        inputs = {name: value for name, value in registered.inputs.items() if value is not None and name != "code"}
        if "code" in registered.inputs:
            inputs["code"] = Archive("archive", {})
        found = checks.problems(resource, inputs, SDK.describe(registered.type), REGION)
        assert not found, f"{registered.urn}: {found}"


@pytest.mark.parametrize("type_", CATALOGUE.tokens())
def test_a_property_that_is_handled_exists_and_has_a_rule(type_: str) -> None:
    resource, described = CATALOGUE.resource(type_), SDK.describe(type_)
    assert resource.handles <= set(described["inputs"])
    assert resource.unreadable | resource.documents <= resource.handles
    for name in resource.handles - TAGS:
        assert resource.twin.own_rule(name) or resource.twin.path(name, REGION), name


@pytest.mark.parametrize("type_", CATALOGUE.tokens())
def test_a_difference_from_cloudformation_says_where_it_is_written(type_: str) -> None:
    for path, rule in CATALOGUE.resource(type_).twin.own.items():
        assert rule.because, path
        assert rule.source, path
