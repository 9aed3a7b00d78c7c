"""Policies are whole in the first preview, before anything exists, and the same from run to run."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tests.infra.conftest import TreeOf
from tests.infra.resource_tree import MODEL, UNKNOWN, Tree, build


def test_no_document_of_a_first_preview_is_unknown_or_holds_null(first_preview: TreeOf, stack: str) -> None:
    documents = list(first_preview(stack).documents())
    assert len(documents) > 35
    for resource, key, text in documents:
        assert isinstance(text, str), f"{resource.name}.{key} is {text!r}"
        assert UNKNOWN not in text, f"{resource.name}.{key} is not known in a preview"
        assert None not in _values(json.loads(text)), f"{resource.name}.{key} holds null"


def test_a_first_preview_does_hold_unknowns_elsewhere(first_preview: TreeOf) -> None:
    """The twin: what AWS generates is marked unknown here, so a document built from it would be found."""
    function = first_preview("dev").one("aws:lambda/function:Function", "device-check")
    assert function.inputs["environment"] == UNKNOWN or UNKNOWN in json.dumps(function.inputs["environment"])


def test_two_stacks_with_other_generated_ids_have_the_same_documents(stack: str) -> None:
    first, second = build(stack, seed=1), build(stack, seed=2)
    assert first.outputs["api_url"] != second.outputs["api_url"]
    rendered, again = (sorted((r.urn, key, text) for r, key, text in tree.documents()) for tree in (first, second))
    assert rendered == again


def test_documents_are_in_canonical_order(first_preview: TreeOf, stack: str) -> None:
    for resource, key, text in first_preview(stack).documents():
        assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")), f"{resource.name}.{key}"


def test_one_changed_row_policy_is_one_changed_line_of_the_invocations_input(first_preview: TreeOf) -> None:
    policy = "public.images.images_select_own"
    other = dataclasses.replace(MODEL, model={**MODEL.model, "policies": {policy: "create policy another"}})
    before = _invocation_input(first_preview("dev"))
    after = _invocation_input(build("dev", preview=True, model=other))
    assert before["model"]["policies"].pop(policy) != after["model"]["policies"].pop(policy)
    assert before == after


def test_the_invocation_is_create_only_and_names_the_published_version(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    (invocation,) = tree.of_type("aws:lambda/invocation:Invocation")
    assert invocation.inputs["lifecycleScope"] == "CREATE_ONLY"
    assert invocation.inputs["qualifier"] == "1"
    assert tree.one("aws:lambda/function:Function", "database-admin").inputs["publish"] is True
    assert _invocation_input(tree)["schema_versions"] == dict(MODEL.schema_versions)


def _invocation_input(tree: Tree) -> dict[str, Any]:
    (invocation,) = tree.of_type("aws:lambda/invocation:Invocation")
    content: dict[str, Any] = json.loads(invocation.inputs["input"])
    return content


def _values(value: object) -> list[object]:
    if isinstance(value, dict):
        return [inner for item in value.values() for inner in _values(item)]
    if isinstance(value, list):
        return [inner for item in value for inner in _values(item)]
    return [value]


def test_a_test_whose_output_stays_unknown_does_not_pass_in_silence() -> None:
    """In a preview, a callback on an unknown output never runs: trees are read after the run, not in callbacks."""
    tree = build("dev", preview=True)
    assert tree.outputs == {}
    with pytest.raises(AssertionError, match="0 resources"):
        tree.one("aws:s3/bucket:Bucket", "nowhere")
