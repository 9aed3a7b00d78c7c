"""Every type: created as asked, read back with no difference, changed in place, replaced where AWS replaces."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.catalogue import Catalogue
from local.provider.differences import equal
from local.provider.documents import same
from local.provider.values import UNKNOWN, Archive
from tests.local.provider.cases import CASES
from tests.local.provider.engine import Engine
from tests.local.provider.world import World

NONE, SOME = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME
ELSEWHERE = {"aws:rds/instance:Instance", "aws:sqs/redrivePolicy:RedrivePolicy"}


def given(inputs: dict[str, Any]) -> dict[str, Any]:
    """Inputs as a program gives them: without what Check put in."""
    named = inputs.get("__defaults") or []
    return {name: value for name, value in inputs.items() if name != "__defaults" and name not in named}


def holds(asked: Any, found: Any) -> bool:
    """True when everything asked for is there; AWS may have added more."""
    if isinstance(asked, dict) and isinstance(found, dict):
        return all(holds(value, found.get(name)) for name, value in asked.items())
    if isinstance(asked, list) and isinstance(found, list) and any(isinstance(part, dict) for part in asked):
        return len(asked) == len(found) and all(map(holds, asked, found))
    return equal(asked, found) or same(asked, found)


def test_every_type_has_a_case() -> None:
    assert {case.type for case in CASES.values()} | ELSEWHERE == set(Catalogue().tokens())


@pytest.mark.parametrize("name", CASES)
def test_what_is_on_aws_is_what_was_asked_for(name: str, world: World, engine: Engine) -> None:
    held = world.held[name]
    found = engine.refresh(held)
    assert found is not None
    resource = Catalogue().resource(held.type)
    for property_, value in held.inputs.items():
        if property_ in resource.handles - resource.unreadable and not isinstance(value, Archive):
            assert holds(value, found.properties[property_]), property_


@pytest.mark.parametrize("name", CASES)
def test_a_refresh_right_after_shows_no_change(name: str, world: World, engine: Engine) -> None:
    held = world.held[name]
    found = engine.refresh(held)
    assert found is not None
    assert found.inputs == held.inputs
    assert found.properties == held.properties
    assert engine.diff(found, given(held.inputs)).changes == NONE


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.change])
def test_a_change_is_made_in_place(name: str, world: World, engine: Engine) -> None:
    held, change = world.held[name], CASES[name].change or {}
    before = given(held.inputs)
    changed = {**before, **change}
    answer = engine.diff(held, changed)
    assert answer.changes == SOME
    assert not answer.replaces
    assert set(answer.diffs) == set(change)
    updated = engine.update(held, changed)
    found = engine.refresh(updated)
    assert found is not None
    assert found.inputs == updated.inputs
    for property_, value in change.items():
        assert holds(value, found.properties[property_]), property_
    # And back, so that the others find the world as it was.
    world.held[name] = engine.update(found, before)
    again = engine.refresh(world.held[name])
    assert again is not None
    assert engine.diff(again, before).changes == NONE


REPLACED = [(name, property_) for name, case in CASES.items() for property_ in case.replaced]


@pytest.mark.parametrize(("name", "property_"), REPLACED)
def test_aws_would_replace(name: str, property_: str, world: World, engine: Engine) -> None:
    held = world.held[name]
    answer = engine.diff(held, {**given(held.inputs), property_: CASES[name].replaced[property_]})
    assert list(answer.replaces) == [property_]


def test_an_explicit_name_that_stays_is_deleted_before_it_is_replaced(world: World, engine: Engine) -> None:
    named, automatic = world.held["parameter-group"], world.held["group"]
    explicit = engine.create(named.type, "explicit", {**given(named.inputs), "name": "explicit"})
    assert engine.diff(
        explicit, {**given(explicit.inputs), "name": "explicit", "family": "postgres17"}
    ).deleteBeforeReplace
    assert not engine.diff(automatic, {**given(automatic.inputs), "description": "Other"}).deleteBeforeReplace
    engine.delete(explicit)


def test_a_rule_with_another_kind_of_peer_is_replaced(world: World, engine: Engine) -> None:
    held = world.held["out"]
    inputs = {name: value for name, value in given(held.inputs).items() if name != "cidrIpv4"}
    answer = engine.diff(held, {**inputs, "referencedSecurityGroupId": "sg-1"})
    assert sorted(answer.replaces) == ["cidrIpv4", "referencedSecurityGroupId"]
    assert not engine.diff(held, {**inputs, "cidrIpv4": "10.1.0.0/16"}).replaces


@pytest.mark.parametrize("name", CASES)
def test_what_aws_will_generate_is_unknown_in_a_preview(name: str, world: World, engine: Engine) -> None:
    held = world.held[name]
    planned = engine.preview(held.type, f"{name}-planned", given(held.inputs))
    for output in ("arn", "keyId", "url", "version", "result", "apiEndpoint", "uniqueId"):
        if output in held.properties and output not in held.inputs:
            assert planned[output] is UNKNOWN, output
    for property_, value in given(held.inputs).items():
        assert planned[property_] == value or isinstance(value, Archive)


def test_a_name_is_chosen_once_and_kept(engine: Engine) -> None:
    type_, inputs = "aws:ec2/securityGroup:SecurityGroup", {"description": "x", "vpcId": "vpc-1"}
    first = engine.check(type_, "functions", inputs)
    assert first.values["name"].startswith("functions-")
    assert len(first.values["name"]) == len("functions-") + 7
    later = engine.check(type_, "functions", inputs, first.values, seed=b"another")
    assert later.values["name"] == first.values["name"]
    assert engine.check(type_, "functions", inputs, seed=b"another").values["name"] != first.values["name"]
