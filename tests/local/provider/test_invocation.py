"""An invocation runs when it is created, again when its input changes, and never else."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.local.provider.engine import Engine, Refused
from tests.local.provider.test_lifecycle import given
from tests.local.provider.world import World, archive

INVOCATION = "aws:lambda/invocation:Invocation"


def inputs(world: World, **more: Any) -> dict[str, Any]:
    return {"functionName": "rendio-local-case", "lifecycleScope": "CREATE_ONLY", "input": "{}", **more}


def test_its_result_is_the_function_s_answer(world: World, engine: Engine) -> None:
    held = engine.create(INVOCATION, "answered", inputs(world, input='{"a":1}', qualifier=world["function"]["version"]))
    assert held.properties["result"] == '{"did": {"a": 1}}'
    found = engine.refresh(held)
    assert found is not None
    assert found.properties == held.properties


def test_its_failure_is_told_in_the_function_s_own_words(world: World, engine: Engine) -> None:
    with pytest.raises(Refused, match='relation "nowhere" does not exist'):
        engine.create(INVOCATION, "failing", inputs(world, input='{"fail": true}'))


def test_a_changed_model_shows_where_it_changed(world: World, engine: Engine) -> None:
    held = world.held["invocation"]
    answer = engine.diff(held, {**given(held.inputs), "input": '{"model": {"a": 3}}'})
    assert answer.detailedDiff["input"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert not answer.deleteBeforeReplace, "the old state is kept when the new run fails"


def test_new_code_makes_the_version_unknown_in_a_preview_and_a_new_one_in_an_update(
    world: World, engine: Engine, program: Any
) -> None:
    held = world.held["function"]
    changed = {**given(held.inputs), "code": archive("more-code", "2")}
    (program / "more-code").mkdir(exist_ok=True)
    (program / "more-code" / "function.py").write_text("def handler(event, context):\n    return 'new'\n")
    planned = engine.update(held, changed, preview=True)
    assert planned.properties["version"] != held.properties["version"]
    updated = engine.update(held, changed)
    assert int(updated.properties["version"]) == int(held.properties["version"]) + 1
    again = engine.create(INVOCATION, "new-code", inputs(world, qualifier=updated.properties["version"]))
    assert again.properties["result"] == '"new"'
    world.held["function"] = engine.update(updated, given(held.inputs))
