"""Every rule of the access model gets mutants, and the list of equivalent ones is held to what is tried."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from policies.errors import PolicyError
from policies.review.mutation import equivalents
from policies.review.mutation.document_judge import DocumentJudge
from policies.review.mutation.documents import document_mutants
from policies.review.mutation.equivalents import Equivalent, wrong
from policies.review.mutation.model import model_mutants
from policies.review.mutation.mutants import OPERATORS
from policies.review.mutation.tries import sample
from policies.review.stacks import Stack

TABLES = ["auth.users", "public.images"]


@pytest.fixture(scope="module")
def dev(models: dict[str, Stack]) -> Stack:
    return models["dev"]


def test_every_statement_and_every_condition_has_a_mutant(dev: Stack) -> None:
    found = Counter((mutant.operator, mutant.target) for mutant in document_mutants(dev))
    mutated = {target.split()[0] for _, target in found}
    for document in dev.documents:
        for statement in document.statements if document.name in mutated else ():
            target = f"{document.name} {statement['Sid']}"
            assert found["drop-statement", target] == 1, target
            keys = sum(len(block) for block in statement.get("Condition", {}).values())
            assert found["drop-condition", target] == keys, target
            if statement["Effect"] == "Allow" and "rds-db:connect" not in statement["Action"]:
                assert found["widen-action", target] >= 1, target


def test_documents_without_mutants_are_of_functions_that_no_stack_has(dev: Stack) -> None:
    mutated = {mutant.target.split()[0] for mutant in document_mutants(dev)}
    without = {document.name for document in dev.documents} - mutated
    deployed = {resource.label.removeprefix("function ").replace("-", "_") for resource in dev.of_kind("function")}
    assert all(name.startswith("users/") and name.removeprefix("users/") not in deployed for name in without), without


def test_every_grant_policy_membership_role_and_function_has_a_mutant(dev: Stack) -> None:
    found = Counter((mutant.operator, mutant.target) for mutant in model_mutants(dev, TABLES))
    sections = {"grants": "drop-grant", "policies": "drop-policy", "memberships": "drop-membership"}
    sections |= {"roles": "role-bypassrls", "functions": "function-definer"}
    for section, name in sections.items():
        for key in dev.postgres[section]:
            assert found[name, key.replace("rendio_dev_", "")] == 1, key
    for table in TABLES:
        assert found["no-force", table] == found["no-row-security", table] == 1


def test_mutants_are_named_alike_on_every_stack_and_once(models: dict[str, Stack]) -> None:
    ids = {name: [one.id for one in [*document_mutants(model), *model_mutants(model, TABLES)]]
           for name, model in models.items()}  # fmt: skip
    assert max(Counter(ids["dev"]).values()) == 1
    assert set(ids["prod"]) <= set(ids["dev"])
    of_dev_alone = set(ids["dev"]) - set(ids["prod"])
    assert of_dev_alone
    assert all("users/deployer EmptyBucketsThatGo" in one for one in of_dev_alone)  # prod's buckets never go
    assert len(OPERATORS) > 30
    assert not [one for one in ids["dev"] if "rendio_dev" in one or "rendio-dev" in one]


def test_a_sample_is_the_same_for_its_seed_and_has_every_operator(dev: Stack) -> None:
    mutants = [*document_mutants(dev), *model_mutants(dev, TABLES)]
    first = sample(mutants, 60, 7)
    assert first == sample(mutants, 60, 7)
    assert first != sample(mutants, 60, 8)
    assert len(first) == 60
    assert {one.operator for one in first} == {one.operator for one in mutants}


def test_the_judge_notices_what_the_tag_and_the_trust_keep_out(dev: Stack) -> None:
    judge = DocumentJudge(dev)
    by = {mutant.id: judge.catches(mutant) for mutant in document_mutants(dev) if "user-storage" in mutant.target}
    caught = {name for name, catch in by.items() if catch is not None}
    assert any(name.startswith("widen-tag") for name in caught)
    assert any(name.startswith("cut-slash") for name in caught)
    assert any("aws:TagKeys" in name for name in caught)


def test_an_entry_for_what_is_caught_or_for_nothing_is_wrong() -> None:
    listed = [Equivalent("drop-a: x", "why"), Equivalent("drop-b: *", "why")]
    assert wrong(listed, caught=[], survived=["drop-a: x", "drop-b: y [z]"], whole=True) == []
    assert wrong(listed, caught=["drop-a: x"], survived=["drop-b: y"], whole=True) == [
        "drop-a: x is caught, and listed as equivalent",
        "'drop-a: x' names no mutant that survives",
    ]
    assert wrong(listed, caught=[], survived=["drop-a: x"], whole=False) == []


@pytest.mark.parametrize("text", ["- mutants: [a]", "- {mutants: [a], because: ''}", "- {mutants: [a], why: b}"])
def test_an_entry_without_its_proof_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "list.yaml"
    file.write_text(text)
    with pytest.raises(PolicyError, match="entry 1"):
        equivalents.read(file)


def test_the_committed_list_can_be_read() -> None:
    assert all(len(entry.because.split()) > 5 for entry in equivalents.read())
