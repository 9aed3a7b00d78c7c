"""Saved queries ask the logs of every function that there is, and of no other: one missing group refuses them whole."""

from __future__ import annotations

import pytest

from infra.log_queries import LOG_QUERIES
from tests.infra.conftest import TreeOf
from tests.infra.resource_tree import Tree, in_phase

QUERY = "aws:cloudwatch/queryDefinition:QueryDefinition"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
FUNCTION = "aws:lambda/function:Function"


def groups_of_functions(tree: Tree) -> list[str]:
    functions = {function.name for function in tree.of_type(FUNCTION)}
    return sorted(group.inputs["name"] for group in tree.of_type(GROUP) if group.name in functions)


@pytest.mark.plan("M16")
@pytest.mark.parametrize("phase", ["compatible", "enforced", "removed"])
def test_each_query_asks_the_functions_that_the_phase_has(phase: str) -> None:
    tree = in_phase(phase)
    groups = groups_of_functions(tree)
    assert ("/aws/lambda/rendio-dev-upload-image-anonymous" in groups) is (phase != "removed")
    found = tree.of_type(QUERY)
    assert len(found) == len(LOG_QUERIES)
    for query in found:
        assert sorted(query.inputs["logGroupNames"]) == groups


def test_a_query_comes_after_the_groups_that_it_asks(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    functions = {function.name for function in tree.of_type(FUNCTION)}
    groups = {group.urn for group in tree.of_type(GROUP) if group.name in functions}
    for query in tree.of_type(QUERY):
        assert groups <= tree.everything_before(query)
